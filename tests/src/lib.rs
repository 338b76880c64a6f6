//! Folkmoot: tests.

pub mod bench;
pub mod e2e;
pub mod fuzz;
