//! Tests of rendering.

mod drawings;
mod pictures;
