//! Data that goes to other threads, and a value that keeps one for itself.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::thread;

use mlx_core::prelude::*;
use mlx_core::{Freeze, Owner, Thaw};

fn main() -> Result<()> {
    let shared = Array::arange(0..6)?.reshape([2, 3])?.freeze()?;
    let sums = thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|row| {
                let shared = &shared;
                scope.spawn(move || shared.thaw()?.index(row)?.sum(..)?.item::<i32>())
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Result<Vec<_>>>()
    })?;
    println!("rows sum to {sums:?}");

    let counter = Owner::spawn(|| Ok(Array::from(0)))?;
    for n in 1..=10 {
        counter.run(move |total: &mut Array| {
            *total = (&*total + n)?;
            Ok(())
        })?;
    }
    println!("the owner counted to {}", counter.run(|total: &mut Array| total.item::<i32>())?);
    Ok(())
}
