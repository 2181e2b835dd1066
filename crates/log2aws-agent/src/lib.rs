//! Sampling and shipping, as libraries without a runtime.
