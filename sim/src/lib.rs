//! Folkmoot: sim.
