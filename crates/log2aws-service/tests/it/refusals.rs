//! Refused versions: listed once, and nothing else changes.

use log2aws_core::event::{Event, Record};
use log2aws_core::key::RawKey;
use log2aws_core::refused::{MAX_REFUSED, RefusedVersions};
use log2aws_core::summary::AcceptedVersion;
use log2aws_core::summary::Change::{First, Grew, Replaced};
use log2aws_service::analyze::{AnalyzeApp, Outcome, analyze, analyze_stored, needs_analysis};
use log2aws_service::ports::{Store as _, Version};
use log2aws_store::MemoryStore;

use crate::interleave::ROWS;
use crate::world::{
    ALLOWED, ANALYZED, KEY, MIXED, REFUSALS, REFUSED, SUMMARY, URL_SESSION, allowed, app, app_with,
    memory, put, record, refusals, refused, results, settings, summary,
};

fn outcome(app: &AnalyzeApp, event: &Event) -> Outcome {
    analyze(app, event).unwrap().remove(0)
}

fn key() -> RawKey {
    RawKey::parse(KEY).unwrap()
}

fn write(store: &MemoryStore, key: &str, bytes: &[u8]) {
    let bucket = ANALYZED.parse().unwrap();
    let mut upload = store.create(&bucket, &key.parse().unwrap(), "application/json").unwrap();
    upload.write_all(bytes).unwrap();
    upload.commit().unwrap();
}

#[test]
fn a_refused_put_is_named_and_changes_nothing_else() {
    let store = memory();
    let good = put(&store, MIXED.as_bytes());
    analyze(&app(store.clone()), &allowed(&good)).unwrap();
    let before = results(&store);
    let bad = put(&store, b"not from there");
    let time = "2019-08-02T00:05:07Z".parse().ok();
    let event: Event = Record { time, ..record(REFUSED, Some(&bad)) }.into();
    for recorded in [true, false] {
        let reason = "put from 198.51.100.9: the address is not on the allow-list".to_owned();
        let source = Some(REFUSED.parse().unwrap());
        let expected = Outcome::Refused { key: key(), source, reason, recorded };
        assert_eq!(outcome(&app(store.clone()), &event), expected);
        let mut after = results(&store);
        let (list, media_type) = after.remove(REFUSALS).unwrap();
        assert_eq!(after, before);
        assert_eq!(media_type, "application/jsonl");
        let line = format!(
            "{{\"version\":\"{}\",\"source\":\"198.51.100.9\",\"time\":\"2019-08-02T00:05:07Z\",\
             \"reason\":\"put from 198.51.100.9: the address is not on the allow-list\"}}\n",
            bad.id
        );
        assert_eq!(String::from_utf8(list).unwrap(), line);
    }
    // A repeated event of the accepted version leaves the results unchanged.
    assert_eq!(outcome(&app(store.clone()), &allowed(&good)), Outcome::Current { key: key() });
    // The next log from an allowed address has results again.
    let next = put(&store, ROWS);
    assert!(matches!(outcome(&app(store.clone()), &allowed(&next)), Outcome::Analyzed(_)));
    let summary = summary(&store).unwrap();
    let listed: Vec<_> = summary.versions.iter().map(|listed| listed.version.as_str()).collect();
    assert_eq!(listed, [next.id.as_str(), good.id.as_str()]);
    assert_eq!(refusals(&store), [bad.id.as_str()]);
}

#[test]
fn a_first_put_that_is_refused_has_no_results() {
    let store = memory();
    let bad = put(&store, ROWS);
    analyze(&app(store.clone()), &refused(&bad)).unwrap();
    assert_eq!(results(&store).into_keys().collect::<Vec<_>>(), [REFUSALS]);
    assert!(!needs_analysis(&app(store.clone()), &key()).unwrap());
}

#[test]
fn no_source_or_the_wrong_server_is_refused_too() {
    let store = memory();
    let reason = |app: &AnalyzeApp, record: Record| match outcome(app, &record.into()) {
        Outcome::Refused { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let version = put(&store, ROWS);
    let unnamed = Record { source: None, ..record(ALLOWED, Some(&version)) };
    let told = reason(&app(store.clone()), unnamed);
    assert_eq!(told, "the event names no source address");

    let version = put(&store, MIXED.as_bytes());
    let bound = app_with(store.clone(), Some(settings("db*@203.0.113.7")));
    let told = reason(&bound, record(ALLOWED, Some(&version)));
    assert_eq!(told, "put from 203.0.113.7: the address is not listed for this server");
}

/// A version is accepted or refused when its first event arrives. The list shrinks or grows, the
/// process restarts, the event is repeated: every byte is the same.
#[test]
fn a_verdict_does_not_change_with_the_list() {
    let store = memory();
    let app_of = |list: &str| app_with(store.clone(), Some(settings(list)));
    let (first, bad, last) = (put(&store, ROWS), put(&store, b"no\n"), put(&store, ROWS));
    let events = [allowed(&first), refused(&bad), allowed(&last)];
    for event in &events {
        analyze(&app_of(ALLOWED), event).unwrap();
    }
    let before = results(&store);
    for list in ["192.0.2.1", &format!("{ALLOWED}, {REFUSED}"), REFUSED, ALLOWED] {
        for (event, good) in events.iter().zip([true, false, true]) {
            match outcome(&app_of(list), event) {
                Outcome::Current { .. } if good => {}
                Outcome::Refused { recorded: false, .. } if !good => {}
                other => panic!("{list}: {other:?}"),
            }
            assert!(results(&store) == before, "{list}");
            assert!(!needs_analysis(&app_of(list), &key()).unwrap());
        }
    }
}

#[test]
fn what_an_operator_puts_is_accepted_and_told_as_such() {
    let store = memory();
    let ours = format!("AWS:AROAEXAMPLEID:{URL_SESSION}");
    let put_as = |principal: &str, version: &Version| -> Event {
        let principal = Some(principal.to_owned());
        Record { principal, ..record(REFUSED, Some(version)) }.into()
    };
    let version = put(&store, ROWS);
    let by_url = outcome(&app(store.clone()), &put_as(&ours, &version));
    assert!(matches!(by_url, Outcome::Refused { .. }), "{by_url:?}");
    let version = put(&store, MIXED.as_bytes());
    let by_hand = outcome(&app(store.clone()), &put_as("AWS:AIDAEXAMPLEID", &version));
    assert!(matches!(by_hand, Outcome::Analyzed(_)), "{by_hand:?}");
    let summary = summary(&store).unwrap();
    let [listed] = &summary.versions[..] else { panic!("{summary:?}") };
    assert!(listed.operator && listed.source == REFUSED.parse().ok(), "{listed:?}");
}

/// `aws s3 cp`, `aws s3 sync`, replication and a service, none of them from a listed address.
#[test]
fn what_is_put_without_a_url_of_ours_is_accepted_from_anywhere() {
    let records = Event::parse(include_bytes!("../../../../testdata/events/s3-operators.json"))
        .unwrap()
        .records;
    assert_eq!(records.len(), 4);
    let ours = Some(format!("AWS:AROAEXAMPLEID:{URL_SESSION}"));
    for (n, record) in records.into_iter().enumerate() {
        let store = memory();
        let at = |version: &Version| Some(version.id.to_string());
        let by_url = put(&store, ROWS);
        let by_url =
            Record { version: at(&by_url), principal: ours.clone(), ..record.clone() }.into();
        let by_url = outcome(&app(store.clone()), &by_url);
        assert!(matches!(by_url, Outcome::Refused { .. }), "record {n}: {by_url:?}");
        let version = put(&store, MIXED.as_bytes());
        let by_hand = Record { version: at(&version), ..record.clone() }.into();
        let by_hand = outcome(&app(store.clone()), &by_hand);
        assert!(matches!(by_hand, Outcome::Analyzed(_)), "record {n}: {by_hand:?}");
        let summary = summary(&store).unwrap();
        let [listed] = &summary.versions[..] else { panic!("{summary:?}") };
        assert!(listed.operator && listed.source == record.source, "record {n}: {listed:?}");
    }
}

#[test]
fn more_refusals_than_are_listed_are_counted() {
    let store = memory();
    for n in 0..=MAX_REFUSED {
        let version = put(&store, format!("{n}\n").as_bytes());
        analyze(&app(store.clone()), &refused(&version)).unwrap();
    }
    let list = RefusedVersions::from_jsonl(&results(&store)[REFUSALS].0).unwrap();
    assert_eq!((list.listed.len(), list.more), (MAX_REFUSED, 1));
}

#[test]
fn a_list_that_cannot_be_read_is_not_written_over() {
    let store = memory();
    write(&store, REFUSALS, b"<html>\n");
    let version = put(&store, ROWS);
    for event in [allowed(&version), refused(&version)] {
        let error = analyze(&app(store.clone()), &event).unwrap_err().to_string();
        let said = "web01/2019-08-01.refused.jsonl: line 1 is no refused version";
        assert!(error.contains(said), "{error}");
        assert_eq!(results(&store).into_keys().collect::<Vec<_>>(), [REFUSALS]);
    }
}

/// Older programs wrote a refusal into the summary.
#[test]
fn a_refusal_of_an_earlier_program_holds() {
    let store = memory();
    let bad = put(&store, MIXED.as_bytes());
    let old = format!(
        r#"{{"format":1,"program":"0.1.0","server":"web01","date":"2019-08-01",
        "raw":{{"key":"{KEY}","version":"{}","size":17,"sha256":null}},
        "refused":"put from 198.51.100.9: the address is not on the allow-list"}}"#,
        bad.id
    );
    write(&store, SUMMARY, old.as_bytes());
    let before = results(&store);
    assert!(!needs_analysis(&app(store.clone()), &key()).unwrap());
    let again = outcome(&app(store.clone()), &allowed(&bad));
    assert!(matches!(again, Outcome::Refused { .. }), "{again:?}");
    assert_eq!(results(&store)[SUMMARY], before[SUMMARY]);
    let good = put(&store, ROWS);
    analyze(&app(store.clone()), &allowed(&good)).unwrap();
    let summary = summary(&store).unwrap();
    assert_eq!((summary.raw.version, summary.refused), (good.id.to_string(), None));
    assert_eq!(summary.versions.len(), 1);
    assert_eq!(refusals(&store), [bad.id.as_str()]);
}

fn stored(version: &Version, source: &str) -> AcceptedVersion {
    AcceptedVersion {
        version: version.id.to_string(),
        size: Some(version.size),
        source: source.parse().ok(),
        sequencer: Some(version.id.to_string()),
        ..AcceptedVersion::default()
    }
}

/// A store that checks addresses itself needs no list here: its versions are accepted, whatever the
/// list is now.
#[test]
fn what_a_guarded_store_holds_is_accepted_and_every_replaced_version_is_told() {
    let store = memory();
    let nobody = app_with(store.clone(), Some(settings("192.0.2.1")));
    let first = put(&store, MIXED.as_bytes());
    let grown = put(&store, format!("{MIXED}nonsense\n").as_bytes());
    let other = put(&store, ROWS);
    // All three were put before the first was analyzed.
    let all = [stored(&other, "10.0.0.66"), stored(&grown, ALLOWED), stored(&first, ALLOWED)];
    let Outcome::Analyzed(done) = analyze_stored(&nobody, &key(), &all).unwrap() else { panic!() };
    assert_eq!(done.replaced, 1);
    let told = summary(&store).unwrap();
    let changes: Vec<_> = told.versions.iter().map(|listed| listed.change.unwrap()).collect();
    assert_eq!(changes, [Replaced, Grew, First]);
    assert_eq!(told.versions[0].source, "10.0.0.66".parse().ok());
    assert!(told.versions.iter().all(|listed| listed.sha256.is_some()));
    let again = analyze_stored(&nobody, &key(), &all).unwrap();
    assert_eq!(again, Outcome::Current { key: key() });
    assert_eq!(analyze_stored(&nobody, &key(), &[]).unwrap(), Outcome::Gone { key: key() });
}

/// The events of an agent that sends a growing day repeatedly, and of one that replaces it.
#[test]
fn a_day_that_goes_on_is_not_one_that_was_replaced() {
    let store = memory();
    let mut replaced = Vec::new();
    for log in [&ROWS[..200], &ROWS[..400], ROWS, MIXED.as_bytes(), ROWS] {
        let version = put(&store, log);
        match outcome(&app(store.clone()), &allowed(&version)) {
            Outcome::Analyzed(done) => replaced.push(done.replaced),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(replaced, [0, 0, 0, 1, 1]);
    let summary = summary(&store).unwrap();
    let changes: Vec<_> = summary.versions.iter().map(|listed| listed.change.unwrap()).collect();
    assert_eq!(changes, [Replaced, Replaced, Grew, Grew, First]);
}
