//! The settings of a function, kept between invocations and refreshed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use log2aws_core::allow_list::{AllowList, AllowListError};
use log2aws_core::key::{KeyError, KeyPrefix};
use log2aws_service::ports::{Clock, Settings, SettingsSource, SettingsUnavailable};
use log2aws_ssm::env_name::{self, EnvName};

/// The age at which settings are refreshed.
pub const REFRESH_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The delay after a failed refresh.
pub const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// The age up to which settings are used if they cannot be refreshed.
pub const HOLD: SignedDuration = SignedDuration::from_secs(300);

/// The names of an environment's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterNames {
    /// The allow-list.
    pub allow_list: String,
    /// The name of the raw bucket.
    pub raw_bucket: String,
    /// The name of the analyzed bucket.
    pub analyzed_bucket: String,
}

impl ParameterNames {
    /// The names for an environment, below `/log2aws/{env}/`.
    pub fn of(env: &EnvName) -> Self {
        Self {
            allow_list: env.parameter(env_name::ALLOW_LIST),
            raw_bucket: env.parameter(env_name::RAW_BUCKET),
            analyzed_bucket: env.parameter(env_name::ANALYZED_BUCKET),
        }
    }

    /// All of them.
    pub fn all(&self) -> [&str; 3] {
        [&self.allow_list, &self.raw_bucket, &self.analyzed_bucket]
    }

    /// Parses the settings from the parameters' values; also returns the entries of the stored
    /// allow-list that match no address, which must not disable the others after an upgrade.
    ///
    /// # Errors
    /// [`ParameterError`] names the parameter that is missing or invalid.
    pub fn settings(
        &self,
        values: &BTreeMap<String, String>,
        key_prefix: KeyPrefix,
    ) -> Result<(Settings, Vec<AllowListError>), ParameterError> {
        let value = |name: &str| {
            let value = values.get(name).map(String::as_str);
            value.ok_or_else(|| ParameterError::Missing(name.to_owned()))
        };
        let bucket = |name: &str| {
            let wrong = |error| ParameterError::Bucket { name: name.to_owned(), error };
            value(name)?.trim().parse().map_err(wrong)
        };
        let stored = AllowList::read_stored(value(&self.allow_list)?)
            .map_err(|error| ParameterError::AllowList { name: self.allow_list.clone(), error })?;
        let settings = Settings {
            allow_list: stored.list,
            raw_bucket: bucket(&self.raw_bucket)?,
            analyzed_bucket: bucket(&self.analyzed_bucket)?,
            key_prefix,
        };
        Ok((settings, stored.left_out))
    }
}

/// Why parameters are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// There is no such parameter.
    #[error("there is no parameter {0}; the stack makes it")]
    Missing(String),
    /// The allow-list is invalid.
    #[error("{name}: {error}")]
    AllowList {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        error: AllowListError,
    },
    /// The name is not a valid bucket name.
    #[error("{name}: {error}")]
    Bucket {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        error: KeyError,
    },
}

/// The last known settings, for [`HOLD`] at most.
pub struct HeldSettings {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<(Arc<Settings>, Timestamp)>,
    /// The time and reason of the last failure.
    failed: Option<(Timestamp, String)>,
}

impl fmt::Debug for HeldSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSettings").finish_non_exhaustive()
    }
}

impl HeldSettings {
    /// Empty: a refresh is due.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Whether a refresh is due.
    ///
    /// A clock that was set back makes ages negative; anything not certainly fresh is refreshed.
    pub fn is_due(&self) -> bool {
        let now = self.clock.now();
        let state = self.lock();
        let within = |since: Timestamp, span| {
            let age = now.duration_since(since);
            !age.is_negative() && age < span
        };
        let young = state.held.as_ref().is_some_and(|(_, since)| within(*since, REFRESH_AFTER));
        let tried = state.failed.as_ref().is_some_and(|(since, _)| within(*since, RETRY_AFTER));
        !young && !tried
    }

    /// Stores the result of a refresh. A failure keeps the current settings.
    pub fn take(&self, result: Result<Settings, String>) {
        let now = self.clock.now();
        let mut state = self.lock();
        match result {
            Ok(settings) => {
                *state = State { held: Some((Arc::new(settings), now)), failed: None };
            }
            Err(reason) => state.failed = Some((now, reason)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SettingsSource for HeldSettings {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        let now = self.clock.now();
        let state = self.lock();
        if let Some((settings, since)) = &state.held
            && now.duration_since(*since).abs() <= HOLD
        {
            return Ok(Arc::clone(settings));
        }
        let reason = match (&state.failed, &state.held) {
            (Some((_, reason)), None) => reason.clone(),
            (Some((_, reason)), Some((_, since))) => format!("{reason}; the last are of {since}"),
            (None, _) => "they have not been fetched yet".to_owned(),
        };
        Err(SettingsUnavailable { reason })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A clock that a test sets.
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    fn names() -> ParameterNames {
        ParameterNames::of(&"dev".parse().unwrap())
    }

    fn values(allow_list: &str) -> BTreeMap<String, String> {
        let names = names();
        BTreeMap::from([
            (names.allow_list, allow_list.to_owned()),
            (names.raw_bucket, "serverlogs-dev".to_owned()),
            (names.analyzed_bucket, "analyzedlogs-dev\n".to_owned()),
        ])
    }

    fn settings(allow_list: &str) -> Settings {
        names().settings(&values(allow_list), KeyPrefix::Off).unwrap().0
    }

    #[test]
    fn parameters_make_settings() {
        let made = settings("203.0.113.7, web*@198.51.100.0/24");
        assert_eq!(made.raw_bucket.as_str(), "serverlogs-dev");
        assert_eq!(made.analyzed_bucket.as_str(), "analyzedlogs-dev");
        let told = |values: &BTreeMap<String, String>| {
            names().settings(values, KeyPrefix::Off).unwrap_err().to_string()
        };
        assert!(told(&values("10.0.0.1/8")).contains("/log2aws/dev/LogPutAllowHosts: "));
        assert!(told(&values("10.0.0.1/8")).contains("10.0.0.0/8"));
        let mut none = values("10.0.0.0/8");
        none.remove("/log2aws/dev/AnalyzedlogBucketName");
        assert!(told(&none).contains("no parameter /log2aws/dev/AnalyzedlogBucketName"));
        none.insert("/log2aws/dev/AnalyzedlogBucketName".to_owned(), "No Bucket".to_owned());
        assert!(told(&none).contains("/log2aws/dev/AnalyzedlogBucketName: \"No Bucket\""));
    }

    #[test]
    fn an_entry_that_an_earlier_version_took_leaves_the_others_in_force() {
        let values = values("::ffff:10.0.0.0/104, 203.0.113.7");
        let (made, left_out) = names().settings(&values, KeyPrefix::Off).unwrap();
        assert!(made.allow_list.holds("203.0.113.7".parse().unwrap()));
        assert!(!made.allow_list.holds("10.0.0.1".parse().unwrap()));
        assert!(left_out[0].to_string().contains("\"::ffff:10.0.0.0/104\""), "{left_out:?}");
    }

    #[test]
    fn settings_are_refreshed_after_a_minute_and_hold_for_five() {
        let clock = Arc::new(SetClock(AtomicI64::new(1_000)));
        let held = HeldSettings::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let at = |second: i64| clock.0.store(1_000 + second, Ordering::Relaxed);
        let allows = |address: &str| {
            held.current().map(|now| now.allow_list.holds(address.parse().unwrap()))
        };
        assert!(held.is_due());
        assert!(allows("203.0.113.7").unwrap_err().reason.contains("not been fetched"));

        held.take(Ok(settings("203.0.113.7")));
        at(59);
        assert!(!held.is_due());
        at(60);
        assert!(held.is_due());
        held.take(Ok(settings("198.51.100.0/24")));
        assert!(!held.is_due());
        assert!(!allows("203.0.113.7").unwrap());
        assert!(allows("198.51.100.9").unwrap());

        at(120);
        held.take(Err("SSM is away".to_owned()));
        assert!(!held.is_due(), "the next attempt waits");
        at(130);
        assert!(held.is_due());
        at(360);
        assert!(allows("198.51.100.9").unwrap(), "five minutes are not over");
        at(361);
        let told = allows("198.51.100.9").unwrap_err().reason;
        assert!(told.contains("SSM is away; the last are of 1970-01-01T00:17:40Z"), "{told}");
        held.take(Ok(settings("203.0.113.7")));
        assert!(allows("203.0.113.7").unwrap());
    }

    #[test]
    fn a_first_failure_is_tried_again_soon() {
        let clock = Arc::new(SetClock(AtomicI64::new(0)));
        let held = HeldSettings::new(Arc::clone(&clock) as Arc<dyn Clock>);
        held.take(Err("SSM is away".to_owned()));
        assert_eq!(held.current().unwrap_err().reason, "SSM is away");
        clock.0.store(9, Ordering::Relaxed);
        assert!(!held.is_due());
        clock.0.store(10, Ordering::Relaxed);
        assert!(held.is_due());
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_eternal() {
        let clock = Arc::new(SetClock(AtomicI64::new(100_000)));
        let held = HeldSettings::new(Arc::clone(&clock) as Arc<dyn Clock>);
        held.take(Ok(settings("203.0.113.7")));
        clock.0.store(99_999, Ordering::Relaxed);
        assert!(held.is_due());
        assert!(held.current().is_ok());
        clock.0.store(0, Ordering::Relaxed);
        assert!(held.is_due());
        assert!(held.current().is_err());
    }
}
