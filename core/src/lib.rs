//! The pure core of Folkmoot: everything that is decided, and nothing that touches the world.
#![no_std]
extern crate alloc;

pub mod bounded;
pub mod command;
pub mod codec;
pub mod digest;
pub mod effect;
pub mod event;
pub mod governance;
pub mod id;
pub mod input;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod pmap;
pub mod query;
pub mod signed;
pub mod time;
pub mod wire;
