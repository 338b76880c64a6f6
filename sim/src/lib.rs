//! Folkmoot: sim.

pub mod cluster;
pub mod compare;
pub mod exhaustive;
mod gifts;
pub mod kit;
pub mod oracle;
pub mod runner;
pub mod scenario;
pub mod shrink;
pub mod solo;
pub mod tool;
pub mod world;
