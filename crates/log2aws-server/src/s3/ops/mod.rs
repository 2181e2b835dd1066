//! The operations, each a function of the backend and its input.

pub(crate) mod buckets;
pub(crate) mod complete;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod multipart;
pub(crate) mod put;
