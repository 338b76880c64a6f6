//! Persistent map.
