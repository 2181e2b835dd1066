//! What the handlers ask of the world they run in.

mod clock;
mod settings;
mod signer;
mod store;

pub use clock::Clock;
pub use settings::{Settings, SettingsSource, SettingsUnavailable};
pub use signer::{PresignedPut, PutRequest, SignError, Signer};
pub use store::{Store, StoreError, Upload, Version, VersionId};
