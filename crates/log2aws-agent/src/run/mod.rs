//! `run`: samples at clock marks and ships once a day, as one service.
//!
//! [`Schedule`] decides when, the loop in `service` what, over the port [`Host`]; [`System`] is the
//! real machine.

mod lock;
mod port;
mod schedule;
mod service;
mod system;
mod textfile;

pub use self::lock::{LockError, RunLock, is_running};
pub use self::port::{
    ChildEnvironment, Facts, Host, Phase, RunConfig, ShipOrder, Shipped, WakeReasons,
};
pub use self::schedule::{
    CATCH_UP, Interval, IntervalError, Offset, RETRY_REFUSED, Schedule, ShipWindow,
    ShipWindowError, retry_after,
};
pub use self::service::run;
pub use self::system::{Reload, System, ends_with_run};
