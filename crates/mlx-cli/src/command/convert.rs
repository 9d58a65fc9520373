//! `mlx convert` and `mlx quantize`: a checkpoint in MLX's form.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use mlx_core::{Dtype, QuantizationMode};
use mlx_lm::convert::{Convert as Conversion, Converted, Quantize as Layers, Recipe};
use mlx_memory::Bytes;
use mlx_nn::QuantizationConfig;
use serde_json::json;

use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::stdout::stdout;
use crate::{download, progress};

/// Write a checkpoint in MLX's form.
///
/// The source is in Hugging Face's or MLX's form, quantized or not, or a GGUF file. The new folder is there only once
/// it is whole, and mlx-lm reads it, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx convert --model HuggingFaceTB/SmolLM2-135M-Instruct --mlx-path smollm2 --dtype bfloat16
  mlx convert --model org/name -q --q-bits 4 --q-group-size 64
  mlx convert --model ./model.gguf --mlx-path model --dequantize --dtype float32")]
pub(crate) struct Convert {
    #[command(flatten)]
    conversion: Options,
    /// Quantize layers of floats
    #[arg(long, short)]
    quantize: bool,
    #[command(flatten)]
    scheme: Scheme,
}

/// Write a checkpoint whose layers have few bits for each number.
///
/// Layers that are quantized already stay as they are, unless --dequantize turns them into floats first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx quantize --model HuggingFaceTB/SmolLM2-135M-Instruct --mlx-path smollm2-4bit
  mlx quantize --model ./model --mlx-path model-mxfp4 --q-mode mxfp4
  mlx quantize --model ./model --mlx-path model-mixed --quant-predicate mixed_3_6
  mlx quantize --model ./model.gguf --mlx-path model-8bit --dequantize --q-bits 8")]
pub(crate) struct Quantize {
    #[command(flatten)]
    conversion: Options,
    #[command(flatten)]
    scheme: Scheme,
}

/// From where, to where, and in which type.
#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    model: ModelArgs,
    /// The new folder
    #[arg(long, value_name = "DIR", default_value = "mlx_model")]
    mlx_path: PathBuf,
    /// The type of what is not quantized, instead of the config's
    #[arg(long, value_name = "DTYPE", value_parser = dtype)]
    dtype: Option<Dtype>,
    /// Turn quantized layers into floats
    #[arg(long, short)]
    dequantize: bool,
    /// Write only the decoder of a model that sees or hears
    #[arg(long)]
    text_only: bool,
    /// The most bytes of weights in a file, and so about the memory that this takes
    #[arg(long, value_name = "SIZE", default_value = "5GiB")]
    shard_size: Bytes,
    /// Write one JSON object that sums up
    #[arg(long)]
    json: bool,
}

/// How layers are quantized.
#[derive(Debug, Args)]
#[command(next_help_heading = "How layers are quantized")]
struct Scheme {
    /// Bits for each number; without it the mode's: 4, and 8 with mxfp8
    #[arg(long, value_name = "BITS")]
    q_bits: Option<i32>,
    /// Numbers that share a scale; without it the mode's: 64 with affine, 32, and 16 with nvfp4
    #[arg(long, value_name = "N")]
    q_group_size: Option<i32>,
    /// affine, mxfp4, mxfp8 or nvfp4
    #[arg(long, value_name = "MODE", default_value = "affine", value_parser = mode)]
    q_mode: QuantizationMode,
    /// Mixed bits: mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6
    #[arg(long, value_name = "RECIPE", conflicts_with = "q_bits")]
    quant_predicate: Option<Recipe>,
}

fn mode(name: &str) -> Result<QuantizationMode, String> {
    QuantizationMode::named(name).ok_or_else(|| "one of affine, mxfp4, mxfp8, nvfp4".to_owned())
}

/// The types that a model computes in.
fn dtype(name: &str) -> Result<Dtype, String> {
    let known = [Dtype::Float16, Dtype::Bfloat16, Dtype::Float32];
    let found = known.into_iter().find(|dtype| dtype.to_string() == name);
    found.ok_or_else(|| "one of float16, bfloat16, float32".to_owned())
}

impl Scheme {
    fn layers(&self) -> Result<Layers, Box<dyn std::error::Error>> {
        let scheme = |bits| QuantizationConfig::of_mode(self.q_mode, bits, self.q_group_size);
        let Some(recipe) = self.quant_predicate else {
            return Ok(Layers::new(scheme(self.q_bits)?.default_scheme()));
        };
        if self.q_mode != QuantizationMode::Affine {
            return Err("--quant-predicate is for --q-mode affine only".into());
        }
        let group_size = scheme(Some(recipe.low_bits()))?.default_scheme().group_size;
        Ok(Layers::mixed(recipe, group_size))
    }

    /// The first option that was given.
    fn given(&self) -> Option<&'static str> {
        let given = [
            ("--q-bits", self.q_bits.is_some()),
            ("--q-group-size", self.q_group_size.is_some()),
            ("--q-mode", self.q_mode != QuantizationMode::Affine),
            ("--quant-predicate", self.quant_predicate.is_some()),
        ];
        given.into_iter().find(|&(_, given)| given).map(|(name, _)| name)
    }
}

/// Converts, and quantizes if asked.
pub(crate) fn run(args: &Convert) -> Outcome {
    if args.quantize {
        return save(&args.conversion, Some(args.scheme.layers()?));
    }
    match args.scheme.given() {
        Some(option) => Err(format!("{option} is for --quantize: add it").into()),
        None => save(&args.conversion, None),
    }
}

/// Quantizes.
pub(crate) fn quantize(args: &Quantize) -> Outcome {
    save(&args.conversion, Some(args.scheme.layers()?))
}

fn save(options: &Options, layers: Option<Layers>) -> Outcome {
    let mut conversion = Conversion::new(download::source(&options.model)?);
    if let Some(dtype) = options.dtype {
        conversion = conversion.dtype(dtype);
    }
    if options.dequantize {
        conversion = conversion.dequantize();
    }
    if let Some(layers) = layers {
        conversion = conversion.quantize(layers);
    }
    if !options.text_only {
        conversion = conversion.keep_others();
    }
    let bar = progress::bytes("weights");
    let report = bar.clone();
    let conversion = conversion.shard_size(usize::try_from(options.shard_size.get())?).progress(move |now| {
        report.set_length(now.total as u64);
        report.set_position(now.done as u64);
        interrupt::unwind();
    });
    let converted = {
        let _hold = Hold::begin();
        conversion.save(&options.mlx_path)?
    };
    bar.finish_and_clear();
    print(&converted, options)
}

fn print(converted: &Converted, options: &Options) -> Outcome {
    let (folder, bits) = (options.mlx_path.display(), converted.bits_per_weight());
    if options.json {
        let object = json!({
            "path": folder.to_string(),
            "bytes": converted.bytes,
            "parameters": converted.parameters,
            "bits_per_weight": bits,
            "quantization": converted.quantization,
        });
        return Ok(writeln!(stdout(), "{object}")?);
    }
    let megabytes = converted.bytes as f64 / 1e6;
    writeln!(stdout(), "{folder}: {megabytes:.1} MB, {bits:.3} bits per weight")?;
    Ok(())
}
