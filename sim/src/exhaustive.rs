//! Small worlds, all of them: every extension of a small namespace by a few ops of a small
//! alphabet, at every cut, delivered in every order, engine against oracle.
//!
//! There are two namespaces to extend, one about people and one about places. A world is a list of
//! choices: which letter of the [`alphabet`] comes next, and which of the choices before it its
//! author knows. Nobody has to know their own earlier ops, so that equivocation is among them.
//! Worlds that differ only in the order in which concurrent ops are listed are the same world, and
//! nearly all of them are visited once.
//!
//! An op arrives after its parents here: how ops wait for parents is no matter of the rules.

pub mod alphabet;
mod explore;
mod plan;
#[cfg(test)]
mod tests;

pub use explore::{Covered, Difference, explore};
pub use plan::{Choice, Selection, Worlds};
