//! For how long the load of a day was above a limit: read from the CSV once for each version of a
//! day.

use std::collections::BTreeMap;

use log2aws_core::alert::{LOOK_BACK_DAYS, Network, Overload, Stretch, longest_stretch};
use log2aws_core::csv::CsvReader;
use log2aws_core::day::Day;
use log2aws_core::key::ResultKind;
use log2aws_core::server_name::ServerName;
use log2aws_core::summary::Summary;
use log2aws_dashboard::index::Tag;
use log2aws_dashboard::store_index::StoreIndex;
use log2aws_service::analyze::MAX_SUMMARY_BYTES;
use log2aws_service::ports::StoreError;

/// The largest CSV that is read. A day of a sample each second has 12 MB.
const MAX_CSV: u64 = 64 << 20;

/// The interval of a log whose summary does not say, in seconds.
const USUAL_INTERVAL: u32 = 600;

/// A version of a day, and a limit of load.
type Key = (ServerName, Day, u64, u64);

/// The stretches that were read.
#[derive(Debug, Default)]
pub(crate) struct Overloads {
    known: BTreeMap<Key, Option<Stretch>>,
    /// Asked for, and not known yet.
    wanted: Vec<(Key, f64)>,
}

impl Overloads {
    /// What is known; if it is not, it will be read by [`Overloads::read_wanted`].
    pub(super) fn get(&mut self, server: &ServerName, day: Day, tag: Tag, limit: f64) -> Overload {
        let key = (server.clone(), day, tag.0, limit.to_bits());
        if let Some(known) = self.known.get(&key) {
            return Overload::Known(*known);
        }
        self.wanted.push((key, limit));
        Overload::Unknown
    }

    /// Reads what was asked for; returns whether there was something. What cannot be read stays
    /// unknown.
    pub(super) fn read_wanted(&mut self, index: &StoreIndex, stop: &dyn Fn() -> bool) -> bool {
        let wanted = std::mem::take(&mut self.wanted);
        let any = !wanted.is_empty();
        for (key, limit) in wanted {
            if stop() {
                break;
            }
            if let Overload::Known(stretch) = read(index, &key.0, key.1, limit) {
                self.known.insert(key, stretch);
            }
        }
        any
    }

    /// Forgets the days that no rule asks for any more.
    pub(super) fn prune(&mut self, not_due: Day) {
        let back = jiff::Span::new().days(LOOK_BACK_DAYS + 1);
        if let Ok(from) = not_due.date().checked_sub(back) {
            self.known.retain(|(_, day, ..), _| day.date() >= from);
        }
    }
}

/// Reads a day. What the store cannot return is unknown; a day without a CSV has no load.
pub(super) fn read(index: &StoreIndex, server: &ServerName, day: Day, limit: f64) -> Overload {
    let interval = match summary(index, server, day) {
        Ok(summary) => summary
            .and_then(|summary| Some(summary.log?.interval_seconds))
            .unwrap_or(USUAL_INTERVAL),
        Err(_) => return Overload::Unknown,
    };
    let csv = match index.read(server, day, ResultKind::Csv, MAX_CSV) {
        Ok(csv) => csv.unwrap_or_default(),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(%server, %day, error, "the load of a day cannot be judged");
            return Overload::Unknown;
        }
    };
    let mut loads = Vec::new();
    CsvReader::read(&csv, |sample| loads.push((sample.time, sample.load[0])));
    Overload::Known(longest_stretch(loads.into_iter(), day, interval, limit))
}

/// Where the last log of a server came from, as far as its summary says; else by its name.
pub(super) fn network(index: &StoreIndex, server: &ServerName, last: Day) -> Network {
    let summary = summary(index, server, last).ok().flatten();
    let source = summary.and_then(|summary| {
        summary.accepted().listed.into_iter().find_map(|version| version.source)
    });
    source.map_or_else(|| Network::of_name(server), Network::of_address)
}

fn summary(
    index: &StoreIndex,
    server: &ServerName,
    day: Day,
) -> Result<Option<Summary>, StoreError> {
    let json = index.read(server, day, ResultKind::Json, MAX_SUMMARY_BYTES)?;
    Ok(json.and_then(|json| Summary::from_json(&json).ok()))
}
