//! The result of the last `ship`, for `status`, `doctor` and the metrics.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use log2aws_core::day::Day;
use serde::{Deserialize, Serialize};

use crate::day_serde;
use crate::spool;
use crate::world::World;

use super::attempt::{FirstPut, RunFindings};
use super::{ShipConfig, ShipError, ShipReport};

/// The result of the last `ship`: `last-ship.json` in the state folder, written at the end of every
/// real run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastShip {
    /// When it ended.
    pub at: Timestamp,
    /// The undelivered days before that day, oldest first.
    #[serde(with = "day_serde::days")]
    pub pending: Vec<Day>,
    /// The last delivery, of that run or of an earlier one.
    pub delivered: Option<LastDelivery>,
    /// The reason for the first failed log.
    pub error: Option<String>,
    /// Its exit code.
    pub exit_code: u8,
    /// Our address as the API last saw it.
    pub source: Option<IpAddr>,
    /// The server asked for no request before this time.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// A warning that another machine may deliver under our name, until a new day's log is
    /// delivered without it.
    #[serde(default)]
    pub name_conflict: Option<String>,
}

/// A delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastDelivery {
    /// The day of the log.
    #[serde(with = "day_serde::day")]
    pub day: Day,
    /// When the store acknowledged it.
    pub at: Timestamp,
}

/// The result of a run that has just ended.
pub(super) fn of(
    config: &ShipConfig,
    world: &World<'_>,
    findings: &RunFindings,
    result: Result<&ShipReport, &ShipError>,
) -> LastShip {
    let at = world.time.now();
    let today = Day::from_date(at.to_zoned(world.zone.clone()).date());
    let pending = today.and_then(|today| config.spool.pending(&config.api.to_string(), today).ok());
    let before = LastShip::load(&config.spool.state_dir);
    LastShip {
        at,
        pending: pending.unwrap_or_default(),
        delivered: findings.delivered.or_else(|| before.as_ref()?.delivered),
        error: result.map_or_else(|error| Some(error.to_string()), ShipReport::error),
        exit_code: result.map_or(1, ShipReport::exit_code),
        source: findings.source.or_else(|| before.as_ref()?.source),
        not_before: findings.not_before,
        name_conflict: match &findings.first_put {
            FirstPut::None => before.and_then(|before| before.name_conflict),
            FirstPut::Accepted => None,
            FirstPut::Refused(warning) => Some(warning.clone()),
        },
    }
}

impl LastShip {
    /// Its file in the state folder.
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join(spool::LAST_SHIP)
    }

    /// The last result; `None` if there is none, or it is unreadable.
    pub fn load(state_dir: &Path) -> Option<Self> {
        spool::read_json(&Self::path(state_dir)).ok().flatten()
    }

    /// Saves it, replacing the previous one. It is not synced, because the next run writes it
    /// again.
    pub(crate) fn save(&self, state_dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        spool::replace_or_overwrite(&Self::path(state_dir), &text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_reads_back_and_rubbish_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LastShip::load(folder.path()), None);
        let last = LastShip {
            at: "2026-11-22T00:05:00Z".parse().unwrap(),
            pending: vec!["2026-11-20".parse().unwrap()],
            delivered: Some(LastDelivery {
                day: "2026-11-19".parse().unwrap(),
                at: "2026-11-20T00:05:00Z".parse().unwrap(),
            }),
            error: Some("no".into()),
            exit_code: 4,
            source: Some("203.0.113.9".parse().unwrap()),
            not_before: None,
            name_conflict: None,
        };
        fs::write(folder.path().join(".last-ship.json.new"), "of a crash").unwrap();
        last.save(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(LastShip::load(folder.path()), Some(last));
        let text = fs::read_to_string(LastShip::path(folder.path())).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["pending"], serde_json::json!(["2026-11-20"]));
        for rubbish in ["", "{", "{}", "[]"] {
            fs::write(LastShip::path(folder.path()), rubbish).unwrap();
            assert_eq!(LastShip::load(folder.path()), None, "{rubbish:?}");
        }
    }
}
