//! One day's log: whether to deliver it, the delivery, and its record.

use std::io::{self, ErrorKind};
use std::path::Path;

use log2aws_core::day::Day;

use crate::spool::{Delivery, LogFile, with_hint};
use crate::world::latest_day;

use super::attempt::{Delivered, Shipper};
use super::attempt_error::Failure;
use super::{Days, LastDelivery, Outcome};

/// Ships one log.
pub(super) fn ship(shipper: &mut Shipper<'_>, day: Day, today: Day) -> Result<Outcome, Failure> {
    let config = shipper.config;
    let path = config.spool.log(day);
    if day > today {
        // It may be the log that the service is writing.
        let is_today_elsewhere = latest_day(shipper.time.now()).is_some_and(|latest| day <= latest);
        let what_to_do = if is_today_elsewhere {
            "if the service writes it in another zone, set time-zone for both; else set this \
             machine's clock right"
        } else {
            "set this machine's clock right, or move the file away if its day is wrong"
        };
        return Err(Failure::ThisLog(format!(
            "{} would be the log of a day that has not come, for it is {today} here; {what_to_do}",
            path.display()
        )));
    }
    let mut log = LogFile::open(&path).map_err(|error| unreadable(&path, &error))?;
    let deliveries = config.spool.deliveries();
    let record = deliveries.path(day);
    let before = deliveries.load(day).map_err(|error| {
        let record = &record;
        let error = with_hint(record, error);
        Failure::ThisLog(format!("the record {} cannot be read: {error}", record.display()))
    })?;
    let is_new = before.is_none();
    let api = config.api.to_string();
    let (before, elsewhere) = match before {
        Some(delivery) if shipper.destination.has(&delivery) => (Some(delivery), None),
        other => (None, other),
    };
    let (size, sha256) = (log.size, log.sha256_hex());
    let again = match before {
        Some(delivery) if delivery.is_of_bytes(&log) => {
            let at = delivery.delivered_at;
            // Saves the next reader from reading the log. If the write fails, the log is read
            // again.
            if delivery.modified != log.modified && !config.dry_run {
                let _ = deliveries.save(day, &Delivery { modified: log.modified, ..delivery });
            }
            return Ok(Outcome::AlreadyDelivered { at });
        }
        // A day named on the command line has already been checked.
        Some(delivery) if !matches!(config.days, Days::Only(_)) => {
            let grew = delivery.is_beginning_of(&mut log);
            if !grew.map_err(|error| unreadable(&path, &error))? {
                return Err(another_log(&path, day, &delivery));
            }
            true
        }
        other => other.is_some(),
    };
    if config.dry_run {
        return Ok(Outcome::WouldDeliver { size, sha256, again });
    }

    let receipt = match shipper.deliver(day, &mut log, elsewhere.as_ref(), is_new)? {
        Delivered::Now(receipt) => receipt,
        // The store is known now, so this ends.
        Delivered::RecordApplies => return self::ship(shipper, day, today),
    };
    log.sync(&path).map_err(|error| {
        Failure::ThisLog(format!(
            "the store has {}, but this machine's disk may not have it all: {error}; the next run \
             delivers it again, which does no harm",
            path.display()
        ))
    })?;
    let at = shipper.time.now();
    let delivery = Delivery {
        sha256: sha256.clone(),
        size,
        delivered_at: at,
        api,
        store: shipper.destination.store().map(str::to_owned),
        etag: receipt.etag,
        version_id: receipt.version_id,
        modified: log.modified,
    };
    config.spool.record(day, &delivery, today).map_err(|error| {
        let error = with_hint(&record, error);
        let record = record.display();
        Failure::Everything(format!(
            "the store has the log, but that cannot be written down in {record}: {error}; the next \
             run delivers it again, which does no harm"
        ))
    })?;
    let milliseconds = u64::try_from(receipt.took.as_millis()).unwrap_or(u64::MAX);
    shipper.findings.delivered = Some(LastDelivery { day, at });
    Ok(Outcome::Delivered { size, sha256, again, attempts: receipt.attempts, milliseconds })
}

/// A log that was started anew would replace the complete one.
fn another_log(path: &Path, day: Day, before: &Delivery) -> Failure {
    Failure::ThisLog(format!(
        "{} does not begin with the {} bytes that were delivered at {:.0}, and would take their \
         place in the store; compare the two, and if this one is right, deliver it by hand with \
         --date {day}",
        path.display(),
        before.size,
        before.delivered_at,
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    Failure::ThisLog(if error.kind() == ErrorKind::NotFound {
        format!("{path} does not exist; was nothing sampled, or is the log elsewhere (--log-dir)?")
    } else if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        format!("{path} is a symbolic link, which is not followed; put the log itself there")
    } else {
        format!("{path} cannot be read: {error}")
    })
}
