//! Judges the facts. Pure.

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod deliveries;
pub(crate) mod folders;
pub(crate) mod samples;
pub(crate) mod service;

/// Splits a sentence of `ship` into what happened and what to do.
pub(crate) fn parts(sentence: String, otherwise: &str) -> (String, String) {
    match sentence.split_once("; ") {
        Some((what, todo)) => (what.to_owned(), todo.to_owned()),
        None => (sentence, otherwise.to_owned()),
    }
}
