//! Everything that can go wrong between the agent and the store.

use fastrand::Rng;

/// One of the two requests of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leg {
    /// The request for a URL.
    Api,
    /// The upload.
    Store,
}

/// What happens to a request. Numbers are positions in a message, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No fault.
    None,
    /// The server never sees it: reset after its head.
    Reset,
    /// The server sees part of it: then both connections are closed.
    CutRequest(u16),
    /// There is no response at all.
    StallRequest,
    /// One bit of it is flipped on its way to the server.
    GarbleRequest(u16),
    /// An impostor responds.
    Canned(Canned),
    /// An impostor responds before the body is read, and closes.
    Early(Canned),
    /// The server's clock is briefly behind, so that the URL has expired when it is issued.
    Expire,
    /// The server responds, but the response is lost in a reset.
    LoseAnswer,
    /// The response ends here.
    CutAnswer(u16),
    /// The response stops here, and the connection stays open.
    StallAnswer(u16),
    /// One bit of the response is flipped.
    GarbleAnswer(u16),
    /// The server succeeds; an impostor says otherwise.
    Replace(Canned),
    /// The response is slow.
    Slow,
    /// The response is right; then the connection is closed without notice.
    HangUp,
    /// The agent is killed at this step.
    Kill(Step),
}

/// A moment during a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Its head has arrived.
    Head,
    /// It has arrived, and has not been forwarded.
    UrlRequest,
    /// The server has responded; the agent does not know.
    Taken,
    /// The agent has half of the response.
    HalfAnswered,
    /// The agent has just received the response.
    Answered,
}

/// Responses of impostors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canned {
    Forbidden,
    NotFound,
    TooMany,
    TooManyUntil,
    Failed,
    Busy,
    Moved,
    MovedInCircles,
    MovedNowhere,
    /// A captive portal: 200.
    Portal,
    /// 200 with an error text.
    Error200,
    /// 200 with an empty body.
    Empty200,
    Accepted,
    NoContent,
    NotHttp,
    Endless,
}

impl Canned {
    pub(crate) const ALL: [Self; 16] = [
        Self::Forbidden,
        Self::NotFound,
        Self::TooMany,
        Self::TooManyUntil,
        Self::Failed,
        Self::Busy,
        Self::Moved,
        Self::MovedInCircles,
        Self::MovedNowhere,
        Self::Portal,
        Self::Error200,
        Self::Empty200,
        Self::Accepted,
        Self::NoContent,
        Self::NotHttp,
        Self::Endless,
    ];

    /// The bytes of the response; `address` is its origin.
    pub(crate) fn bytes(self, address: &str) -> Vec<u8> {
        let xml = |code: &str| format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        let page = "<!DOCTYPE html><html><title>Log in</title>Welcome!</html>";
        let moved = |to: String| format!("location: {to}\r\n");
        let (status, headers, body) = match self {
            Self::Forbidden => ("403 Forbidden", String::new(), xml("AccessDenied")),
            Self::NotFound => ("404 Not Found", String::new(), page.to_owned()),
            Self::TooMany => ("429 Too Many Requests", "retry-after: 7\r\n".into(), String::new()),
            Self::TooManyUntil => (
                "429 Too Many Requests",
                "retry-after: Fri, 31 Dec 2021 23:59:59 GMT\r\n".into(),
                String::new(),
            ),
            Self::Failed => ("500 Internal Server Error", String::new(), xml("InternalError")),
            Self::Busy => ("503 Slow Down", "retry-after: 2\r\n".into(), xml("SlowDown")),
            Self::Moved => {
                ("307 Temporary Redirect", moved(format!("http://{address}/moved/")), String::new())
            }
            Self::MovedInCircles => ("302 Found", moved("/?again".into()), String::new()),
            Self::MovedNowhere => ("301 Moved Permanently", String::new(), page.to_owned()),
            Self::Portal => ("200 OK", "content-type: text/html\r\n".into(), page.to_owned()),
            Self::Error200 => ("200 OK", String::new(), xml("InternalError")),
            Self::Empty200 => ("200 OK", String::new(), String::new()),
            Self::Accepted => ("202 Accepted", String::new(), String::new()),
            Self::NoContent => return b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            Self::NotHttp => return b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n\r\n".to_vec(),
            Self::Endless => ("200 OK", String::new(), "x".repeat(300_000)),
        };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
    }
}

impl Fault {
    /// Every kind except kills, at positions chosen by the seed.
    pub(crate) fn kinds(rng: &mut Rng) -> Vec<Self> {
        let mut kinds = vec![
            Self::None,
            Self::Reset,
            Self::CutRequest(rng.u16(..1000)),
            Self::StallRequest,
            Self::GarbleRequest(rng.u16(..1000)),
            Self::Expire,
            Self::LoseAnswer,
            Self::CutAnswer(rng.u16(..1000)),
            Self::StallAnswer(rng.u16(..1000)),
            Self::GarbleAnswer(rng.u16(..1000)),
            Self::Slow,
            Self::HangUp,
        ];
        for canned in Canned::ALL {
            kinds.extend([Self::Canned(canned), Self::Early(canned), Self::Replace(canned)]);
        }
        kinds
    }

    /// Any fault; impostors are no more frequent than the rest together.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let kinds = Self::kinds(rng);
        if rng.u64(..100) < 60 {
            *rng.choice(&kinds[1..12]).unwrap()
        } else {
            *rng.choice(&kinds[12..]).unwrap()
        }
    }

    /// A kill at any step.
    pub(crate) fn kill(rng: &mut Rng) -> Self {
        Self::Kill(*rng.choice(&Step::ALL).unwrap())
    }

    /// The kind alone, for statistics.
    pub(crate) fn name(self) -> String {
        let text = format!("{self:?}");
        match self {
            Self::Kill(_) => text,
            _ => text.split('(').next().unwrap().to_owned(),
        }
    }
}

impl Step {
    pub(crate) const ALL: [Self; 5] =
        [Self::Head, Self::UrlRequest, Self::Taken, Self::HalfAnswered, Self::Answered];
}
