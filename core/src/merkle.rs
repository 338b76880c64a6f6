//! Persistent Merkle map.
