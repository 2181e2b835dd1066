//! Black-box tests of the agent: one test program, a module for each verb.

mod doctor;
mod run;
mod sample;
mod ship;
