//! The tests that need more than one crate, in one binary.
//!
//! | module | what it holds |
//! |---|---|
//! | [`governance`] | the engine against the oracle: worlds, the named cases, arrival, restart |
//! | [`attacks`] | what hostile peers, members and disks try, one test per row |
//! | [`e2e`] | the program as processes of its own: nodes, commands, data folders, kills |
//! | [`fuzz`] | every decoder and the reducer over the inputs that fuzzing found |
//! | [`golden`] | bytes that may not change: `tests/golden/`, one folder per schema |
//! | [`tidy`] | the habits of this code base that a program can check |
//!
//! No test sleeps, retries or depends on the clock, but that [`e2e`] asks again until a process is
//! where it should be, and has things go wrong at moments that do not matter; every random choice
//! has a seed, and a failure prints it.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod e2e;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
