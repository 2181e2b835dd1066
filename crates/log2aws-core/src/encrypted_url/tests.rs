//! Encrypted answers: RFC 9180's vector, and what must not be opened.

use proptest::prelude::*;

use super::*;

/// The fields of RFC 9180's vector: `name: hex`, continued on the next lines.
fn vector(name: &str) -> Vec<u8> {
    let text = include_str!("../../../../testdata/hpke/base.txt");
    let start = text.find(&format!("\n{name}:")).unwrap() + name.len() + 2;
    let end = text[start..].find(": ").map_or(text.len(), |at| start + at);
    let end = text[start..end].rfind('\n').map_or(end, |at| start + at);
    let lines = text[start..end].lines().map(str::trim).take_while(|line| !line.contains(':'));
    let hex: String = lines.collect();
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn fixed<const N: usize>(name: &str) -> [u8; N] {
    vector(name).try_into().unwrap()
}

/// RFC 9180, appendix A.2.1: the recipient's pair comes from ikmR, the ephemeral one from ikmE.
#[test]
fn the_vector_of_rfc_9180() {
    let key = PrivateKey::generate(&Fresh::new(fixed("ikmR")));
    assert_eq!(key.public().bytes(), &fixed("pkRm"));
    let (info, aad, plain) = (vector("info"), vector("aad"), vector("pt"));
    let sealed =
        seal(key.public().bytes(), &info, &aad, &plain, &Fresh::new(fixed("ikmE"))).unwrap();
    assert_eq!(sealed, (vector("enc"), vector("ct")));
    assert_eq!(open(key.get(), &info, &aad, &vector("enc"), &vector("ct")).unwrap(), plain);
}

struct Asked {
    server: ServerName,
    request_id: RequestId,
}

impl Asked {
    fn new(server: &str, request: u8) -> Self {
        let request_id = RequestId::generate(&Fresh::new([request; 32]));
        Self { server: server.parse().unwrap(), request_id }
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            server: &self.server,
            day: "2026-11-30".parse().unwrap(),
            size: 21_800,
            sha256: [0xab; 32],
            request_id: &self.request_id,
        }
    }
}

fn pair(number: u8) -> PrivateKey {
    PrivateKey::generate(&Fresh::new([number; 32]))
}

fn encrypted(to: &PrivateKey, binding: Binding<'_>) -> EncryptedUrl {
    EncryptedUrl::encrypt(b"a URL", &to.public(), binding, &Fresh::new([9; 32])).unwrap()
}

#[test]
fn the_additional_data_is_canonical_json() {
    let asked = Asked::new("web01", 1);
    let json = asked.binding().to_json();
    let expected = concat!(
        r#"{"date":"2026-11-30","kind":"load","request_id":"01010101010101010101010101010101","#,
        r#""server":"web01","sha256":"abababababababababababababababababababababababababababababababab","#,
        r#""size":21800}"#
    );
    assert_eq!(String::from_utf8(json.clone()).unwrap(), expected);
    // Sorted names, no blanks: the same as a sorted map gives.
    let map: std::collections::BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&json).unwrap();
    assert_eq!(serde_json::to_vec(&map).unwrap(), json);
}

#[test]
fn an_answer_is_opened_by_its_server_alone() {
    let asked = Asked::new("web01", 1);
    let sent = serde_json::to_vec(&encrypted(&pair(1), asked.binding())).unwrap();
    let answer = EncryptedUrl::parse(&sent).unwrap();
    let both = [pair(2), pair(1)];
    assert_eq!(answer.decrypt(&both, asked.binding()).unwrap(), b"a URL");
    let told = answer.decrypt(&[pair(2)], asked.binding()).unwrap_err();
    assert!(matches!(told, DecryptError::OtherKey { .. }), "{told}");
    assert!(told.to_string().contains(&pair(2).public().id().to_string()));
}

#[test]
fn a_replayed_answer_and_that_of_another_log_are_refused() {
    let asked = Asked::new("web01", 1);
    let answer = encrypted(&pair(1), asked.binding());
    let keys = [pair(1)];
    let other_request = Asked::new("web01", 2);
    let told = answer.decrypt(&keys, other_request.binding()).unwrap_err();
    assert_eq!(told, DecryptError::OtherRequest);
    let renamed =
        EncryptedUrl { request_id: other_request.request_id.as_str().to_owned(), ..answer.clone() };
    let told = renamed.decrypt(&keys, other_request.binding()).unwrap_err();
    assert_eq!(told, DecryptError::Damaged, "the name of the request is authenticated");
    let other_server = Asked::new("web02", 1);
    let other_day = Binding { day: "2026-11-29".parse().unwrap(), ..asked.binding() };
    let other_size = Binding { size: 1, ..asked.binding() };
    let other_bytes = Binding { sha256: [0; 32], ..asked.binding() };
    for binding in [other_server.binding(), other_day, other_size, other_bytes] {
        assert_eq!(answer.decrypt(&keys, binding).unwrap_err(), DecryptError::Damaged);
    }
}

#[test]
fn a_newer_form_is_told_as_such() {
    let told = EncryptedUrl::parse(br#"{"v":2,"kem":"x-wing"}"#).unwrap_err();
    assert_eq!(told, DecryptError::Version(2));
    for shape in ["", "https://b/web01", "{}", r#"{"v":1}"#, "[1]"] {
        assert_eq!(EncryptedUrl::parse(shape.as_bytes()).unwrap_err(), DecryptError::Shape);
    }
}

proptest! {
    #[test]
    fn a_changed_or_truncated_answer_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8, cut: bool) {
        let asked = Asked::new("web01", 1);
        let mut answer = encrypted(&pair(1), asked.binding());
        let part = if bit % 2 == 0 { &mut answer.ct } else { &mut answer.enc };
        let mut bytes = BASE64.decode(&*part).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        // The highest bit of a point does not count (RFC 7748, section 5).
        prop_assume!(cut || bit != 7 || at != 31);
        *part = BASE64.encode(bytes);
        prop_assert!(answer.decrypt(&[pair(1)], asked.binding()).is_err());
    }

    #[test]
    fn no_answer_makes_it_panic(bytes: Vec<u8>, enc: String, ct: String) {
        let _ = EncryptedUrl::parse(&bytes);
        let asked = Asked::new("web01", 1);
        let id = pair(1).public().id().to_string();
        let request_id = asked.request_id.as_str().to_owned();
        let answer = EncryptedUrl { v: 1, key_id: id, request_id, enc, ct };
        prop_assert!(answer.decrypt(&[pair(1)], asked.binding()).is_err());
    }
}
