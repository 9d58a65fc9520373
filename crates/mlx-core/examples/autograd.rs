//! Fits a line by gradient descent, one compiled step at a time.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use mlx_core::prelude::*;
use mlx_core::random::{self, Key};
use mlx_core::transform::{Shapes, compile, value_and_grad};

fn main() -> Result<()> {
    let mut keys = Key::new(0)?;
    let x = random::normal([100], Dtype::Float32, &keys.next()?)?;
    let noise = random::normal([100], Dtype::Float32, &keys.next()?)?;
    let y = (((&x * 3.0)? + 2.0)? + (noise * 0.1)?)?;

    let loss = move |(slope, start): &(Array, Array)| (((&x * slope)? + start)? - &y)?.square()?.mean(..);
    let step = compile(
        move |line: &(Array, Array)| {
            let (error, (slope, start)) = value_and_grad(&loss)(line)?;
            let next = ((&line.0 - (slope * 0.1)?)?, (&line.1 - (start * 0.1)?)?);
            Ok((error, next))
        },
        Shapes::Exact,
    );

    let mut line = (Array::from(0.0), Array::from(0.0));
    for round in 0..100 {
        let (error, next) = step(&line)?;
        line = next;
        if round % 20 == 0 {
            println!("{round:3}: {}", error.item::<f32>()?);
        }
    }
    println!("y = {:.2} x + {:.2}", line.0.item::<f32>()?, line.1.item::<f32>()?);
    Ok(())
}
