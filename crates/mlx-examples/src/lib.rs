//! What this workspace's examples share.
//!
//! [`Digits`] and [`moby_dick`] are data that `cargo xtask assets` fetches, [`Batches`] goes over them, [`fit`] is a
//! training loop with a progress bar, and [`Chart`] draws what it found.

#![forbid(unsafe_code)]

mod batches;
mod canvas;
mod chart;
mod data;
mod fit;
mod glyphs;
mod settings;

pub use batches::Batches;
pub use chart::{Chart, sparkline};
pub use data::{Digits, accuracy, moby_dick};
pub use fit::fit;
pub use settings::Settings;

/// The result of an example's part.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
