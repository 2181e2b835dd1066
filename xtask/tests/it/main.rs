//! Tests of the built `xtask`.

#![allow(clippy::unwrap_used, reason = "a test that fails shall say where")]

mod nested_cargo;
