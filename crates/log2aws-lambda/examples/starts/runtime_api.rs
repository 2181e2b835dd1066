//! The Lambda Runtime API, as far as one function needs it that answers one event at a time.
//!
//! Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Fault, wire};

/// How long a function may keep silent before it is looked after.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the function did.
enum Told {
    /// It asked for the next event.
    Asked(Instant),
    /// It answered the last one: how long that took, and what.
    Answered(Duration, Vec<u8>),
    /// It said that it could not.
    Failed(Vec<u8>),
}

/// What the function is to be given, and when it was given the last.
struct Waiting {
    events: Receiver<Vec<u8>>,
    given: Instant,
}

/// The API for one process.
pub(crate) struct RuntimeApi {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    told: Receiver<Told>,
    events: Sender<Vec<u8>>,
}

impl RuntimeApi {
    /// Begins to listen.
    pub(crate) fn open() -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tell, told) = channel();
        let (events, waiting) = channel();
        let waiting = Waiting { events: waiting, given: Instant::now() };
        let waiting = Arc::new(Mutex::new(waiting));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tell, waiting) = (tell.clone(), Arc::clone(&waiting));
                // What goes wrong here ends the connection, and with it the function.
                std::thread::spawn(move || converse(&stream, &tell, &waiting));
            }
        });
        Ok(Self { address, told, events })
    }

    /// Waits until the function, which is this process, asks for an event.
    pub(crate) fn asked(&self, function: &mut Child) -> Result<Instant, Fault> {
        match self.told(function)? {
            Told::Asked(at) => Ok(at),
            Told::Answered(_, what) | Told::Failed(what) => Err(unexpected(&what)),
        }
    }

    /// Gives a function that has asked an event, and waits until it asks again: how long the
    /// answer took, and the answer.
    pub(crate) fn invoke(
        &self,
        function: &mut Child,
        event: &[u8],
    ) -> Result<(Duration, Vec<u8>), Fault> {
        self.events.send(event.to_owned())?;
        let done = match self.told(function)? {
            Told::Answered(took, body) => (took, body),
            Told::Asked(_) => return Err("the function asked twice".into()),
            Told::Failed(what) => return Err(unexpected(&what)),
        };
        self.asked(function)?;
        Ok(done)
    }

    /// What the function does next, as long as it lives.
    fn told(&self, function: &mut Child) -> Result<Told, Fault> {
        loop {
            match self.told.recv_timeout(PATIENCE) {
                Err(RecvTimeoutError::Timeout) if function.try_wait()?.is_none() => {}
                Err(RecvTimeoutError::Timeout) => return Err("the function has ended".into()),
                told => return Ok(told?),
            }
        }
    }
}

fn unexpected(what: &[u8]) -> Fault {
    format!("the function says: {}", String::from_utf8_lossy(what)).into()
}

fn converse(
    stream: &TcpStream,
    tell: &Sender<Told>,
    waiting: &Mutex<Waiting>,
) -> Result<(), Fault> {
    stream.set_nodelay(true)?;
    let (mut from, mut to) = (BufReader::new(stream), stream);
    while let Some(request) = wire::read(&mut from)? {
        let now = Instant::now();
        if request.path.ends_with("/invocation/next") {
            tell.send(Told::Asked(now))?;
            // Held until the event is written: the answer may come over another connection.
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let event = waiting.events.recv()?;
            let headers = "Content-Type: application/json\r\n\
                Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n";
            waiting.given = Instant::now();
            wire::answer(&mut to, "200 OK", headers, &event)?;
        } else {
            let given = waiting.lock().unwrap_or_else(PoisonError::into_inner).given;
            wire::answer(&mut to, "202 Accepted", "", b"")?;
            tell.send(if request.path.ends_with("/response") {
                Told::Answered(now.duration_since(given), request.body)
            } else {
                Told::Failed(request.body)
            })?;
        }
    }
    Ok(())
}
