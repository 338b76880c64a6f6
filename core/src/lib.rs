//! The pure core of Folkmoot: everything that is decided, and nothing that touches the world.
#![no_std]
extern crate alloc;

pub mod bounded;
pub mod codec;
pub mod digest;
pub mod governance;
pub mod id;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod pmap;
pub mod signed;
pub mod time;
