//! Black-box tests of the installed program: one test program, a module per topic.

mod doctor;
mod proof;
mod service;
