//! What one hostile address does beside honest deliveries: it holds connections, and sends as
//! little as it can on each.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Many connections of one kind. Those that the server closes are opened again.
pub(super) struct Swarm {
    pub(super) connections: usize,
    /// What each sends when it is opened.
    pub(super) opening: Vec<u8>,
    /// What each sends in every round.
    pub(super) drip: &'static [u8],
    pub(super) round: Duration,
}

impl Swarm {
    /// Attacks until `stop` is set.
    pub(super) fn run(&self, address: SocketAddr, stop: &AtomicBool) {
        let mut streams: Vec<Option<TcpStream>> = (0..self.connections).map(|_| None).collect();
        while !stop.load(Ordering::Relaxed) {
            for slot in &mut streams {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let alive = slot.as_mut().is_some_and(|stream| drip(stream, self.drip));
                if !alive {
                    // Refused: tried again in the next round.
                    *slot = self.open(address).ok();
                }
            }
            std::thread::sleep(self.round);
        }
    }

    fn open(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.opening)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

/// Sends a little more; tells whether the connection is still open. Answers are thrown away.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    let mut answer = [0; 4096];
    loop {
        match stream.read(&mut answer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return false,
        }
    }
    match stream.write_all(bytes) {
        Ok(()) => true,
        Err(e) => e.kind() == ErrorKind::WouldBlock,
    }
}
