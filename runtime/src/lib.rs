//! Folkmoot: runtime.
