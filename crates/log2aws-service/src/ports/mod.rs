//! The handlers' interfaces to the outside.

mod cache;
mod clock;
mod object_reader;
mod raster;
mod settings;
mod signer;
mod store;

pub use cache::Cache;
pub use clock::Clock;
pub use object_reader::ObjectReader;
pub use raster::Rasterizer;
pub use settings::{Settings, SettingsSource, SettingsUnavailable};
pub use signer::{PresignedGet, PresignedPut, PutRequest, SignError, Signer};
pub use store::{
    Condition, ListPage, ListQuery, ObjectLister, ObjectMeta, Store, StoreError, Upload, Version,
    VersionId,
};
