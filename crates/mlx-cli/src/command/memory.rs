//! `mlx info --memory`: what a model needs beside what this machine has.

use std::io::Write;

use mlx_lm::{BudgetOptions, Loader};
use mlx_memory::{Budget, Bytes, Machine, Memory, Part};
use serde_json::{Value, json};

use crate::args::Need;
use crate::failure::Outcome;
use crate::stdout::stdout;

/// Prints the machine, and the budget of a model if there is one.
pub(crate) fn run(loader: Option<Loader>, need: &Need, as_json: bool) -> Outcome {
    let budget = loader.map(|loader| budget(loader, need)).transpose()?;
    let machine = Machine::read()?;
    let mut out = stdout();
    if as_json {
        writeln!(out, "{}", object(&machine, budget.as_ref()))?;
        return Ok(());
    }
    writeln!(out, "{machine}")?;
    budget.map_or(Ok(()), |budget| compare(&mut out, &budget, &machine))
}

fn budget(loader: Loader, need: &Need) -> mlx_lm::Result<Budget> {
    loader.dtype(need.dtype).budget(&BudgetOptions {
        length: need.length,
        batch: need.batch,
        prefill_step: need.prefill_step_size,
        cache: need.cache.options(),
    })
}

/// The table, and whether it fits.
fn compare(out: &mut impl Write, budget: &Budget, machine: &Machine) -> Outcome {
    writeln!(out, "\n{budget}\n")?;
    match budget.fits(machine.available()) {
        Err(error) => writeln!(out, "does not fit: {error}")?,
        Ok(()) => {
            let (left, largest) = (machine.available() - budget.total(), largest(budget));
            writeln!(out, "fits: {left} are left; the largest part is the {largest}")?;
        }
    }
    Ok(())
}

/// The name of the largest part.
fn largest(budget: &Budget) -> String {
    budget.largest().map(|part| part.purpose.to_string()).unwrap_or_default()
}

fn object(machine: &Machine, budget: Option<&Budget>) -> Value {
    let gpu = machine.gpu.as_ref().map(|gpu| {
        json!({
            "device": gpu.device.to_string(),
            "name": gpu.name,
            "memory": memory(gpu.memory),
            "shares_system": gpu.shares_system,
        })
    });
    let available = machine.available();
    let budget = budget.map(|budget| {
        json!({
            "parts": budget.parts().iter().map(part).collect::<Vec<_>>(),
            "total": budget.total().get(),
            "largest": largest(budget),
            "fits": budget.fits(available).is_ok(),
        })
    });
    json!({
        "system": memory(machine.system),
        "limit": machine.limit.map(Bytes::get),
        "gpu": gpu,
        "available": available.get(),
        "budget": budget,
    })
}

fn memory(memory: Memory) -> Value {
    json!({"total": memory.total.get(), "available": memory.available.get()})
}

fn part(part: &Part) -> Value {
    json!({"name": part.purpose.to_string(), "bytes": part.bytes.get()})
}
