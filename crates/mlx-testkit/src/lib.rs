//! Support for this workspace's tests; it knows files and numbers but not MLX.
//!
//! Start at [`Golden`], which reads a fixture that `cargo xtask golden` wrote and compares a result with it.
//! [`Checkpoint`] makes model folders with something wrong in them, [`assets`] finds files too large to commit,
//! [`Python`] runs beside a benchmark.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a broken fixture has to stop the test that reads it"
)]

pub mod assets;
mod checkpoint;
mod golden;
mod python;
pub mod ring;
mod tensor;
mod tolerance;

pub use checkpoint::Checkpoint;
pub use golden::{Golden, cases};
pub use python::Python;
pub use tensor::Tensor;
pub use tolerance::{Tolerance, assert_close, judge, max_abs, relative_rms};
