//! stub
pub use prng::Prng;
mod prng;
