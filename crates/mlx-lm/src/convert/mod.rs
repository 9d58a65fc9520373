//! From a checkpoint in any form that can be loaded to a folder in MLX's form, which mlx-lm reads, too.
//!
//! Start with [`Convert`]; [`Quantize`] says how layers are quantized.

mod family;
mod folder;
mod quantize;
mod recipe;
mod shards;

use std::path::Path;

use mlx_core::Dtype;
use mlx_hub::{Checkpoint, Source};
use mlx_nn::{Matrix, Module, QuantizationConfig};

use self::folder::Folder;
pub use self::quantize::Quantize;
pub use self::recipe::Recipe;
use crate::quantized::declared_dtype;
use crate::{Config, Error, Result, loader};

/// A conversion: from where, and into what.
///
/// It holds one file of the result in memory at a time, not the model.
///
/// ```no_run
/// use mlx_lm::convert::{Convert, Quantize};
/// use mlx_lm::mlx_core::Quantization;
/// use mlx_lm::mlx_hub::Source;
///
/// let source = Source::parse("HuggingFaceTB/SmolLM2-135M-Instruct")?;
/// let layers = Quantize::new(Quantization::affine(4, 64));
/// let converted = Convert::new(source).quantize(layers).save("smollm2-4bit")?;
/// println!("{:.2} bits a weight", converted.bits_per_weight());
/// # Ok::<(), mlx_lm::Error>(())
/// ```
pub struct Convert {
    source: Source,
    dtype: Option<Dtype>,
    dequantize: bool,
    quantize: Option<Quantize>,
    shard_size: usize,
    keeps_others: bool,
    progress: Box<dyn FnMut(Progress)>,
}

/// How far a conversion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the result that are computed.
    pub done: usize,
    /// Bytes of all of it.
    pub total: usize,
}

/// What a conversion made.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Bytes of all arrays.
    pub bytes: usize,
    /// Numbers that they stand for; scales of groups are none.
    pub parameters: usize,
    /// How layers are stored, as the new config says it; `None` for floats.
    pub quantization: Option<QuantizationConfig>,
}

impl Converted {
    /// Bits of the files for each number of the model.
    pub fn bits_per_weight(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.parameters.max(1) as f64
    }
}

impl Convert {
    /// The size of files in mlx-lm: 5 GiB.
    const SHARD_SIZE: usize = 5 << 30;

    /// Converts what is at `source`, and changes no number yet but for what its format needs.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            dtype: None,
            dequantize: false,
            quantize: None,
            shard_size: Self::SHARD_SIZE,
            keeps_others: false,
            progress: Box::new(drop),
        }
    }

    /// The type of what is not quantized. Without it that is the config's; `float16` for a GGUF file, which has none.
    #[must_use]
    pub fn dtype(self, dtype: Dtype) -> Self {
        Self { dtype: Some(dtype), ..self }
    }

    /// Turns quantized layers into floats, before others are quantized or these are anew.
    #[must_use]
    pub fn dequantize(self) -> Self {
        Self { dequantize: true, ..self }
    }

    /// Quantizes layers of floats. Those that are quantized stay as they are.
    #[must_use]
    pub fn quantize(self, layers: Quantize) -> Self {
        Self { quantize: Some(layers), ..self }
    }

    /// Keeps what a larger model has beside its decoder, such as a tower for images: it is written as it is stored, but for
    /// the type of its floats. Otherwise only the decoder is, as by mlx-lm.
    #[must_use]
    pub fn keep_others(self) -> Self {
        Self { keeps_others: true, ..self }
    }

    /// The most bytes of arrays in a file, and so about the memory that the conversion takes. A larger array has a
    /// file of its own.
    #[must_use]
    pub fn shard_size(self, bytes: usize) -> Self {
        Self { shard_size: bytes, ..self }
    }

    /// Calls `report` after each array.
    #[must_use]
    pub fn progress(self, report: impl FnMut(Progress) + 'static) -> Self {
        Self { progress: Box::new(report), ..self }
    }

    /// Writes weights, config, tokenizer and chat template to a new `folder`, which is there only once it is whole.
    ///
    /// # Errors
    /// `folder` is there and not empty, or cannot be written; the checkpoint cannot be read; or no layer can be
    /// quantized as asked.
    pub fn save(mut self, folder: impl AsRef<Path>) -> Result<Converted> {
        let folder = Folder::beside(folder.as_ref())?;
        let checkpoint = self.source.resolve()?;
        let (config, model, others) = loader::stored(&checkpoint)?;
        let dtype = self.dtype_for(&checkpoint, &config)?;
        let mut decoder = model.into_decoder();
        if self.dequantize {
            dequantize(&mut decoder, dtype)?;
        }
        if let Some(dtype) = dtype {
            decoder.set_dtype(dtype, |path| !family::keeps_dtype(path))?;
        }
        let quantization = quantize::apply(self.quantize.as_ref(), &mut decoder, config.decoder_type())
            .map_err(|refusal| refusal.about(folder.target()))?;
        let mut converted =
            Converted { bytes: decoder.nbytes(), parameters: elements(&decoder), quantization };
        let mut arrays = decoder.parameters();
        for (name, array) in others.into_iter().filter(|_| self.keeps_others) {
            let array = dtype
                .filter(|_| array.dtype().is_float())
                .map_or(Ok(array.clone()), |to| array.astype(to))?;
            converted.bytes += array.nbytes();
            converted.parameters += array.size();
            arrays.insert(name, array);
        }
        // Its arrays would stay in memory once they are computed.
        drop(decoder);
        shards::write(folder.path(), arrays, self.shard_size, converted.parameters, &mut self.progress)?;
        folder.describe(&checkpoint, dtype, converted.quantization.as_ref(), self.keeps_others)?;
        folder.put_in_place()?;
        Ok(converted)
    }

    fn dtype_for(&self, checkpoint: &Checkpoint, config: &Config) -> Result<Option<Dtype>> {
        match (self.dtype, checkpoint) {
            (Some(dtype), _) => Ok(Some(dtype)),
            (None, Checkpoint::Gguf(_)) => Ok(Some(Dtype::Float16)),
            (None, Checkpoint::Directory(_)) => declared_dtype(config),
        }
    }
}

/// Turns all layers into floats, by way of `float32` if they will be of another type than their scales.
fn dequantize(decoder: &mut impl Module, dtype: Option<Dtype>) -> Result<()> {
    let wide = dtype.map(|_| Dtype::Float32);
    if let Some(wide) = wide {
        decoder.set_dtype(wide, |path| path.ends_with(".scales") || path.ends_with(".biases"))?;
    }
    Ok(decoder.dequantize(wide, |_, _| true)?)
}

/// Numbers that the arrays stand for, as mlx-lm counts them.
fn elements(decoder: &impl Module) -> usize {
    let mut elements = decoder.parameters().elements();
    for (_, module) in decoder.named_modules() {
        if let Some(Matrix::Quantized(quantized)) = module.downcast_ref() {
            let packed = quantized.weight.size();
            let groups =
                quantized.scales.size() + quantized.biases.as_ref().map_or(0, |biases| biases.size());
            let bits = quantized.scheme.bits.unsigned_abs().max(1) as usize;
            elements = elements.saturating_sub(packed + groups) + packed * 32 / bits;
        }
    }
    elements
}
