//! `mlx info`: what this build runs on, and what a model is.

use std::io::{self, Write};

use mlx_core::{Array, Device, Dtype, cpu};
use mlx_lm::{Loader, Model, model};

use super::memory;
use crate::args::{Info, ModelArgs};
use crate::download;
use crate::failure::Outcome;

/// Prints the facts, one a line.
pub(crate) fn run(args: &Info) -> Outcome {
    let loader = args.model.as_ref().map(|name| loader(name, args.offline)).transpose()?;
    if args.memory {
        return memory::run(loader, &args.need);
    }
    let quantization = loader.as_ref().map(Loader::quantization).transpose()?.unwrap_or_default();
    let model = loader.map(Loader::load_model).transpose()?;
    let mut out = io::stdout().lock();
    writeln!(out, "mlx: {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "libmlx: {}", mlx_core::version()?)?;
    writeln!(out, "device: {}", Device::default())?;
    writeln!(out, "cpu kernels: {}", kernels())?;
    match model {
        Some(model) => describe(&mut out, &model, &quantization),
        None => Ok(writeln!(out, "model types: {}", model::KNOWN.join(", "))?),
    }
}

/// The instructions and the threads of the kernels for the CPU.
fn kernels() -> String {
    match cpu::level() {
        Some(level) => format!("{level}, {} threads", cpu::threads()),
        None => "off".to_owned(),
    }
}

fn loader(name: &str, offline: bool) -> mlx_lm::Result<Loader> {
    let source = ModelArgs { model: name.to_owned(), offline };
    Ok(Loader::new(download::source(&source)?))
}

fn describe(out: &mut impl Write, model: &Model, quantization: &str) -> Outcome {
    let parameters = model.decoder().parameters();
    let bytes = model.decoder().nbytes();
    let context = model.context().map_or("not stated".to_owned(), |n| format!("{n} tokens"));
    writeln!(out, "model type: {}", model.model_type())?;
    writeln!(out, "vocabulary: {} tokens", model.vocab_size())?;
    writeln!(out, "context: {context}")?;
    writeln!(out, "weights: {:.1} MB in {} arrays", bytes as f64 / 1e6, parameters.len())?;
    let quantized = parameters.names().filter(|name| name.ends_with(".scales")).count();
    writeln!(out, "quantization: {quantization}")?;
    writeln!(out, "quantized layers: {quantized}")?;
    let types: Vec<_> = parameters.values().map(Array::dtype).collect();
    for (dtype, count) in by_dtype(&types) {
        writeln!(out, "  {dtype}: {count} arrays")?;
    }
    Ok(())
}

/// How often each type occurs, the most frequent first.
fn by_dtype(types: &[Dtype]) -> Vec<(Dtype, usize)> {
    let mut counts: Vec<_> = Dtype::ALL
        .into_iter()
        .map(|dtype| (dtype, types.iter().filter(|&&found| found == dtype).count()))
        .filter(|&(_, count)| count > 0)
        .collect();
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counts
}
