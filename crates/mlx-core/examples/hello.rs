//! Builds a lazy expression and reads it.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlx_core::prelude::*;

fn main() -> Result<()> {
    let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    let y = (x.matmul(x.t()?)? + 1.0)?;
    println!("on {}: {y}", Device::current());
    println!("row sums {:?}", y.sum(-1)?.to_vec::<f32>()?);
    Ok(())
}
