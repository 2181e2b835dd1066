//! Any text as a name: an accepted one round-trips, and never leads out of its folder.
#![cfg_attr(fuzzing, no_main)]

use log2aws_core::allow_list::AllowList;
use log2aws_core::day::Day;
use log2aws_core::key::{BucketName, RawKey};
use log2aws_core::metadata::Metadata;
use log2aws_core::server_name::ServerName;
use log2aws_fuzz::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(server) = text.parse::<ServerName>() {
        assert!(!text.contains(['/', '\\', '\0']) && !text.contains(".."));
        assert_eq!(server.to_string(), text);
    }
    if let Ok(day) = text.parse::<Day>() {
        assert_eq!(day.to_string().parse(), Ok(day));
    }
    if let Ok(list) = text.parse::<AllowList>() {
        assert_eq!(list.to_string().parse(), Ok(list));
    }
    if let Ok(bucket) = text.parse::<BucketName>() {
        assert_eq!(bucket.as_str(), text);
    }
    if let Some(key) = RawKey::parse(text) {
        assert_eq!(key.object_key().as_str(), text);
    }
    if let Some(metadata) = Metadata::parse(text.as_bytes()) {
        let line = metadata.to_string();
        assert_eq!(Metadata::parse(line.as_bytes()).map(|m| m.to_string()), Some(line));
    }
});
