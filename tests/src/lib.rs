//! Folkmoot: tests.
