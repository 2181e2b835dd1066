//! The log2aws command line.

fn main() {}
