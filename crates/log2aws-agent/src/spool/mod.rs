//! The spool: the day logs of one folder, and the records of which of them the store has.

mod deliveries;
mod log_file;

pub(crate) use self::deliveries::{Deliveries, Delivery};
pub(crate) use self::log_file::{LogFile, days, path};
