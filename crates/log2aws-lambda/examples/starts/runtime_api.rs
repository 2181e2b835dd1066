//! The part of the Lambda Runtime API that a function needs to handle one event at a time.
//!
//! Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Fault, wire};

/// How often to check that a silent function is still alive.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request of the function.
enum Told {
    /// It asked for the next event.
    Asked(Instant),
    /// Its response to the last event, and how long it took.
    Answered(Duration, Vec<u8>),
    /// It reported an error.
    Failed(Vec<u8>),
}

/// The next event, and when the last one was handed out.
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
    /// Starts listening.
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
                // An error here ends the connection, and with it the function.
                std::thread::spawn(move || converse(&stream, &tell, &waiting));
            }
        });
        Ok(Self { address, told, events })
    }

    /// Waits until the function requests an event.
    pub(crate) fn asked(&self, function: &mut Child) -> Result<Instant, Fault> {
        match self.told(function)? {
            Told::Asked(at) => Ok(at),
            Told::Answered(_, what) | Told::Failed(what) => Err(unexpected(&what)),
        }
    }

    /// Hands an event to a function that has requested one, and waits for its next request; returns
    /// the duration and the response.
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

    /// The function's next request, while it is alive.
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
            // Locked until the event is written, because the response may come over another
            // connection.
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
