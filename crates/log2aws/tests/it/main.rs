//! Black-box tests of the command line: one test program.

mod docs;
mod seed;
mod token;
