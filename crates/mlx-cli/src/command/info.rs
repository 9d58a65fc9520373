//! `mlx info`: what this build runs on, and what a model is.

use std::collections::BTreeMap;
use std::io::Write;

use mlx_core::{Array, Device, cpu};
use mlx_lm::{Loader, Model, model};
use serde_json::{Value, json};

use super::memory;
use crate::args::{Info, ModelArgs};
use crate::download;
use crate::failure::Outcome;
use crate::stdout::stdout;

/// Prints the facts, one a line.
pub(crate) fn run(args: &Info) -> Outcome {
    let source = args.model.as_ref().map(|_| download::source(&named(args))).transpose()?;
    let loader = source.map(Loader::new);
    if args.memory {
        return memory::run(loader, &args.need, args.json);
    }
    let quantization = loader.as_ref().map(Loader::quantization).transpose()?.unwrap_or_default();
    let model = loader.map(|loader| named(args).load(|| loader.load_model())).transpose()?;
    let described = model.as_ref().map(|model| Described::new(model, quantization));
    let mut out = stdout();
    if args.json {
        let object = object(described.as_ref())?;
        return Ok(writeln!(out, "{object}")?);
    }
    writeln!(out, "mlx: {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "libmlx: {}", mlx_core::version()?)?;
    writeln!(out, "device: {}", Device::default())?;
    writeln!(out, "cpu kernels: {}", kernels())?;
    match described {
        Some(described) => described.print(&mut out),
        None => Ok(writeln!(out, "model types: {}", model::KNOWN.join(", "))?),
    }
}

fn object(model: Option<&Described>) -> Outcome<Value> {
    Ok(json!({
        "mlx": env!("CARGO_PKG_VERSION"),
        "libmlx": mlx_core::version()?,
        "device": Device::default().to_string(),
        "cpu_kernels": cpu::level(),
        "threads": cpu::threads(),
        "model_types": model::KNOWN,
        "model": model.map(Described::object),
    }))
}

/// The instructions and the threads of the kernels for the CPU.
fn kernels() -> String {
    match cpu::level() {
        Some(level) => format!("{level}, {} threads", cpu::threads()),
        None => "off".to_owned(),
    }
}

/// The model, as other subcommands name it.
fn named(args: &Info) -> ModelArgs {
    ModelArgs { model: args.model.clone().unwrap_or_default(), offline: args.offline }
}

/// What is told of a model.
struct Described {
    model_type: String,
    vocabulary: usize,
    context: Option<usize>,
    bytes: usize,
    arrays: usize,
    quantization: String,
    quantized: usize,
    /// How many arrays there are of each type.
    types: BTreeMap<String, usize>,
}

impl Described {
    fn new(model: &Model, quantization: String) -> Self {
        let parameters = model.decoder().parameters();
        let mut types = BTreeMap::new();
        for dtype in parameters.values().map(Array::dtype) {
            *types.entry(dtype.to_string()).or_default() += 1;
        }
        Self {
            model_type: model.model_type().to_owned(),
            vocabulary: model.vocab_size(),
            context: model.context(),
            bytes: model.decoder().nbytes(),
            arrays: parameters.len(),
            quantization,
            quantized: parameters.names().filter(|name| name.ends_with(".scales")).count(),
            types,
        }
    }

    fn print(&self, out: &mut impl Write) -> Outcome {
        let context = self.context.map_or("not stated".to_owned(), |n| format!("{n} tokens"));
        writeln!(out, "model type: {}", self.model_type)?;
        writeln!(out, "vocabulary: {} tokens", self.vocabulary)?;
        writeln!(out, "context: {context}")?;
        writeln!(out, "weights: {:.1} MB in {} arrays", self.bytes as f64 / 1e6, self.arrays)?;
        writeln!(out, "quantization: {}", self.quantization)?;
        writeln!(out, "quantized layers: {}", self.quantized)?;
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (dtype, count) in types {
            writeln!(out, "  {dtype}: {count} arrays")?;
        }
        Ok(())
    }

    fn object(&self) -> Value {
        json!({
            "model_type": self.model_type,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "bytes": self.bytes,
            "arrays": self.arrays,
            "quantization": self.quantization,
            "quantized_layers": self.quantized,
            "types": self.types,
        })
    }
}
