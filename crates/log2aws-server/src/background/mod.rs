//! What runs while nobody asks: retention and the refresh of the dashboard's index.

pub(crate) mod index_refresh;
pub(crate) mod retention;
