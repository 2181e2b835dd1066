//! Judges what the running service says of itself. Pure.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::doctor::finding::{Check, Finding};
use crate::run::ServiceRecord;

/// What keeps the service from working, or else the settings that it works with. `ours` is the zone
/// of this process.
pub(crate) fn judge(service: &ServiceRecord, ours: &TimeZone, now: Timestamp) -> Finding {
    let check = Check::Service;
    if let Some((path, error)) = service.lost_folder() {
        return Finding::fail(
            check,
            format!("the service cannot write {}: {error}", path.display()),
            "systemctl restart log2aws-agent: it then sees the folder again; if not, check its \
             owner, and ReadWritePaths= if it is another one than the package's",
        );
    }
    if let Some(error) = &service.config_error {
        return Finding::fail(
            check,
            format!("the service delivers nothing until its config is right: {error}"),
            "correct the file; the service reads it again by itself",
        );
    }
    if let Some(problem) = &service.sample_problem {
        return Finding::fail(
            check,
            format!("the last sample of the service: {problem}"),
            "do what it says, and look at the lines below; the next sample is taken by itself",
        );
    }
    let zone = name(&service.time_zone());
    if service.time_zone().to_offset(now) != ours.to_offset(now) {
        return Finding::warn(
            check,
            format!(
                "the days of the service are those of {zone}, and of this shell {}",
                name(ours)
            ),
            "give both the same zone, or read the times here with that in mind",
        );
    }
    let proxy = match &service.proxy {
        Some(proxy) => format!("the proxy {proxy}"),
        None => "no proxy".to_owned(),
    };
    let text = format!("process {}, its days are those of {zone}, {proxy}", service.pid);
    Finding::ok(check, text)
}

/// The name of a zone; of one without a name, its offset.
fn name(zone: &TimeZone) -> String {
    let unnamed = || format!("UTC{}", zone.to_offset(Timestamp::UNIX_EPOCH));
    zone.iana_name().map_or_else(unnamed, str::to_owned)
}
