//! Decisions about keys, enrolment, and the object that keeps them.

use proptest::prelude::*;

use super::*;
use crate::encrypted_url::Fresh;
use crate::server_key::PrivateKey;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_000_000 + second).unwrap()
}

fn server(name: &str) -> ServerName {
    name.parse().unwrap()
}

fn public(number: u8) -> PublicKey {
    PrivateKey::generate(&Fresh::new([number; 32])).public()
}

fn record(number: u8) -> KeyRecord {
    KeyRecord { key: public(number), by: "root".to_owned(), at: at(0), revoked: None }
}

fn end(second: i64, plain: bool) -> Revocation {
    Revocation { by: "root".to_owned(), at: at(second), why: "盗難".to_owned(), plain }
}

fn read_again(registry: &KeyRegistry) {
    assert_eq!(&KeyRegistry::parse(&registry.to_json()).unwrap(), registry);
}

#[test]
fn a_server_without_a_key_gets_plain_urls_and_one_with_a_key_only_encrypted_ones() {
    let mut registry = KeyRegistry::default();
    let web01 = server("web01");
    assert_eq!(registry.url_form(&web01, None), UrlForm::Plain);
    registry.register(&web01, record(1), false).unwrap();
    assert_eq!(registry.url_form(&web01, None), UrlForm::Encrypted(public(1)));
    assert_eq!(registry.url_form(&server("web02"), None), UrlForm::Plain);
    registry.revoke(&web01, None, &end(1, false)).unwrap();
    assert_eq!(registry.url_form(&web01, None), UrlForm::Refused);
    read_again(&registry);
    registry.register(&web01, record(2), false).unwrap();
    assert_eq!(registry.url_form(&web01, None), UrlForm::Encrypted(public(2)));
    registry.revoke(&web01, Some(public(2).id()), &end(2, true)).unwrap();
    assert_eq!(registry.url_form(&web01, None), UrlForm::Plain);
    read_again(&registry);
}

#[test]
fn two_keys_are_valid_while_a_server_rotates() {
    let mut registry = KeyRegistry::default();
    let web01 = server("web01");
    assert_eq!(
        registry.register(&web01, record(1), true),
        Err(KeyDecisionError::None(web01.clone()))
    );
    registry.register(&web01, record(1), false).unwrap();
    let told = registry.register(&web01, record(2), false).unwrap_err();
    assert!(told.to_string().contains("log2aws key rotate web01"), "{told}");
    registry.register(&web01, record(2), true).unwrap();
    let form = |known: Option<u8>| registry.url_form(&web01, known.map(|n| public(n).id()));
    assert_eq!(form(None), UrlForm::Encrypted(public(2)), "the newest");
    assert_eq!(form(Some(1)), UrlForm::Encrypted(public(1)), "the one that the server has");
    assert_eq!(form(Some(9)), UrlForm::Encrypted(public(2)), "no key that was not registered");
    let told = registry.clone().register(&web01, record(3), true).unwrap_err();
    assert!(matches!(told, KeyDecisionError::Two(..)), "{told}");
    let told = registry.clone().revoke(&web01, None, &end(1, false)).unwrap_err();
    assert!(told.to_string().contains(&public(1).id().to_string()), "{told}");
    registry.revoke(&web01, Some(public(1).id()), &end(1, false)).unwrap();
    assert_eq!(registry.url_form(&web01, Some(public(1).id())), UrlForm::Encrypted(public(2)));
    read_again(&registry);
}

#[test]
fn a_revoked_key_and_that_of_another_server_are_refused() {
    let mut registry = KeyRegistry::default();
    registry.register(&server("web01"), record(1), false).unwrap();
    let told = registry.register(&server("web01"), record(1), true).unwrap_err();
    assert!(matches!(told, KeyDecisionError::Known(..)), "{told}");
    let told = registry.register(&server("web02"), record(1), false).unwrap_err();
    assert_eq!(told, KeyDecisionError::Anothers(server("web01")));
    registry.revoke(&server("web01"), None, &end(1, false)).unwrap();
    let told = registry.register(&server("web01"), record(1), false).unwrap_err();
    assert!(matches!(told, KeyDecisionError::Revoked(..)), "{told}");
    // Somebody has the revoked key: it is no other server's either.
    let told = registry.register(&server("web02"), record(1), false).unwrap_err();
    assert_eq!(told, KeyDecisionError::Anothers(server("web01")));
    let told = registry.revoke(&server("web01"), None, &end(1, false)).unwrap_err();
    assert_eq!(told, KeyDecisionError::None(server("web01")));
}

#[test]
fn ten_thousand_keys_fit() {
    let mut registry = KeyRegistry::default();
    for number in 0..5_000_u16 {
        let keys = [0_u8, 1].map(|next| {
            let mut bytes = [next; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            let key = PrivateKey::generate(&Fresh::new(bytes)).public();
            KeyRecord { key, ..record(1) }
        });
        // As `register` does, which looks through all keys.
        registry.servers.insert(server(&format!("web{number:05}.example.com")), keys.to_vec());
    }
    let json = registry.to_json();
    assert!((json.len() as u64) < MAX_BYTES / 4, "{}", json.len());
    assert_eq!(KeyRegistry::parse(&json).unwrap(), registry);
}

#[test]
fn what_is_not_understood_is_an_error_that_names_it() {
    let told = |json: &str| KeyRegistry::parse(json.as_bytes()).unwrap_err().to_string();
    assert!(told(r#"{"format":2,"x":1}"#).contains("format 2"));
    for half in ["", "{", r#"{"format":1}"#, r#"{"format":1,"servers":{}}"#] {
        assert_eq!(told(half), "it is damaged", "{half}");
    }
    let mut registry = KeyRegistry::default();
    registry.register(&server("web01"), record(1), false).unwrap();
    let json = String::from_utf8(registry.to_json()).unwrap();
    assert!(told(&json.replace("x25519:", "ed25519:")).contains("record of \"web01\""));
    assert!(told(&json.replace("web01", "..")).contains("record of \"..\""));
    assert!(told(&json.replace("\"by\":\"root\"", "\"by\":\"\"")).contains("empty"));
    let key = json.split_once('[').unwrap().1.split_once(']').unwrap().0.to_owned();
    assert!(told(&json.replace(&key, &format!("{key},{key}"))).contains("a key twice"));
}

struct Open {
    registry: KeyRegistry,
    code: EnrolmentCode,
}

fn open() -> Open {
    let code = EnrolmentCode::generate(server("web01"), at(60), &Fresh::new([5; 32]));
    let mut registry = KeyRegistry::default();
    let enrolment = code.enrolment("root".to_owned(), at(0));
    registry.open_enrolment(&server("web01"), enrolment, at(0)).unwrap();
    Open { registry, code }
}

fn accept(
    registry: &mut KeyRegistry,
    json: &[u8],
    second: i64,
) -> Result<PublicKey, KeyDecisionError> {
    registry.accept(&server("web01"), json, at(second), |key| KeyRecord { key, ..record(1) })
}

#[test]
fn a_server_with_the_code_registers_its_key_once() {
    let Open { mut registry, code } = open();
    read_again(&registry);
    let code: EnrolmentCode = code.expose().parse().unwrap();
    assert_eq!((code.server.as_str(), code.expires), ("web01", at(60)));
    assert!(!String::from_utf8(registry.to_json()).unwrap().contains(&code.expose()[20..]));
    let json = code.request(&public(1)).to_json();
    assert!((json.len() as u64) < MAX_ENROLMENT_BYTES);
    assert_eq!(accept(&mut registry, &json, 59).unwrap(), public(1));
    assert_eq!(registry.url_form(&server("web01"), None), UrlForm::Encrypted(public(1)));
    let again = code.request(&public(2)).to_json();
    let told = accept(&mut registry, &again, 59).unwrap_err();
    assert!(told.to_string().contains("no enrolment of web01 is open"), "{told}");
    read_again(&registry);
}

#[test]
fn a_re_installed_server_enrols_its_new_key_beside_the_old_one() {
    let Open { mut registry, code } = open();
    registry.register(&server("web01"), record(1), false).unwrap();
    accept(&mut registry, &code.request(&public(2)).to_json(), 1).unwrap();
    assert_eq!(registry.url_form(&server("web01"), None), UrlForm::Encrypted(public(2)));
}

#[test]
fn a_request_without_the_code_registers_nothing() {
    let Open { registry, code } = open();
    let told = |json: &[u8], second| {
        let mut changed = registry.clone();
        let told = accept(&mut changed, json, second).unwrap_err();
        assert_eq!(changed, registry);
        told
    };
    let forged = KeyDecisionError::Enrolment(EnrolmentError::Forged(server("web01")));
    let damaged = KeyDecisionError::Enrolment(EnrolmentError::Damaged(server("web01")));
    let good = String::from_utf8(code.request(&public(1)).to_json()).unwrap();
    let other_key = good.replace(&public(1).to_string(), &public(2).to_string());
    assert_eq!(told(other_key.as_bytes(), 1), forged);
    assert_eq!(told(good.replace("web01", "web02").as_bytes(), 1), forged);
    assert_eq!(told(good.replace("\"v\":1", "\"v\":2").as_bytes(), 1), forged);
    let other = EnrolmentCode::generate(server("web01"), at(60), &Fresh::new([6; 32]));
    assert_eq!(told(&other.request(&public(1)).to_json(), 1), forged);
    assert_eq!(told(&good.as_bytes()[..20], 1), damaged);
    assert_eq!(told(good.replace("x25519:", "ed25519:").as_bytes(), 1), damaged);
    let told = told(good.as_bytes(), 60);
    assert!(matches!(told, KeyDecisionError::Enrolment(EnrolmentError::Expired(..))), "{told}");
}

#[test]
fn a_later_code_ends_the_earlier_one_and_old_ones_do_not_stay() {
    let Open { mut registry, code } = open();
    let later = EnrolmentCode::generate(server("web01"), at(90), &Fresh::new([6; 32]));
    let enrolment = later.enrolment("root".to_owned(), at(30));
    registry.open_enrolment(&server("web01"), enrolment.clone(), at(30)).unwrap();
    assert!(accept(&mut registry, &code.request(&public(1)).to_json(), 31).is_err());
    registry.open_enrolment(&server("web02"), enrolment, at(100)).unwrap();
    assert_eq!(registry.enrolments().count(), 1);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes: Vec<u8>, text: String) {
        let _ = KeyRegistry::parse(&bytes);
        let _ = text.parse::<EnrolmentCode>();
        let _ = format!("log2aws-enrol-1.{text}").parse::<EnrolmentCode>();
        let Open { mut registry, .. } = open();
        prop_assert!(accept(&mut registry, &bytes, 1).is_err());
    }
}
