//! Folkmoot: effects.

pub mod net;
