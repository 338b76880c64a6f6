//! Folkmoot: effects.
