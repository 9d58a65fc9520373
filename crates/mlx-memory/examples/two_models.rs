//! Two models that share one machine: tickets say which of them fit.
//!
//! `cargo run -p mlx-memory --example two_models -- 16GiB 9GiB 8GiB`

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use mlx_memory::{Bytes, Policy, Result, Usage, Wired, recommended_working_set_bytes};

fn main() -> Result<()> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse::<Bytes>());
    let mut next = |or: Bytes| sizes.next().unwrap_or(Ok(or));
    let (room, first, second) = (next(Bytes::gib(16))?, next(Bytes::gib(9))?, next(Bytes::gib(8))?);

    match recommended_working_set_bytes()? {
        Some(recommended) => println!("the GPU recommends to keep {recommended} resident at most"),
        None => println!("there is no wired limit here; tickets are counted against {room}"),
    }
    let policy = Policy::sum().cap(room);
    let ticket = Wired::request(first).policy(policy.clone()).reserve()?;
    println!("the first model has {}", ticket.bytes());
    match Wired::request(second).policy(policy.clone()).reserve() {
        Ok(ticket) => println!("the second model has {}", ticket.bytes()),
        Err(refused) => println!("the second model: {refused}"),
    }
    ticket.release()?;
    println!("without the first, the second fits: {}", Wired::can_admit(second, &policy)?);
    println!("MLX holds {}", Usage::now()?);
    Ok(())
}
