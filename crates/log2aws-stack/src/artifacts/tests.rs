//! Which zips are taken, and which are refused.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::*;
use crate::architecture::{Choice, Reason};

fn program(machine: u8) -> Vec<u8> {
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.resize(18, 0);
    head.extend([machine, 0]);
    head.resize(64, 0);
    head
}

fn put(folder: &Path, name: &str, entry: &str, mode: u32, bytes: &[u8]) {
    put_of(folder, name, entry, mode, bytes, Some(VERSION));
}

fn put_of(folder: &Path, name: &str, entry: &str, mode: u32, bytes: &[u8], version: Option<&str>) {
    let file = std::fs::File::create(folder.join(name)).unwrap();
    let mut zip = zip::ZipWriter::new(file);
    zip.start_file(entry, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
    zip.write_all(bytes).unwrap();
    if let Some(version) = version {
        zip.start_file(VERSION_FILE, SimpleFileOptions::default()).unwrap();
        writeln!(zip, "{version}").unwrap();
    }
    zip.finish().unwrap();
}

fn found(folder: &Path) -> Result<Artifacts, String> {
    Artifacts::find(&[folder.to_owned()]).map_err(|error| error.to_string())
}

#[test]
fn zips_are_found_and_named_by_their_bytes() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    put(folder, GENERATE_URL, BOOTSTRAP, 0o755, &program(183));
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(183));
    let both = found(folder).unwrap();
    let error = both.of(Architecture::X86_64, "somebody said so").unwrap_err().to_string();
    assert!(error.contains("are to be for x86_64 (somebody said so), and the zips in"), "{error}");
    assert!(error.ends_with("--parameter Architecture=arm64"), "{error}");
    let both = both.of(Architecture::Arm64, "").unwrap();
    let key = both.generate_url.key();
    let hash = key.strip_prefix("log2aws/").and_then(|rest| rest.strip_suffix(".zip"));
    assert_eq!(hash.map(str::len), Some(64), "{key}");
    assert_eq!(key, both.analyze_log.key(), "the same bytes have the same key");
    let searched = [home.path().join("none"), folder.to_owned()];
    assert!(Artifacts::find(&searched).is_ok());
}

#[test]
fn what_lambda_could_not_run_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    assert!(found(folder).unwrap_err().contains("cargo xtask lambda"));
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(62));
    assert!(found(folder).unwrap_err().contains("are not both in"));
    std::fs::write(folder.join(GENERATE_URL), b"PK, but no zip").unwrap();
    assert!(found(folder).unwrap_err().contains("it is no zip"));
    for (entry, mode, bytes, part) in [
        ("main", 0o755, program(62), "holds no file bootstrap"),
        (BOOTSTRAP, 0o644, program(62), "is not executable"),
        (BOOTSTRAP, 0o755, program(3), "no 64-bit Linux program"),
        (BOOTSTRAP, 0o755, b"#!/bin/sh\n".to_vec(), "no 64-bit Linux program"),
        (BOOTSTRAP, 0o755, Vec::new(), "no 64-bit Linux program"),
        (BOOTSTRAP, 0o755, program(183), "is for arm64 and"),
    ] {
        put(folder, GENERATE_URL, entry, mode, &bytes);
        let message = found(folder).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_named_folder_is_the_only_one() {
    let (named, program) = (Path::new("/zips"), Path::new("/usr/bin/log2aws"));
    let current = Path::new("/src");
    assert_eq!(folders(Some(named), Some(program), current), [named]);
    let usual = folders(None, Some(program), current);
    let expected =
        ["/usr/bin", "/usr/bin/lambda", "/usr/share/log2aws/lambda", "/src/target/lambda"];
    assert_eq!(usual, expected.map(PathBuf::from));
}

#[test]
fn zips_of_another_version_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(62));
    for (version, words) in [
        (Some("0.0.9"), format!("is of log2aws 0.0.9, and this program is of log2aws {VERSION}")),
        (None, "put no version into its zips".to_owned()),
    ] {
        put_of(folder, GENERATE_URL, BOOTSTRAP, 0o755, &program(62), version);
        let message = found(folder).unwrap_err();
        assert!(message.contains(&words), "{message}");
    }
}

#[test]
fn a_damaged_program_is_noticed_behind_its_head() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(62));
    let mut long = program(62);
    long.extend((0..50_000_u32).flat_map(u32::to_le_bytes));
    put(folder, GENERATE_URL, BOOTSTRAP, 0o755, &long);
    found(folder).unwrap();
    let path = folder.join(GENERATE_URL);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&path, bytes).unwrap();
    let message = found(folder).unwrap_err();
    assert!(message.contains("its bootstrap cannot be unpacked"), "{message}");
}

#[test]
fn a_folder_may_have_both_architectures() {
    let home = tempfile::tempdir().unwrap();
    for (name, machine) in [("x86_64", 62), ("arm64", 183)] {
        let below = home.path().join(name);
        std::fs::create_dir(&below).unwrap();
        for zip in [GENERATE_URL, ANALYZE_LOG] {
            put(&below, zip, BOOTSTRAP, 0o755, &program(machine));
        }
    }
    let all = found(home.path()).unwrap();
    for architecture in Architecture::ALL {
        let path = &all.of(architecture, "").unwrap().generate_url.path;
        assert_eq!(path, &home.path().join(architecture.to_string()).join(GENERATE_URL));
    }
    put(&home.path().join("arm64"), GENERATE_URL, BOOTSTRAP, 0o755, &program(62));
    put(&home.path().join("arm64"), ANALYZE_LOG, BOOTSTRAP, 0o755, &program(62));
    let message = found(home.path()).unwrap_err();
    assert!(message.contains("is for x86_64, and its folder for arm64"), "{message}");
}

#[test]
fn only_the_zips_that_were_tested_are_a_new_stacks_default() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    put(folder, GENERATE_URL, BOOTSTRAP, 0o755, &program(183));
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &program(183));
    let choice = || Choice::of(None, None, found(folder).unwrap().tested(Architecture::Arm64));
    let usual = Choice { architecture: Architecture::X86_64, reason: Reason::Usual };
    assert_eq!(choice(), usual);
    let sum = |name| hex::encode(Sha256::digest(std::fs::read(folder.join(name)).unwrap()));
    let line = |name| format!("{}  {name}\n", sum(name));
    std::fs::write(folder.join(TESTED), line(GENERATE_URL)).unwrap();
    assert_eq!(choice(), usual, "one of both");
    std::fs::write(folder.join(TESTED), line(ANALYZE_LOG) + &line(GENERATE_URL)).unwrap();
    let tested = Choice { architecture: Architecture::Arm64, reason: Reason::Tested };
    assert_eq!(choice(), tested);
    let all = found(folder).unwrap();
    let of = |given, stack| Choice::of(given, stack, all.tested(Architecture::Arm64));
    assert_eq!(of(None, Some("x86_64")).to_string(), format!("x86_64: {}", Reason::Stack));
    assert_eq!(of(Some("x86_64"), Some("arm64")).reason, Reason::Given);
    // The zips were made anew, and the old sums left.
    let mut other = program(183);
    other.push(1);
    put(folder, ANALYZE_LOG, BOOTSTRAP, 0o755, &other);
    assert_eq!(choice(), usual);
}
