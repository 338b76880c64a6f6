//! Folkmoot: tests.

pub mod bench;
