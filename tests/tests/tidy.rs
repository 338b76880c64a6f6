//! The habits of this code base that a program can check.

mod boundaries;
mod named;
mod sizes;
mod tree;
