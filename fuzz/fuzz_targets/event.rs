//! Any bytes as an event: an error, or records with valid names.
#![cfg_attr(fuzzing, no_main)]

use log2aws_core::event::Event;
use log2aws_core::key::RawKey;
use log2aws_fuzz::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(event) = Event::parse(json) {
        for record in event.records {
            if let Some(key) = RawKey::parse(record.key.as_str()) {
                assert_eq!(key.object_key(), record.key);
            }
        }
    }
});
