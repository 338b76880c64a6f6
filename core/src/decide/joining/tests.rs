extern crate std;

mod confirming;
mod ending;
mod partners;
mod scene;
mod starting;

use scene::*;
