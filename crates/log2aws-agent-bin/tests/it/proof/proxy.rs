//! The fault proxy between the agent and a server.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::faults::{Canned, Fault, Leg, Step};
use super::wire::{self, Head};

/// Longer than any timeout of the agent.
const FOREVER: Duration = Duration::from_mins(1);

/// After this many seconds a URL has expired.
const EXPIRED: i64 = 301;

type Chooser = dyn FnMut(Leg) -> Fault + Send;

/// The proxy; stops when this is dropped.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    listener: TcpListener,
    address: SocketAddr,
    server: SocketAddr,
    /// How many seconds the server's signing clock is ahead.
    ahead: Arc<AtomicI64>,
    chooser: Mutex<Box<Chooser>>,
    victim: Mutex<Option<Child>>,
    ended: AtomicBool,
    seen: Mutex<Seen>,
}

/// What the proxy saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Requests in order, and the fault of each.
    pub(crate) requests: Vec<(Leg, Fault)>,
    /// Requests that an agent must never send.
    pub(crate) breaches: Vec<String>,
    in_flight: usize,
}

impl Seen {
    /// How often each kind of fault occurred.
    pub(crate) fn count(&self) -> BTreeMap<(Leg, String), usize> {
        let mut count = BTreeMap::new();
        for (leg, fault) in &self.requests {
            *count.entry((*leg, fault.name())).or_default() += 1;
        }
        count
    }
}

impl Proxy {
    /// A proxy on `listener` that forwards everything.
    pub(crate) fn start(listener: TcpListener, server: SocketAddr, ahead: Arc<AtomicI64>) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            listener,
            address,
            server,
            ahead,
            chooser: Mutex::new(Box::new(|_| Fault::None)),
            victim: Mutex::default(),
            ended: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        let this = Arc::clone(&shared);
        thread::spawn(move || this.accept());
        Self { shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Sets the function that chooses the fault of each request.
    pub(crate) fn choose(&self, chooser: impl FnMut(Leg) -> Fault + Send + 'static) {
        *self.shared.chooser.lock().unwrap() = Box::new(chooser);
    }

    /// From now on there are no faults.
    pub(crate) fn calm(&self) {
        self.choose(|_| Fault::None);
    }

    /// The process that [`Fault::Kill`] kills.
    pub(crate) fn aim(&self, victim: Child) {
        *self.shared.victim.lock().unwrap() = Some(victim);
    }

    /// Kills the victim now.
    pub(crate) fn kill(&self) {
        self.shared.kill();
    }

    /// Returns how the victim ended, if it has, and forgets it.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        let mut victim = self.shared.victim.lock().unwrap();
        let status = victim.as_mut()?.try_wait().unwrap();
        if status.is_some() {
            *victim = None;
        }
        status
    }

    pub(crate) fn seen(&self) -> Seen {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Waits until no request is in progress. What a killed agent sent may still arrive.
    pub(crate) fn settle(&self) {
        let begin = Instant::now();
        while self.shared.seen.lock().unwrap().in_flight > 0 {
            assert!(begin.elapsed() < FOREVER, "a request is on its way for ever");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.kill();
        if let Some(victim) = &mut *self.shared.victim.lock().unwrap() {
            let _ = victim.wait();
        }
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.shared.address);
    }
}

/// Whether a connection continues after an exchange.
enum Then {
    GoOn,
    Close,
    Reset,
}

impl Shared {
    fn accept(self: Arc<Self>) {
        for client in self.listener.incoming() {
            if self.ended.load(Ordering::SeqCst) {
                break;
            }
            let (this, client) = (Arc::clone(&self), client.unwrap());
            thread::spawn(move || this.serve(&client));
        }
    }

    fn kill(&self) {
        if let Some(victim) = &mut *self.victim.lock().unwrap() {
            victim.kill().unwrap();
        }
    }

    fn serve(&self, client: &TcpStream) {
        let _ = client.set_nodelay(true);
        let mut reader = BufReader::with_capacity(1024, client);
        while let Ok(Some(head)) = Head::read(&mut reader) {
            self.seen.lock().unwrap().in_flight += 1;
            let then = self.exchange(&mut reader, &head);
            self.seen.lock().unwrap().in_flight -= 1;
            match then {
                Ok(Then::GoOn) => {}
                Ok(Then::Close) => break,
                // What a killed agent did not send or read is not a failure.
                Err(error) => {
                    if error.kind() == io::ErrorKind::InvalidData {
                        self.seen.lock().unwrap().breaches.push(error.to_string());
                    }
                    break;
                }
                Ok(Then::Reset) => {
                    let _ = set_socket_linger(client, Some(Duration::ZERO));
                    break;
                }
            }
        }
    }

    fn exchange(&self, reader: &mut BufReader<&TcpStream>, head: &Head) -> io::Result<Then> {
        let client = *reader.get_ref();
        let length = head.body_length()?;
        let leg = if head.method() == "PUT" { Leg::Store } else { Leg::Api };
        let fault = (self.chooser.lock().unwrap())(leg);
        self.seen.lock().unwrap().requests.push((leg, fault));
        let canned = |canned: Canned| canned.bytes(&self.address.to_string());
        let write = |bytes: &[u8]| (&mut &*client).write_all(bytes);
        match fault {
            Fault::Reset => return Ok(Then::Reset),
            Fault::StallRequest => return stall(client),
            Fault::Early(answer) => {
                write(&canned(answer))?;
                return Ok(Then::Close);
            }
            Fault::Kill(Step::Head) => {
                self.kill();
                return Ok(Then::Close);
            }
            Fault::CutRequest(at) => {
                let body = wire::read_bytes(reader, length * usize::from(at) / 1000)?;
                // A request without a body is cut within its head.
                let head = if length == 0 { wire::part(&head.0, at) } else { &head.0 };
                let mut server = TcpStream::connect(self.server)?;
                server.write_all(&[head, &body].concat())?;
                return Ok(Then::Reset);
            }
            _ => {}
        }

        let mut body = wire::read_bytes(reader, length)?;
        let mut head = head.0.clone();
        match fault {
            Fault::Canned(answer) => {
                write(&canned(answer))?;
                return Ok(Then::GoOn);
            }
            Fault::Kill(Step::UrlRequest) => {
                self.kill();
                return Ok(Then::Close);
            }
            Fault::GarbleRequest(at) if body.is_empty() => wire::garble(&mut head, at),
            Fault::GarbleRequest(at) => wire::garble(&mut body, at),
            Fault::Expire => self.ahead.store(-EXPIRED, Ordering::SeqCst),
            _ => {}
        }
        let garbled = matches!(fault, Fault::GarbleRequest(_));
        let forwarded = self.forward(&head, &body, garbled);
        self.ahead.store(0, Ordering::SeqCst);
        let (status, mut answer) = forwarded?;
        match fault {
            Fault::LoseAnswer => return Ok(Then::Reset),
            Fault::Kill(Step::Taken) => {
                self.kill();
                return Ok(Then::Close);
            }
            Fault::Replace(other) => {
                write(&canned(other))?;
                return Ok(Then::GoOn);
            }
            Fault::CutAnswer(at) => {
                write(wire::part(&answer, at))?;
                return Ok(Then::Close);
            }
            Fault::StallAnswer(at) => {
                write(wire::part(&answer, at))?;
                return stall(client);
            }
            Fault::Kill(Step::HalfAnswered) => {
                write(wire::part(&answer, 500))?;
                self.kill();
                return Ok(Then::Close);
            }
            // A flipped bit could turn a refusal into an acknowledgement, indistinguishable from a
            // real one.
            Fault::GarbleAnswer(at) if status == 200 => wire::garble(&mut answer, at),
            Fault::Slow => {
                for piece in answer.chunks(answer.len() / 20 + 1) {
                    write(piece)?;
                    thread::sleep(Duration::from_millis(2));
                }
                return Ok(Then::GoOn);
            }
            _ => {}
        }
        write(&answer)?;
        Ok(match fault {
            Fault::HangUp => Then::Close,
            Fault::Kill(Step::Answered) => {
                thread::sleep(Duration::from_micros(answer.len() as u64 % 7 * 150));
                self.kill();
                Then::Close
            }
            _ => Then::GoOn,
        })
    }

    /// The server's status and complete response. A `garbled` request may announce more bytes than
    /// it has, so the server must not wait for them.
    fn forward(&self, head: &[u8], body: &[u8], garbled: bool) -> io::Result<(u16, Vec<u8>)> {
        let mut server = TcpStream::connect(self.server)?;
        server.set_nodelay(true)?;
        server.set_read_timeout(Some(FOREVER))?;
        // The server may respond and close before it has read everything.
        let _ = server.write_all(&[head, body].concat());
        if garbled {
            server.shutdown(Shutdown::Write)?;
        }
        let mut reader = BufReader::new(server);
        let head = Head::read(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = wire::read_bytes(&mut reader, head.body_length()?)?;
        Ok((head.status(), [head.0, body].concat()))
    }
}

/// Sends nothing until the client gives up.
fn stall(mut client: &TcpStream) -> io::Result<Then> {
    client.set_read_timeout(Some(FOREVER))?;
    let mut bytes = [0; 4096];
    while client.read(&mut bytes)? > 0 {}
    Ok(Then::Close)
}
