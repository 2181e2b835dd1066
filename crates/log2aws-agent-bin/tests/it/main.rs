//! The installed program: one test program, a module for each group of promises.

mod doctor;
mod proof;
mod service;
