//! Decisions in any order, and objects that are no records.

use proptest::prelude::*;

use super::*;

fn server(text: &str) -> ServerName {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn record(name: &str, from: &str) -> Retirement {
    let (why, by) = ("replaced by web02".to_owned(), "kato".to_owned());
    let (server, from, at) = (server(name), day(from), time(1_795_489_200));
    Retirement { server, from, why, by, at, undone: None }
}

fn undone(why: Option<&str>) -> Undone {
    Undone { by: "sato".to_owned(), at: time(1_795_575_600), why: why.map(str::to_owned) }
}

/// The object as an operator may find it, written by hand.
const OBJECT: &str = r#"{
  "format": 1,
  "records": [
    {
      "server": "web01",
      "from": "2026-11-01",
      "why": "replaced by web02",
      "by": "kato",
      "at": "2026-11-24T03:00:00Z",
      "undone": {
        "by": "sato",
        "at": "2026-11-25T03:00:00Z",
        "why": "still needed"
      }
    },
    {
      "server": "web01",
      "from": "2026-12-01",
      "why": "replaced by web02",
      "by": "kato",
      "at": "2026-11-24T03:00:00Z"
    }
  ]
}
"#;

#[test]
fn an_object_is_read_and_written_as_it_is() {
    let mut retired = Retired::default();
    retired.retire(record("web01", "2026-11-01")).unwrap();
    retired.undo(&server("web01"), undone(Some("still needed"))).unwrap();
    retired.retire(record("web01", "2026-12-01")).unwrap();
    assert_eq!(String::from_utf8(retired.to_json()).unwrap(), OBJECT);
    assert_eq!(Retired::parse(OBJECT.as_bytes()).unwrap(), retired);
}

#[test]
fn a_server_is_retired_from_its_day_on_and_no_other_is() {
    let mut retired = Retired::default();
    retired.retire(record("web01", "2026-11-10")).unwrap();
    let is =
        |retired: &Retired, name: &str, text: &str| retired.is_retired(&server(name), day(text));
    assert!(!is(&retired, "web01", "2026-11-09") && is(&retired, "web01", "2026-11-10"));
    assert!(is(&retired, "web01", "2027-01-01") && !is(&retired, "web010", "2026-11-10"));
    retired.undo(&server("web01"), undone(None)).unwrap();
    assert!(!is(&retired, "web01", "2026-11-10"));
    assert_eq!(retired.records().len(), 1, "the record stays");
}

#[test]
fn a_decision_against_another_is_refused_and_changes_nothing() {
    let mut retired = Retired::default();
    let not = retired.undo(&server("web01"), undone(None)).unwrap_err();
    assert_eq!(not.to_string(), "web01 is not retired");
    retired.retire(record("web01", "2026-11-10")).unwrap();
    let before = retired.clone();
    let twice = retired.retire(record("web01", "2026-11-20")).unwrap_err().to_string();
    let told = "web01 is retired already, from 2026-11-10 on, by kato at 2026-11-24T03:00:00Z: \
                replaced by web02";
    assert_eq!(twice, told);
    assert!(retired.undo(&server("web01"), undone(Some("\u{202e}"))).is_err());
    assert_eq!(retired, before);
}

#[test]
fn a_text_is_short_and_shows_what_it_says() {
    let mut retired = Retired::default();
    let with = |why: &str| {
        let record = Retirement { why: why.to_owned(), ..record("web01", "2026-11-10") };
        retired.clone().retire(record).map_err(|error| error.to_string())
    };
    assert_eq!(with(&"x".repeat(500)), Ok(()));
    assert!(with(&"本".repeat(167)).unwrap_err().contains("501 bytes; at most 500"));
    assert!(with(" ").unwrap_err().contains("it is empty"));
    for (why, named) in [("a\u{202e}b", "U+202E"), ("a\tb", "U+0009"), ("\u{1b}[31m", "U+001B")] {
        assert!(with(why).unwrap_err().contains(named), "{why:?}");
    }
    let by = "x".repeat(MAX_BY_BYTES + 1);
    assert!(retired.retire(Retirement { by, ..record("web01", "2026-11-10") }).is_err());
}

#[test]
fn an_object_that_is_not_understood_is_an_error_that_says_why() {
    let error = |text: &str| Retired::parse(text.as_bytes()).unwrap_err().to_string();
    for text in ["", "{", "[]", "{\"format\":1}", "{\"records\":[]}", "null"] {
        assert_eq!(error(text), "it is damaged", "{text}");
    }
    assert!(error("{\"format\":2,\"records\":7}").contains("format 2"));
    let changed = |from: &str, to: &str| error(&OBJECT.replace(from, to));
    assert!(changed("2026-12-01", "2026-02-30").contains("record 2 is invalid: date"));
    assert!(changed("2026-11-25T03:00:00Z", "yesterday").contains("record 1 is invalid"));
    assert!(changed("\"web01\"", "\"../x\"").contains("record 1 is invalid: the server name"));
    assert!(changed("still needed", "\\u202e").contains("U+202E"));
    assert_eq!(changed("\"by\": \"kato\"", "\"who\": \"kato\""), "it is damaged");
    let twice = changed("\"by\": \"sato\",", "\"by\": \"sato\"},\"x\":{");
    assert_eq!(twice, "it is damaged", "an unknown field could be lost with the next record");
    let one =
        r#"{"server":"a","from":"2026-11-01","why":"w","by":"b","at":"2026-11-24T03:00:00Z"}"#;
    let both = format!("{{\"format\":1,\"records\":[{one},{one}]}}");
    assert!(error(&both).contains("record 2 is invalid: a is retired already"));
}

#[test]
fn the_most_and_longest_records_are_read_back_and_no_more_are_taken() {
    let mut retired = Retired::default();
    let (why, by) = ("\"".repeat(MAX_WHY_BYTES), "\"".repeat(MAX_BY_BYTES));
    for number in 0..MAX_RECORDS {
        let name = format!("{number:05}{}", "x".repeat(248));
        let record = Retirement { why: why.clone(), by: by.clone(), ..record(&name, "2026-11-10") };
        retired.retire(record).unwrap();
        let undone = Undone { by: by.clone(), why: Some(why.clone()), ..undone(None) };
        retired.undo(&server(&name), undone).unwrap();
    }
    assert_eq!(retired.retire(record("web01", "2026-11-10")), Err(DecisionError::Full));
    let json = retired.to_json();
    assert!((json.len() as u64) < MAX_BYTES, "{}", json.len());
    assert_eq!(Retired::parse(&json).unwrap(), retired);
}

proptest! {
    #[test]
    fn after_any_decisions_what_is_read_back_is_what_was_decided(
        decisions in prop::collection::vec((0_usize..4, 1_i8..28, any::<bool>()), 0..40),
    ) {
        let mut retired = Retired::default();
        let mut expected: BTreeMap<usize, i8> = BTreeMap::new();
        let mut taken = 0;
        for (number, from, undo) in decisions {
            let name = format!("web{number}");
            if undo {
                let done = retired.undo(&server(&name), undone(None)).is_ok();
                prop_assert_eq!(done, expected.remove(&number).is_some());
            } else {
                let done = retired.retire(record(&name, &format!("2026-11-{from:02}"))).is_ok();
                prop_assert_eq!(done, !expected.contains_key(&number));
                taken += usize::from(done);
                expected.entry(number).or_insert(from);
            }
        }
        let read = Retired::parse(&retired.to_json()).unwrap();
        prop_assert_eq!(&read, &retired);
        prop_assert_eq!(read.records().len(), taken, "history is kept");
        for number in 0..4 {
            for date in 1..=30 {
                let is = read.is_retired(&server(&format!("web{number}")), day(&format!("2026-11-{date:02}")));
                prop_assert_eq!(is, expected.get(&number).is_some_and(|from| *from <= date));
            }
        }
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Retired::parse(&bytes);
    }
}
