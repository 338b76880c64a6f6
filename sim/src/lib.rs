//! Folkmoot: sim.

pub mod cluster;
pub mod compare;
pub mod kit;
pub mod oracle;
pub mod runner;
pub mod scenario;
pub mod world;
