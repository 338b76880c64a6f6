//! Folkmoot: sim.

pub mod kit;
pub mod oracle;
pub mod world;
