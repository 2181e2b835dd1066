//! The command line from outside: one test program.

mod docs;
mod seed;
mod token;
