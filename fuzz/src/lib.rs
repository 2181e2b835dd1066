//! Support for all fuzz targets: [`fuzz_target`] and the replay of a corpus.
//!
//! Each target is built in two ways. cargo-fuzz builds it with libFuzzer (`--cfg fuzzing`), which
//! searches for inputs that make it fail. Plain cargo builds a program that runs the target once
//! with each given file, and then with `LOG2AWS_FUZZ_ROUNDS` random mutations of them; the tests of
//! this package run it with the stored corpus.

pub mod http;
mod mutate;
pub mod sign;
pub mod world;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

#[doc(hidden)]
pub use arbitrary;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// A fuzz target, written as with libFuzzer's macro of that name: `fuzz_target!(|input: &[u8]|
/// ...)`, for any type of input that implements `arbitrary::Arbitrary`.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $kind:ty| $body:block) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|$input: $kind| $body);

        #[cfg(not(fuzzing))]
        fn main() -> ::std::process::ExitCode {
            $crate::replay(::std::env::args_os().skip(1), |bytes| {
                let bytes = $crate::arbitrary::Unstructured::new(bytes);
                let input = <$kind as $crate::arbitrary::Arbitrary>::arbitrary_take_rest(bytes);
                if let Ok($input) = input {
                    $body
                }
            })
        }
    };
}

/// The number of random inputs after the files; none if it is not set.
const ROUNDS: &str = "LOG2AWS_FUZZ_ROUNDS";

/// The seed of the random numbers; the process id if it is not set.
const SEED: &str = "LOG2AWS_FUZZ_SEED";

/// The existing folder to which a random input that makes a target fail is written.
const ARTIFACTS: &str = "LOG2AWS_FUZZ_ARTIFACTS";

/// Runs a target once with each file, then with random mutations of them as set in the environment.
/// Fails if a file cannot be read or the target panics: prints the file, or writes the random input
/// to one. Prints the number of inputs.
pub fn replay(files: impl Iterator<Item = OsString>, target: impl Fn(&[u8])) -> ExitCode {
    let breaks = |bytes: &[u8]| catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err();
    let (mut kept, mut runs, mut faults) = (Vec::new(), 0_u64, 0_u32);
    for file in files.map(PathBuf::from) {
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                faults += 1;
                continue;
            }
        };
        runs += 1;
        if breaks(&bytes) {
            eprintln!("{}: this input breaks the target", file.display());
            faults += 1;
        }
        kept.push(bytes);
    }
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number(SEED).unwrap_or_else(|| std::process::id().into());
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..number(ROUNDS).unwrap_or(0) {
        let input = mutate::mutated(&mut rng, &kept);
        runs += 1;
        if breaks(&input) {
            let folder = std::env::var_os(ARTIFACTS).map_or_else(std::env::temp_dir, PathBuf::from);
            let file = folder.join(format!("breaks-{seed}-{round}"));
            match std::fs::write(&file, &input) {
                Ok(()) => eprintln!("{}: this input breaks the target", file.display()),
                Err(error) => eprintln!("{}: {error}; {}", file.display(), input.escape_ascii()),
            }
            faults += 1;
            break;
        }
    }
    println!("{runs} inputs");
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
