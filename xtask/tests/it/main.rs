//! Tests of the built `xtask`.

mod nested_cargo;
