//! The world that these tests hand to the handlers: fixed settings, a clock that stands still.

use std::sync::Arc;

use jiff::Timestamp;
use log2aws_core::key::KeyPrefix;
use log2aws_service::ports::{Clock, Settings, SettingsSource, SettingsUnavailable};

pub(crate) const RAW: &str = "serverlogs-local";
pub(crate) const ANALYZED: &str = "analyzedlogs-local";

/// Settings that hold for the whole test, or none at all.
pub(crate) struct Fixed(pub(crate) Option<Settings>);

impl SettingsSource for Fixed {
    fn current(&self) -> Result<Arc<Settings>, SettingsUnavailable> {
        let unavailable = || SettingsUnavailable { reason: "parameter store: timed out".into() };
        self.0.clone().map(Arc::new).ok_or_else(unavailable)
    }
}

pub(crate) fn settings(allow_list: &str) -> Settings {
    Settings {
        allow_list: allow_list.parse().unwrap(),
        raw_bucket: RAW.parse().unwrap(),
        analyzed_bucket: ANALYZED.parse().unwrap(),
        key_prefix: KeyPrefix::Off,
    }
}

/// A clock that stands.
pub(crate) struct At(pub(crate) &'static str);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0.parse().unwrap()
    }
}
