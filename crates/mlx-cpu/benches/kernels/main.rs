//! How fast kernels are, beside what memory and arithmetic allow: `cargo bench -p mlx-cpu --bench kernels`.
//!
//! Words after `--` choose kernels whose names contain one of them; `--json` prints a record a line.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and may stop"
)]

mod attention;
mod ceiling;
mod convolution;
mod dense;
mod measure;
mod quantized;
mod rows;
mod store;

use ceiling::Ceiling;
use measure::{Bench, Wanted};

fn main() {
    let wanted = Wanted::of(std::env::args().skip(1));
    let bench = Bench::new(wanted, Ceiling::measured());
    quantized::run(&bench);
    dense::run(&bench);
    attention::run(&bench);
    rows::run(&bench);
    convolution::run(&bench);
}
