//! `Log2aws-Store`: the name of the store that the URLs lead to.

use std::fmt;
use std::str::FromStr;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use log2aws_core::key::BucketName;

/// The response header with the name of the store. A client recognizes a store by it, however the
/// address of its API is written.
pub const STORE_HEADER: HeaderName = HeaderName::from_static("log2aws-store");

/// Distinguishes stores whose buckets have the same name: 1 to 255 characters, none that a header
/// or a log line would have to escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreId(String);

/// The text is no [`StoreId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a store's id has 1 to 255 letters, digits, '-', '.', '_', ':', '[' and ']'")]
pub struct StoreIdError;

impl FromStr for StoreId {
    type Err = StoreIdError;

    fn from_str(text: &str) -> Result<Self, StoreIdError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        if (1..=255).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StoreIdError)
        }
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds `Log2aws-Store` to the headers of a response.
pub fn insert_store_name(headers: &mut HeaderMap, bucket: &BucketName, id: &StoreId) {
    if let Ok(value) = HeaderValue::try_from(format!("{bucket}/{id}")) {
        headers.insert(STORE_HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fits_into_a_header() {
        for id in ["0f3c", "ap-northeast-1", "127.0.0.1:3900", "[::1]:3900"] {
            assert_eq!(id.parse::<StoreId>().unwrap().to_string(), id);
        }
        for wrong in ["", "a/b", "a b", "a\n", "é", &"x".repeat(256)] {
            assert_eq!(wrong.parse::<StoreId>(), Err(StoreIdError), "{wrong:?}");
        }
    }
}
