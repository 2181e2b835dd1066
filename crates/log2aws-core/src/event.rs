//! Notifications about new objects: S3's event messages, and those of `EventBridge`.
//!
//! Parsing is tolerant: fields that we do not use may be missing, new or unexpected. A record that
//! cannot be read does not affect the others; it is reported as a failure, because a record skipped
//! silently is a lost log.
//!
//! Source: Amazon S3 User Guide, "Event message structure" and "Amazon EventBridge event
//! structure".

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::key::{BucketName, KeyError, ObjectKey};

/// The longest event that is read, in bytes: Lambda's limit.
pub const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A new object. Every field except bucket and key is optional, because not every store sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The bucket.
    pub bucket: BucketName,
    /// The key, decoded.
    pub key: ObjectKey,
    /// The address of the uploader. Also `None` for a put by an AWS service, which has a service
    /// name in this field.
    pub source: Option<IpAddr>,
    /// The version that was put, as the store names it. The check of `source` applies to this
    /// version only.
    pub version: Option<String>,
    /// The length in bytes.
    pub size: Option<u64>,
    /// The time of the put.
    pub time: Option<Timestamp>,
    /// Orders the versions of one key; see [`compare_sequencers`].
    pub sequencer: Option<String>,
    /// The identity that put it, e.g. `AWS:AROAEXAMPLEID:session`. Not sent by `EventBridge`.
    pub principal: Option<String>,
}

impl Record {
    /// A record without the optional fields.
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self {
            bucket,
            key,
            source: None,
            version: None,
            size: None,
            time: None,
            sequencer: None,
            principal: None,
        }
    }
}

/// Which of two puts of one key was later.
///
/// Sequencers are hex digits of different length; the shorter one is padded with zeros on its
/// right. Source: Amazon S3 User Guide, "Event message structure".
pub fn compare_sequencers(a: &str, b: &str) -> Ordering {
    let digits = |text: &str| text.trim_end_matches('0').to_ascii_lowercase();
    digits(a).cmp(&digits(b))
}

/// A record about something other than a new object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Which record of the event, from 1.
    pub place: usize,
    /// Its event name, e.g. `ObjectRemoved:Delete`; at most 64 characters.
    pub name: String,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {place} of the event cannot be read: {reason}")]
pub struct Unreadable {
    /// Which record of the event, from 1.
    pub place: usize,
    /// Why it could not be read.
    pub reason: RecordError,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A field that we need is missing or of another type.
    #[error("it lacks the event name, bucket or key that S3 gives")]
    Shape,
    /// The percent-decoded key is not UTF-8.
    #[error("its key is not percent-encoded UTF-8")]
    Encoding,
    /// The name is not a valid bucket or key.
    #[error(transparent)]
    Name(#[from] KeyError),
}

/// The content of one event. All three kinds of record may occur together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// New objects, in the event's order.
    pub records: Vec<Record>,
    /// Records that need no action.
    pub ignored: Vec<Ignored>,
    /// Records that could not be read. Each is a failure to report.
    pub unreadable: Vec<Unreadable>,
}

/// Why a text is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Longer than [`MAX_EVENT_BYTES`].
    #[error("an event has at most {MAX_EVENT_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// Not JSON.
    #[error("the event is not JSON (line {line}, column {column})")]
    Json {
        /// The line at which parsing stopped, from 1.
        line: usize,
        /// The column, in bytes, at which parsing stopped.
        column: usize,
    },
    /// JSON, but in neither format.
    #[error("the event has neither S3's Records nor EventBridge's detail of aws.s3")]
    Shape,
}

impl Event {
    /// Parses S3's notification, EventBridge's S3 event, or S3's test event, which has no records.
    ///
    /// # Errors
    /// [`EventError`] if it is none of these. A single unreadable record is not an error of the
    /// event.
    pub fn parse(json: &[u8]) -> Result<Self, EventError> {
        if json.len() > MAX_EVENT_BYTES {
            return Err(EventError::Length(json.len()));
        }
        let event: Value = serde_json::from_slice(json)
            .map_err(|error| EventError::Json { line: error.line(), column: error.column() })?;
        if let Some(records) = event.get("Records") {
            let records = records.as_array().ok_or(EventError::Shape)?;
            let mut read = Self::default();
            for (i, record) in records.iter().enumerate() {
                let name = record.get("eventName").and_then(Value::as_str);
                // Notifications omit the `s3:` that configurations have.
                let created = name.is_none_or(|name| {
                    name.strip_prefix("s3:").unwrap_or(name).starts_with("ObjectCreated:")
                });
                read.take(i + 1, name, created, || S3Record::read(record));
            }
            return Ok(read);
        }
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        if let (Some(name), Some("aws.s3"), Some(detail)) =
            (text("detail-type"), text("source"), event.get("detail"))
        {
            let mut read = Self::default();
            let time = time(event.get("time"));
            read.take(1, Some(name), name == "Object Created", || Detail::read(detail, time));
            return Ok(read);
        }
        match text("Event") {
            Some("s3:TestEvent") => Ok(Self::default()),
            _ => Err(EventError::Shape),
        }
    }

    fn take(
        &mut self,
        place: usize,
        name: Option<&str>,
        created: bool,
        read: impl FnOnce() -> Result<Record, RecordError>,
    ) {
        if let (Some(name), false) = (name, created) {
            self.ignored.push(Ignored { place, name: name.chars().take(64).collect() });
            return;
        }
        match name.ok_or(RecordError::Shape).and_then(|_| read()) {
            Ok(record) => self.records.push(record),
            Err(reason) => self.unreadable.push(Unreadable { place, reason }),
        }
    }
}

impl From<Record> for Event {
    fn from(record: Record) -> Self {
        Self { records: vec![record], ..Self::default() }
    }
}

#[derive(Deserialize)]
struct S3Record {
    s3: Place,
    #[serde(rename = "requestParameters", default)]
    request: Value,
    #[serde(rename = "eventTime", default)]
    time: Value,
    #[serde(rename = "userIdentity", default)]
    user: Value,
}

#[derive(Deserialize)]
struct Place {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    /// `versionId` in a notification, `version-id` in EventBridge's event.
    #[serde(rename = "versionId", alias = "version-id", default)]
    version: Value,
    #[serde(default)]
    size: Value,
    #[serde(default)]
    sequencer: Value,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(flatten)]
    place: Place,
    #[serde(rename = "source-ip-address", default)]
    source: Value,
}

impl S3Record {
    fn read(record: &Value) -> Result<Record, RecordError> {
        let Self { s3, request, time: at, user } =
            Self::deserialize(record).map_err(|_| RecordError::Shape)?;
        // Form encoding: a blank is `+` and a plus is `%2B`, so `+` is decoded first.
        let blanks = s3.object.key.replace('+', " ");
        let key = percent_decode_str(&blanks).decode_utf8().map_err(|_| RecordError::Encoding)?;
        Ok(Record {
            time: time(Some(&at)),
            principal: text(user.get("principalId")),
            ..s3.record(&key, request.get("sourceIPAddress"))?
        })
    }
}

impl Detail {
    /// `EventBridge` sends the key unencoded.
    fn read(detail: &Value, time: Option<Timestamp>) -> Result<Record, RecordError> {
        let Self { place, source } = Self::deserialize(detail).map_err(|_| RecordError::Shape)?;
        Ok(Record { time, ..place.record(&place.object.key, Some(&source))? })
    }
}

impl Place {
    fn record(&self, key: &str, source: Option<&Value>) -> Result<Record, RecordError> {
        let object = &self.object;
        Ok(Record {
            source: source.and_then(Value::as_str).and_then(|address| address.parse().ok()),
            version: text(Some(&object.version)),
            size: object.size.as_u64(),
            sequencer: text(Some(&object.sequencer)),
            ..Record::new(self.bucket.name.parse()?, key.parse()?)
        })
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_str).and_then(|time| time.parse().ok())
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!("../../../testdata/events/", $name))
        };
    }

    fn record(bucket: &str, key: &str, source: Option<&str>) -> Record {
        Record {
            source: source.map(|address| address.parse().unwrap()),
            ..Record::new(bucket.parse().unwrap(), key.parse().unwrap())
        }
    }

    const DEV: &str = "serverlogs-dev-123456789012-ap-northeast-1";

    #[test]
    fn a_put_as_s3_tells_of_it() {
        let event = Event::parse(fixture!("s3-put.json")).unwrap();
        let put = Record {
            version: Some("096fKKXTRTtl3on89fVO.nfljtsv6qko".to_owned()),
            size: Some(14_872),
            time: Some("2019-08-02T00:05:07Z".parse().unwrap()),
            sequencer: Some("0055AED6DCD90281E5".to_owned()),
            principal: Some("AWS:AROAEXAMPLEID:log2aws-dev-generate-url".to_owned()),
            ..record(DEV, "web01/2019-08-01.log", Some("203.0.113.7"))
        };
        assert_eq!(event, put.into());
    }

    #[test]
    fn each_record_stands_for_itself() {
        let event = Event::parse(fixture!("s3-several.json")).unwrap();
        let expected = [
            record("serverlogs-local", "f052/web01/2019-08-01.log", Some("2001:db8::7")),
            record("serverlogs-local", "notes/a b+c 本番.txt", None),
        ];
        assert_eq!(event.records, expected);
        let removed = "ObjectRemoved:DeleteMarkerCreated".to_owned();
        assert_eq!(event.ignored, [Ignored { place: 2, name: removed }]);
        let unreadable = [
            Unreadable { place: 3, reason: RecordError::Shape },
            Unreadable { place: 5, reason: RecordError::Encoding },
        ];
        assert_eq!(event.unreadable, unreadable);
    }

    #[test]
    fn sequencers_of_any_length_are_compared() {
        for (a, b, expected) in [
            ("0055AED6DCD90281E5", "0055AED6DCD90281E6", Ordering::Less),
            ("0055AED6", "0055AED601", Ordering::Less),
            ("0055AED6", "0055AED600", Ordering::Equal),
            ("0055aed7", "0055AED6FF", Ordering::Greater),
            ("", "01", Ordering::Less),
        ] {
            assert_eq!(compare_sequencers(a, b), expected, "{a} {b}");
            assert_eq!(compare_sequencers(b, a), expected.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn a_test_event_and_an_empty_one_are_valid() {
        assert_eq!(Event::parse(fixture!("s3-test-event.json")), Ok(Event::default()));
        assert_eq!(Event::parse(br#"{"Records":[]}"#), Ok(Event::default()));
    }

    #[test]
    fn eventbridge_gives_the_key_as_it_is() {
        let event = Event::parse(fixture!("eventbridge-created.json")).unwrap();
        let put = Record {
            version: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
            size: Some(5),
            time: Some("2019-08-02T00:05:07Z".parse().unwrap()),
            sequencer: Some("617f08299329d189".to_owned()),
            ..record(DEV, "notes/a+b%2Bc.txt", Some("203.0.113.7"))
        };
        assert_eq!(event, put.into());
        let deleted = Event::parse(fixture!("eventbridge-deleted.json")).unwrap();
        assert_eq!(deleted.records, []);
        assert_eq!(deleted.ignored, [Ignored { place: 1, name: "Object Deleted".to_owned() }]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for (text, part) in [
            ("", "not JSON (line 1, column 0)"),
            ("{", "not JSON"),
            ("{}", "neither S3's Records"),
            ("[]", "neither S3's Records"),
            ("null", "neither S3's Records"),
            (r#"{"Records":null}"#, "neither S3's Records"),
            (r#"{"Records":{}}"#, "neither S3's Records"),
            (r#"{"detail-type":"Object Created","source":"mine","detail":{}}"#, "neither S3's"),
            (r#"{"Event":"s3:OtherEvent"}"#, "neither S3's Records"),
        ] {
            let sentence = Event::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
        let long = vec![b' '; MAX_EVENT_BYTES + 1];
        assert_eq!(Event::parse(&long), Err(EventError::Length(MAX_EVENT_BYTES + 1)));
    }

    #[test]
    fn a_record_without_a_name_is_a_failure() {
        let event = br#"{"Records":[{"s3":{"bucket":{"name":"abc"},"object":{"key":"k"}}},7]}"#;
        let event = Event::parse(event).unwrap();
        let unreadable = |place| Unreadable { place, reason: RecordError::Shape };
        assert_eq!(event.unreadable, [unreadable(1), unreadable(2)]);
    }

    #[test]
    fn a_name_that_can_be_none_is_told() {
        let told = |bucket: &str, key: &str| {
            let event = format!(
                r#"{{"Records":[{{"eventName":"ObjectCreated:Put","s3":{{
                    "bucket":{{"name":"{bucket}"}},"object":{{"key":"{key}"}}}}}}]}}"#
            );
            let event = Event::parse(event.as_bytes()).unwrap();
            assert_eq!(event.records, []);
            event.unreadable[0].to_string()
        };
        assert!(told("Not_A_Bucket", "a").contains("record 1 of the event"));
        assert!(told("Not_A_Bucket", "a").contains("\"Not_A_Bucket\" is not a bucket name"));
        assert!(told("serverlogs-local", "").contains("1 to 1024 bytes"));
        assert!(told("serverlogs-local", &"k".repeat(1025)).contains("this one has 1025"));
    }

    proptest! {
        #[test]
        fn a_key_is_decoded_once(key in "\\PC{1,200}") {
            let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string();
            for encoded in [encoded.replace("%20", "+"), encoded] {
                let event = serde_json::json!({"Records": [{
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": "serverlogs-local"}, "object": {"key": encoded}},
                }]});
                let event = Event::parse(event.to_string().as_bytes()).unwrap();
                prop_assert_eq!(event, record("serverlogs-local", &key, None).into());
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Event::parse(&bytes);
        }

        /// Every truncation and every changed byte of a real event is parsed or refused.
        #[test]
        fn no_damage_is_too_strange(at in 0..1400_usize, byte in any::<u8>()) {
            let mut event = fixture!("s3-several.json").to_vec();
            let at = at % event.len();
            event[at] = byte;
            let _ = Event::parse(&event);
            let _ = Event::parse(&event[..at]);
        }
    }
}
