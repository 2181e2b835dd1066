//! Any bytes as an event: an error or records whose names are names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log2aws_core::event::Event;
use log2aws_core::key::RawKey;

fuzz_target!(|json: &[u8]| {
    if let Ok(event) = Event::parse(json) {
        for record in event.records {
            if let Some(key) = RawKey::parse(record.key.as_str()) {
                assert_eq!(key.object_key(), record.key);
            }
        }
    }
});
