//! Signed notes, checkpoints and cosignatures of other programs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use log2aws_tlog::checkpoint::{Checkpoint, SignedCheckpoint, SignedCheckpointError};
use log2aws_tlog::note::{Algorithm, KeyError, Note, NoteError, SigningKey, VerifierKey};
use proptest::prelude::*;

use crate::testdata;

/// The example of signed-note (C2SP/C2SP at 5ba5ee8, `signed-note.md`, "Example").
const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// A checkpoint of the Go checksum database and its key, from `cmd/litewitness/testdata/sumdb.txt`
/// of `FiloSottile/torchwood` at 341dc2f.
const SUMDB_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const SUMDB: &str = "go.sum database tree\n35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

#[test]
fn the_example_of_signed_note_verifies() {
    let (key, note) = (key(KEY), Note::parse(NOTE.as_bytes()).unwrap());
    assert_eq!(key.to_string(), KEY);
    assert_eq!(note.to_string(), NOTE);
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap(), [&key]);
    let changed = NOTE.replace("example message", "example massage");
    let changed = Note::parse(changed.as_bytes()).unwrap();
    assert_eq!(changed.verify(&[key]), Err(NoteError::Wrong("example.com/foo".to_owned())));
}

#[test]
fn the_checkpoint_of_the_go_checksum_database_verifies() {
    let note = Note::parse(SUMDB.as_bytes()).unwrap();
    assert!(note.verify(&[key(SUMDB_KEY)]).is_ok());
    assert_eq!(note.verify(&[key(KEY)]), Err(NoteError::Unsigned));
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((&*checkpoint.origin, checkpoint.size), ("go.sum database tree", 35_225_469));
    assert_eq!(checkpoint.to_string(), note.text());
    // Its key does not have the name of the log, as that of our own logs must.
    let signed = SignedCheckpoint::parse(SUMDB.as_bytes()).unwrap();
    let origin = SignedCheckpointError::Origin("go.sum database tree".to_owned());
    assert_eq!(signed.verify(&[key(SUMDB_KEY)]), Err(origin));
}

#[test]
fn a_checkpoint_signed_by_openssl_and_cosigned_verifies() {
    let (text, keys) = (testdata("cosigned.txt"), testdata("cosigned.keys"));
    let keys: Vec<VerifierKey> = keys.lines().map(key).collect();
    assert_eq!(keys[1].algorithm(), Algorithm::Cosignature);
    let signed = SignedCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(signed.to_string(), text);
    assert_eq!(signed.verify(&keys).unwrap(), [&keys[0]]);
    let at = Timestamp::from_second(1_679_315_147).unwrap();
    assert_eq!(signed.note().cosigned_at(&keys[1]), Ok(Some(at)));
    assert_eq!(signed.note().cosigned_at(&key(KEY)), Ok(None));
    // A witness alone does not make a checkpoint that of the log.
    assert!(signed.verify(&keys[1..]).is_err());
    let moved = text.replace("20852163", "20852164");
    let moved = SignedCheckpoint::parse(moved.as_bytes()).unwrap();
    assert!(moved.verify(&keys).is_err() && moved.note().cosigned_at(&keys[1]).is_err());
}

#[test]
fn our_own_signatures_are_those_of_openssl() {
    // The first key of RFC 8032, section 7.1. Ed25519 has one signature for a key and a message.
    let mut seed = [0; 32];
    let rfc = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    hex::decode_to_slice(rfc, &mut seed).unwrap();
    let log = SigningKey::new("example.com/behind-the-sofa", Algorithm::Note, seed).unwrap();
    let witness = SigningKey::new("witness.example.com/w1", Algorithm::Cosignature, seed).unwrap();
    let text = testdata("cosigned.txt");
    let body = &text[..=text.find("\n\n").unwrap()];
    let mut note = Checkpoint::parse(body).unwrap().sign(std::slice::from_ref(&log)).unwrap();
    note.cosign(&witness, Timestamp::from_second(1_679_315_147).unwrap()).unwrap();
    assert_eq!(note.to_string(), text);
    assert!(note.cosign(&log, Timestamp::UNIX_EPOCH).is_err() && note.sign(&witness).is_err());
}

#[test]
fn keys_of_other_programs_are_read() {
    // `testdata/build_log.sh` of transparency-dev/tessera at 1811ae1.
    let secret = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
    let public = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    let read = SigningKey::parse(secret).unwrap();
    assert_eq!(read.verifier().to_string(), public);
    assert_eq!(read.expose(), secret);
    assert!(!format!("{read:?}").contains("ymY/SZAX0jZ"));
    // `note/note_cosigv1_test.go` of transparency-dev/formats at 0b850f1.
    let witness = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    assert_eq!(key(witness).to_string(), witness);
    let parse = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert_eq!(parse("bananas.sigstore.dev+12344556"), KeyError::Form);
    assert_eq!(parse("rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!"), KeyError::Form);
    assert_eq!(parse("rekor.sigstore.dev+12345678+AwEB"), KeyError::Kind);
    assert_eq!(parse(&public.replace("33d7b496", "33d7b497")), KeyError::Id);
    // A curve that is no Ed25519, and one byte less.
    let of = |kind: u8, bytes: usize| {
        let bytes: Vec<u8> = std::iter::once(kind).chain(vec![7; bytes]).collect();
        format!("a+00000000+{}", BASE64_STANDARD.encode(bytes))
    };
    assert_eq!(parse(&of(2, 65)), KeyError::Kind);
    assert_eq!(parse(&of(1, 31)), KeyError::Kind);
    assert_eq!(parse(&of(1, 32)), KeyError::Id);
    assert_eq!(parse("a b+00000000+AQ=="), KeyError::Name);
}

#[test]
fn old_checkpoints_verify_with_the_old_key_and_new_ones_with_both_while_keys_rotate() {
    let of = |seed: u8| SigningKey::new("log.example/1", Algorithm::Note, [seed; 32]).unwrap();
    let (old, new) = (of(1), of(2));
    let checkpoint =
        Checkpoint::parse("log.example/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    let checkpoint = checkpoint.unwrap();
    let verify = |keys: &[&SigningKey], with: &SigningKey| {
        let keys: Vec<SigningKey> = keys.iter().map(|key| (*key).clone()).collect();
        let note = checkpoint.sign(&keys).unwrap();
        let signed = SignedCheckpoint::parse(note.to_string().as_bytes()).unwrap();
        signed.verify(&[with.verifier().clone()]).is_ok()
    };
    assert!(verify(&[&old], &old) && !verify(&[&old], &new));
    assert!(verify(&[&old, &new], &old) && verify(&[&old, &new], &new));
    assert!(!verify(&[&new], &old) && verify(&[&new], &new));
}

#[test]
fn what_is_no_note_or_checkpoint_is_refused() {
    for wrong in [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAA=",
        "te\rxt\n\n— name AAAAAAA=\n",
        "text\n\n— na+me AAAAAAA=\n",
        "text\n\n-- name AAAAAAA=\n",
    ] {
        assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert!(Note::parse(b"text\n\n\xe2\x80\x94 name AAAAAAA=\xff\n").is_err());
    let many = format!("text\n\n{}", "— name AAAAAAA=\n".repeat(101));
    assert!(Note::parse(many.as_bytes()).is_err());
    assert!(Note::parse(&vec![b'x'; 70_000]).is_err());
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert!(Checkpoint::parse(&format!("log\n0\n{root}\nmore\n")).is_ok());
    for wrong in [
        format!("log\n01\n{root}\n"),
        format!("log\n+1\n{root}\n"),
        format!("log\n18446744073709551616\n{root}\n"),
        format!("log\n1\n{root}"),
        format!("\n1\n{root}\n"),
        format!("log\n1\n{root}\n\n"),
        "log\n1\n\n".to_owned(),
        "log\n1\nAAAA\n".to_owned(),
        "log\n0\nsIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=\n".to_owned(),
        "log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n".to_owned(),
    ] {
        assert!(Checkpoint::parse(&wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn whatever_parses_is_written_as_it_was(at in 0..NOTE.len(), byte in any::<u8>()) {
        let mut bytes = NOTE.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn no_changed_byte_verifies(at in 0..NOTE.len(), bit in 0..8_u8) {
        let mut bytes = NOTE.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        let verified = Note::parse(&bytes).map(|note| note.verify(&[key(KEY)]).is_ok());
        prop_assert!(!verified.unwrap_or(false));
    }
}
