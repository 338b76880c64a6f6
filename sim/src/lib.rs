//! Folkmoot: sim.

pub mod compare;
pub mod kit;
pub mod oracle;
pub mod world;
