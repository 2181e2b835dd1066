//! Support for every fuzz target: [`fuzz_target`] and the replay of a kept corpus.
//!
//! The same source makes two programs. cargo-fuzz builds it with libFuzzer (`--cfg fuzzing`), which
//! searches for inputs that break it. Plain cargo builds a program that runs the target once with
//! each given file; the tests of this package run it with the kept corpus.

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

/// Runs a target once with each file. Fails with the file's name if one cannot be read or the
/// target panics; prints the number of files.
pub fn replay(files: impl Iterator<Item = OsString>, target: impl Fn(&[u8])) -> ExitCode {
    let (mut runs, mut faults) = (0_u32, 0_u32);
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
        if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
            eprintln!("{}: this input breaks the target", file.display());
            faults += 1;
        }
    }
    println!("{runs} inputs");
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
