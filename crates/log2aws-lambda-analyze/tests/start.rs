//! The error of a function that cannot start.

use std::process::Command;

#[test]
fn a_function_without_its_environment_names_what_is_missing() {
    let run = |set: &[(&str, &str)]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_analyze-log"));
        let done = program.env_clear().envs(set.iter().copied()).output().unwrap();
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    assert!(run(&[]).contains("LOG2AWS_ENV is not set"));
    let told = run(&[
        ("LOG2AWS_ENV", "dev"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ]);
    assert!(told.contains("AWS_SECRET_ACCESS_KEY is not set"), "{told}");
    assert!(!told.contains("AKIDEXAMPLE"), "{told}");
}
