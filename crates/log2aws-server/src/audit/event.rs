//! One event of the audit log, and its line of JSON.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;
use log2aws_core::plain_text::is_hidden_control;
use serde::{Deserialize, Serialize};

/// The names of all events.
pub const EVENTS: [&str; 18] = [
    "url",
    "put",
    "get",
    "head",
    "list",
    "delete",
    "copy",
    "upload_create",
    "upload_part",
    "upload_complete",
    "upload_abort",
    "login",
    "logout",
    "setting",
    "other",
    "start",
    "stop",
    "dropped",
];

/// The longest line that is written, in bytes, including the newline.
pub const MAX_LINE_BYTES: usize = 24 * 1024;

/// The maximum length of an object key and of `detail`, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// The maximum length of every other text field, in bytes: that of a server name.
const MAX_FIELD_BYTES: usize = 256;

/// Who did what. Fields that are unknown, or do not apply to an event, are omitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When it ended.
    #[serde(with = "milliseconds")]
    pub time: Timestamp,
    /// The kind of event, one of [`EVENTS`].
    pub event: Cow<'static, str>,
    /// The address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<IpAddr>,
    /// The identity: an access key of the S3 API, `url` for the key that signs URLs, `token:NAME`
    /// for a dashboard token. For a refused request, the key that it claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The server whose log it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The day of the log, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The key of the object; for a list, its prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The version of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The size of the object that was put, or of the part that was sent, in bytes. For a URL, the
    /// size that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Further details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// For `dropped`: the number of lines that could not be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

impl AuditEvent {
    /// An event with a time and a kind and no other field yet.
    pub fn new(time: Timestamp, event: &'static str) -> Self {
        Self {
            time,
            event: Cow::Borrowed(event),
            client_ip: None,
            principal: None,
            server: None,
            date: None,
            bucket: None,
            key: None,
            version: None,
            bytes: None,
            status: None,
            reason: None,
            detail: None,
            lines: None,
        }
    }

    /// Whether this was an authorized action, as opposed to one that anybody who can connect can
    /// cause. The status says it, not the claimed principal: nothing is answered with success
    /// unless it was authorized. A redirect to the login needs no authorization, and has no
    /// principal.
    pub(crate) fn is_accepted(&self) -> bool {
        match self.status {
            Some(300..400) => self.principal.is_some(),
            Some(status) => status < 400,
            // The server's own events have no status.
            None => self.reason.is_none(),
        }
    }

    /// The JSON line, including the newline. Terminal control characters are escaped.
    ///
    /// # Errors
    /// An error of the serializer; no value of this type causes one.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_string(&self.bounded())?;
        let mut line = String::with_capacity(json.len() + 1);
        for c in json.chars() {
            if is_hidden_control(c) {
                // Only inside strings: everything between them is ASCII.
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to memory does not fail.
                    write!(line, "\\u{unit:04x}").unwrap_or_default();
                }
            } else {
                line.push(c);
            }
        }
        line.push('\n');
        Ok(line)
    }

    /// A copy with every text cut to the maximum length of its field.
    fn bounded(&self) -> Self {
        let cut =
            |text: &Option<String>| text.as_deref().map(|text| bounded(text, MAX_FIELD_BYTES));
        let cut_key =
            |text: &Option<String>| text.as_deref().map(|text| bounded(text, MAX_KEY_BYTES));
        Self {
            principal: cut(&self.principal),
            server: cut(&self.server),
            date: cut(&self.date),
            bucket: cut(&self.bucket),
            key: cut_key(&self.key),
            version: cut(&self.version),
            reason: cut(&self.reason),
            detail: cut_key(&self.detail),
            ..self.clone()
        }
    }
}

/// At most `max` bytes of a text; `…` marks a cut.
fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max)])
}

/// RFC 3339 in UTC with milliseconds, so that the lines of a file sort as text.
mod milliseconds {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{time:.3}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put() -> AuditEvent {
        AuditEvent::new(Timestamp::from_millisecond(1_564_617_600_020).unwrap(), "put")
    }

    #[test]
    fn a_line_has_what_is_known_and_is_read_again() {
        let event = AuditEvent {
            client_ip: Some("203.0.113.7".parse().unwrap()),
            principal: Some("url".to_owned()),
            key: Some("web01/2019-08-01.log".to_owned()),
            bytes: Some(12),
            status: Some(200),
            ..put()
        };
        let line = event.to_line().unwrap();
        assert_eq!(
            line,
            "{\"time\":\"2019-08-01T00:00:00.020Z\",\"event\":\"put\",\
             \"client_ip\":\"203.0.113.7\",\"principal\":\"url\",\
             \"key\":\"web01/2019-08-01.log\",\"bytes\":12,\"status\":200}\n"
        );
        assert_eq!(serde_json::from_str::<AuditEvent>(&line).unwrap(), event);
    }

    #[test]
    fn no_text_ends_a_line_reaches_a_terminal_or_makes_it_long() {
        let hostile = "\n\u{1b}[2J\u{9b}\u{202e}\u{7f}\0\"\\".repeat(500);
        let all = || Some(hostile.clone());
        let event = AuditEvent {
            principal: all(),
            server: all(),
            date: all(),
            bucket: all(),
            key: all(),
            version: all(),
            reason: all(),
            detail: all(),
            ..put()
        };
        let line = event.to_line().unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert!(line.chars().all(|c| c == '\n' || !is_hidden_control(c)), "{line}");
        let read: AuditEvent = serde_json::from_str(&line).unwrap();
        let key = read.key.unwrap();
        assert!(key.starts_with("\n\u{1b}[2J\u{9b}\u{202e}\u{7f}\0\"\\\n") && key.ends_with('…'));
        assert!(line.len() <= MAX_LINE_BYTES, "{}", line.len());
        let long = AuditEvent { key: Some("日".repeat(1000)), ..put() };
        assert!(long.to_line().unwrap().len() < MAX_KEY_BYTES + 100);
    }

    #[test]
    fn what_anybody_can_cause_is_not_accepted() {
        let with = |event: &'static str, principal: Option<&str>, status: Option<u16>| AuditEvent {
            principal: principal.map(str::to_owned),
            status,
            ..AuditEvent::new(Timestamp::UNIX_EPOCH, event)
        };
        assert!(with("put", Some("url"), Some(200)).is_accepted());
        assert!(with("url", None, Some(200)).is_accepted());
        assert!(with("delete", None, Some(204)).is_accepted(), "whatever it claimed");
        assert!(with("login", Some("token:default"), Some(303)).is_accepted());
        assert!(with("start", None, None).is_accepted());
        assert!(!with("url", None, Some(403)).is_accepted());
        assert!(!with("get", None, Some(303)).is_accepted(), "a page without a login");
        let gone =
            AuditEvent { reason: Some("connection_closed".into()), ..with("put", None, None) };
        assert!(!gone.is_accepted());
    }
}
