//! Pictures: one test program.

mod drawings;
mod pictures;
