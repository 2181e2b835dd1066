//! Metrics of an invocation as one line of CloudWatch's embedded metric format.
//!
//! The environment is the only dimension: CloudWatch bills every combination of dimensions, so a
//! server name would cost money per server.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

use jiff::Timestamp;
use log2aws_service::analyze::Outcome;
use log2aws_ssm::env_name::EnvName;
use serde_json::{Map, Value, json};

/// The metrics of one invocation, without those of the reserved server: its log of a `stack check`
/// must not hide from an alarm that no other log came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Logs whose results were updated.
    pub deliveries: u64,
    /// Lines that could not be read.
    pub rejects: u64,
    /// Refused requests for a URL, and refused logs.
    pub refusals: u64,
    /// Versions of a day that replaced the bytes of the version before.
    pub days_replaced: u64,
    /// Rows of CSV.
    pub rows: u64,
    /// Bytes of raw logs read, as stored.
    pub bytes: u64,
}

impl Counts {
    /// One refused request for a URL.
    pub const REFUSED: Self =
        Self { deliveries: 0, rejects: 0, refusals: 1, days_replaced: 0, rows: 0, bytes: 0 };

    /// The sum over the outcomes of the fleet's logs.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let is_counted =
            |outcome: &&Outcome| !outcome.log().is_some_and(|log| log.server.is_check());
        outcomes.iter().filter(is_counted).fold(Self::default(), |sum, outcome| match outcome {
            Outcome::Analyzed(done) => Self {
                deliveries: sum.deliveries.saturating_add(1),
                rejects: sum.rejects.saturating_add(done.rejects),
                days_replaced: sum.days_replaced.saturating_add(done.replaced),
                rows: sum.rows.saturating_add(done.rows),
                bytes: sum.bytes.saturating_add(done.bytes),
                ..sum
            },
            Outcome::Refused { recorded: true, .. } => {
                Self { refusals: sum.refusals.saturating_add(1), ..sum }
            }
            // A repeated event counts once.
            Outcome::Refused { .. }
            | Outcome::Current { .. }
            | Outcome::Ignored { .. }
            | Outcome::Gone { .. } => sum,
        })
    }

    /// The line for standard output, without its line end; `None` if everything is zero.
    pub fn line(&self, env: &EnvName, at: Timestamp) -> Option<String> {
        let counted = [
            ("Deliveries", "Count", self.deliveries),
            ("Rejects", "Count", self.rejects),
            ("Refusals", "Count", self.refusals),
            ("DaysReplaced", "Count", self.days_replaced),
            ("Rows", "Count", self.rows),
            ("Bytes", "Bytes", self.bytes),
        ];
        if *self == Self::default() {
            return None;
        }
        // A delivery without rejects reports 0, so that an alarm has a value.
        let told =
            counted.iter().filter(|(_, _, value)| self.deliveries > 0 || *value > 0).copied();
        let metrics: Vec<Value> =
            told.clone().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let mut line = Map::new();
        let directive = json!({
            "Namespace": "log2aws", "Dimensions": [["environment"]], "Metrics": metrics,
        });
        let head = json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]});
        line.insert("_aws".to_owned(), head);
        line.insert("environment".to_owned(), env.as_str().into());
        line.extend(told.map(|(name, _, value)| (name.to_owned(), value.into())));
        Some(Value::Object(line).to_string())
    }
}

#[cfg(test)]
mod tests {
    use log2aws_core::key::{KeyPrefix, RawKey};
    use log2aws_service::analyze::Analyzed;
    use log2aws_service::ports::VersionId;

    use super::*;

    fn line(counts: Counts) -> Option<Value> {
        let at = Timestamp::from_millisecond(1_564_617_600_123).unwrap();
        let line = counts.line(&"dev".parse().unwrap(), at)?;
        assert!(!line.contains('\n'), "{line}");
        Some(serde_json::from_str(&line).unwrap())
    }

    #[test]
    fn a_delivery_is_one_line_of_six_metrics() {
        let key = RawKey::parse("web01/2019-08-01.log").unwrap();
        assert_eq!(key, RawKey::new(key.server.clone(), key.day, KeyPrefix::Off));
        let analyzed = Outcome::Analyzed(Analyzed {
            key: key.clone(),
            version: VersionId::new("1"),
            source: None,
            bytes: 700,
            rows: 5,
            rejects: 0,
            replaced: 1,
            restarts: 0,
        });
        let refused = |recorded| {
            let reason = "off the list".to_owned();
            Outcome::Refused { key: key.clone(), source: None, reason, recorded }
        };
        let counts = Counts::of(&[
            analyzed.clone(),
            refused(true),
            refused(false),
            Outcome::Current { key: key.clone() },
            Outcome::Gone { key: key.clone() },
            analyzed,
        ]);
        assert_eq!(
            line(counts).unwrap(),
            json!({
                "_aws": {"Timestamp": 1_564_617_600_123_i64, "CloudWatchMetrics": [{
                    "Namespace": "log2aws",
                    "Dimensions": [["environment"]],
                    "Metrics": [
                        {"Name": "Deliveries", "Unit": "Count"},
                        {"Name": "Rejects", "Unit": "Count"},
                        {"Name": "Refusals", "Unit": "Count"},
                        {"Name": "DaysReplaced", "Unit": "Count"},
                        {"Name": "Rows", "Unit": "Count"},
                        {"Name": "Bytes", "Unit": "Bytes"},
                    ],
                }]},
                "environment": "dev",
                "Deliveries": 2, "Rejects": 0, "Refusals": 1, "DaysReplaced": 2, "Rows": 10,
                "Bytes": 1400,
            })
        );
    }

    #[test]
    fn a_refusal_alone_tells_of_no_delivery() {
        let told = line(Counts::REFUSED).unwrap();
        assert_eq!(told["Refusals"], 1);
        assert_eq!(told.get("Deliveries"), None);
        assert_eq!(told["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(line(Counts::default()), None);
    }
}
