//! The commands, a module for each noun.

pub mod action;
pub mod compare;
pub mod context;
pub mod export;
pub mod group;
pub mod history;
pub mod identity;
pub mod invite;
pub mod join;
pub mod member;
pub mod namespace;
pub mod network;
pub mod node;
pub mod offline;
pub mod peers;
pub mod readiness;
pub mod tree;
pub mod why;
