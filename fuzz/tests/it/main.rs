//! Every target in `fuzz_targets` with its kept corpus and the golden data. New targets are found
//! by their files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Random inputs for each target, unless `LOG2AWS_FUZZ_ROUNDS` says otherwise.
const ROUNDS: u32 = 200;

/// The folder of this package.
fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder; none if it does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect();
    found.sort();
    found
}

fn targets() -> Vec<String> {
    let sources = files(&home().join("fuzz_targets"));
    sources.iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn run(target: &str, inputs: &[PathBuf], rounds: u32) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_names")).with_file_name(target);
    assert!(program.is_file(), "{target} has no [[bin]] in fuzz/Cargo.toml");
    Command::new(program)
        .args(inputs)
        .env("LOG2AWS_FUZZ_ROUNDS", rounds.to_string())
        .env("LOG2AWS_FUZZ_ARTIFACTS", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
}

/// How many random changes to its corpus each target is run with.
fn rounds() -> u32 {
    let set = std::env::var("LOG2AWS_FUZZ_ROUNDS").ok();
    set.map_or(ROUNDS, |text| text.parse().unwrap())
}

#[test]
fn every_target_survives_its_corpus_and_a_short_random_run() {
    let golden = files(&home().join("../testdata"));
    assert!(golden.len() > 10, "there are no golden data");
    let targets = targets();
    assert!(targets.contains(&"names".to_owned()), "{targets:?}");
    for target in targets {
        let mut inputs = files(&home().join("corpus").join(&target));
        assert!(!inputs.is_empty(), "fuzz/corpus/{target} holds no input");
        inputs.extend(golden.iter().cloned());
        let output = run(&target, &inputs, rounds());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{target}: {told}");
        let count = String::from_utf8_lossy(&output.stdout);
        let expected = inputs.len() + rounds() as usize;
        assert_eq!(count.trim(), format!("{expected} inputs"), "{target}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_a_failure() {
    let output = run("names", &[home().join("corpus/no-such-input")], 0);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-input"));
}

/// Tests the replay itself, with a target that an input breaks.
#[test]
fn an_input_that_breaks_a_target_is_a_failure() {
    let replay = |file: &Path| {
        let breaks = |bytes: &[u8]| assert!(bytes.is_empty());
        format!("{:?}", log2aws_fuzz::replay([file.into()].into_iter(), breaks))
    };
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    fs::write(&good, "").unwrap();
    fs::write(&bad, "x").unwrap();
    let success = format!("{:?}", std::process::ExitCode::SUCCESS);
    assert_eq!(replay(&good), success);
    assert_ne!(replay(&bad), success);
}
