//! The agent from outside: one test program, a module for each verb.

mod doctor;
mod run;
mod sample;
mod ship;
