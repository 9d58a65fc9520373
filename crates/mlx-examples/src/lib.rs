//! What this workspace's examples share; it knows files and numbers but not MLX.
//!
//! [`Digits`] and [`moby_dick`] are data that `cargo xtask assets` fetches, [`Progress`] is a bar for a loop, and
//! [`Chart`] draws what the loop found.

#![forbid(unsafe_code)]

mod canvas;
mod chart;
mod data;
mod glyphs;
mod progress;

pub use chart::{Chart, sparkline};
pub use data::{Digits, moby_dick};
pub use progress::Progress;
