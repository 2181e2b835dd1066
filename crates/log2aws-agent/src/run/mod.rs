//! `run`, the daemon: samples at clock marks and ships once a day.
//!
//! [`Schedule`] decides when, the loop in `service` what, over the port [`Platform`]; [`System`] is the
//! real machine.

mod lock;
mod port;
mod record;
mod schedule;
mod service;
mod status_line;
mod system;
mod textfile;

pub use self::lock::{LockError, RunLock, is_running};
pub use self::port::{
    ChildEnvironment, Facts, Phase, Platform, RunConfig, RunError, SampleOutcome, SampleProblem,
    ShipOrder, Shipped, WakeReasons,
};
pub use self::record::{FolderView, ServiceRecord};
pub use self::schedule::{
    CATCH_UP, Interval, IntervalError, MAX_RESENT_AT_ONCE, Offset, RETRY_REFUSED, Schedule,
    ShipWindow, ShipWindowError, retry_after,
};
pub use self::service::run;
pub use self::system::{Reload, System, ends_with_run};
