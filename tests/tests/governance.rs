//! Rule set SR-1: the engine does what the oracle says, and both do what is promised.

mod arrival;
mod cases_01;
mod cases_09;
mod cases_17;
mod regressions;
mod slots;
mod worlds;
