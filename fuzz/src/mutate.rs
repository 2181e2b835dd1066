//! Random mutations of inputs: short fuzzing in every test run. `cargo xtask soak fuzz` fuzzes
//! longer, guided by coverage.

use fastrand::Rng;

/// The maximum length of an input, in bytes. Longer ones find nothing more.
const LONGEST: usize = 4096;

/// Applies some random steps to one of the inputs in `kept`.
pub fn mutated(rng: &mut Rng, kept: &[Vec<u8>]) -> Vec<u8> {
    let Some(mut input) = rng.choice(kept).cloned() else { return Vec::new() };
    for _ in 0..rng.u32(1..=8) {
        step(rng, &mut input, kept);
    }
    input.truncate(LONGEST);
    input
}

fn step(rng: &mut Rng, input: &mut Vec<u8>, kept: &[Vec<u8>]) {
    const BYTES: &[u8] = b"\0\x01\x7f\x80\xff \t\r\n,;:=&?%+-/.*@\"'<>09aAfFzZ";
    let at = rng.usize(..=input.len());
    let end = rng.usize(at..=input.len().min(at + 32));
    match rng.u32(..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.u32(..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 if at < input.len() => {
            input[at] = input[at].wrapping_add(rng.choice([1, 255]).unwrap_or(1))
        }
        3 => input.insert(at, rng.choice(BYTES.iter().copied()).unwrap_or_default()),
        4 => drop(input.drain(at..end)),
        // Duplicate a part, here or elsewhere.
        5 => {
            let part = input[at..end].to_vec();
            let to = rng.usize(..=input.len());
            input.splice(to..to, part);
        }
        // A piece of another input.
        6 => {
            let Some(other) = rng.choice(kept) else { return };
            let from = rng.usize(..=other.len());
            let to = rng.usize(from..=other.len().min(from + 64));
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let noise: Vec<u8> = (0..rng.usize(..16)).map(|_| rng.u8(..)).collect();
            input.splice(at..end, noise);
        }
    }
}
