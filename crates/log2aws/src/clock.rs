//! The machine's clock: the only place where this program asks for the time.

use jiff::Timestamp;
use log2aws_service::ports::Clock;

/// The time as the operating system has it.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
