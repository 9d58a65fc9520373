//! From a source to a model: find, read the config, open the weights, build, check.

use mlx_core::memory::HugePages;
use mlx_core::transform::Path;
use mlx_core::{Array, Device, Dtype, Precision};
use mlx_hub::gguf::TokenizerData;
use mlx_hub::{Checkpoint, Source};
use mlx_memory::Budget;
use mlx_nn::{Module, Weights};
use mlx_text::{GgufVocab, Tokenizer};

use crate::quantized::Format;
use crate::tensors::Arrays;
use crate::{BudgetOptions, Config, Error, LanguageModel, Model, Result, budget, model, tensors};

/// What is around the decoder of a checkpoint.
#[derive(Debug)]
pub struct Surroundings<'c> {
    /// Its files.
    pub checkpoint: &'c Checkpoint,
    /// Its weights, in scopes as MLX names them: those of the decoder are in `language_model`.
    pub weights: &'c Weights,
}

/// Loads a model with options.
pub struct Loader {
    source: Source,
    dtype: Option<Dtype>,
    precision: Precision,
}

impl Loader {
    /// Loads from `source`.
    pub fn new(source: Source) -> Self {
        Self { source, dtype: None, precision: Precision::Exact }
    }

    /// The type that the model computes in. Without it that is the checkpoint's own; a GGUF file, which has
    /// none, computes in `float32` on the CPU and in `float16` elsewhere.
    #[must_use]
    pub fn dtype(self, dtype: impl Into<Option<Dtype>>) -> Self {
        Self { dtype: dtype.into(), ..self }
    }

    /// How products with quantized weights are computed on a CPU: [`Precision::Int8`] rounds activations to bytes, which
    /// is faster and less exact. GPUs do not round.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The model with its tokenizer.
    pub fn load(self) -> Result<LanguageModel> {
        let checkpoint = self.source.resolve()?;
        let tokenizer = tokenizer(&checkpoint)?;
        Ok(LanguageModel::new(self.model(&checkpoint)?, tokenizer))
    }

    /// The decoder within a larger model, and what `others` makes of the rest of the checkpoint.
    ///
    /// # Errors
    /// Those of `others`, or a weight is missing, misshapen, or used by neither.
    pub fn load_around<T: Module, E: From<Error>>(
        self,
        others: impl FnOnce(&Surroundings<'_>) -> Result<T, E>,
    ) -> Result<(Model, T), E> {
        let checkpoint = self.source.resolve().map_err(Error::from)?;
        let mut config = config(&checkpoint)?;
        let weights = self.weights(&checkpoint, &mut config)?;
        model::ignore_predictors(&weights);
        let mut model = Model::within(&config, &weights)?;
        let mut others = others(&Surroundings { checkpoint: &checkpoint, weights: &weights })?;
        weights.finish().map_err(Error::from)?;
        drop(weights);
        compute(model.decoder_mut())?;
        compute(&mut others)?;
        Ok((model, others))
    }

    /// The model on tokens, for which the checkpoint needs no tokenizer.
    pub fn load_model(self) -> Result<Model> {
        self.model(&self.source.resolve()?)
    }

    /// What the model will need, by its config and the headers of its files. No weights are read, only the group
    /// indices of GPTQ, so a program can ask before it loads:
    ///
    /// ```no_run
    /// use mlx_lm::{BudgetOptions, Loader, mlx_hub::Source, mlx_memory::Machine};
    ///
    /// let loader = Loader::new(Source::path("models/llama"));
    /// loader.budget(&BudgetOptions::default())?.fits(Machine::read()?.available())?;
    /// let model = loader.load()?;
    /// # Ok::<(), mlx_lm::Error>(())
    /// ```
    ///
    /// Files of the Hub that are not in its cache are downloaded.
    pub fn budget(&self, options: &BudgetOptions) -> Result<Budget> {
        let checkpoint = self.source.resolve()?;
        let mut config = config(&checkpoint)?;
        let model = self.build(&checkpoint, &mut config)?;
        budget::of(&model, &config, options)
    }

    /// The tokenizer alone.
    ///
    /// # Errors
    /// The checkpoint is not found, or its tokenizer is missing, damaged or of an unknown kind.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        tokenizer(&self.source.resolve()?)
    }

    /// How the checkpoint is quantized, in words: `GPTQ 4-bit, groups of 128`, `none`. Only its config is read, or
    /// the header of a GGUF file.
    ///
    /// # Errors
    /// The checkpoint is not found, or its format is not supported.
    pub fn quantization(&self) -> Result<String> {
        Ok(match self.source.resolve()? {
            Checkpoint::Gguf(file) => tensors::formats(&file),
            checkpoint @ Checkpoint::Directory(_) => Format::of(&config(&checkpoint)?)?.to_string(),
        })
    }

    fn model(&self, checkpoint: &Checkpoint) -> Result<Model> {
        let mut model = self.build(checkpoint, &mut config(checkpoint)?)?;
        compute(model.decoder_mut())?;
        Ok(model)
    }

    /// The model, of which nothing is computed.
    fn build(&self, checkpoint: &Checkpoint, config: &mut Config) -> Result<Model> {
        let weights = self.weights(checkpoint, config)?;
        Model::new(config, weights)
    }

    fn weights(&self, checkpoint: &Checkpoint, config: &mut Config) -> Result<Weights> {
        let dtype = self.dtype_for(checkpoint);
        Ok(weights(checkpoint, config, dtype)?.with_dtype(dtype).with_precision(self.precision))
    }

    fn dtype_for(&self, checkpoint: &Checkpoint) -> Option<Dtype> {
        let own = match checkpoint {
            Checkpoint::Directory(_) => None,
            Checkpoint::Gguf(_) if Device::current().is_cpu() => Some(Dtype::Float32),
            Checkpoint::Gguf(_) => Some(Dtype::Float16),
        };
        self.dtype.or(own)
    }
}

/// Computes the weights one by one, as what a conversion holds meanwhile is wider than its result. On a CPU they come to
/// lie side by side.
fn compute(module: &mut (impl Module + ?Sized)) -> Result<()> {
    let parameters = module.parameters();
    if !Device::current().is_cpu() {
        return Ok(parameters.values().try_for_each(Array::eval)?);
    }
    let mut pages = HugePages::for_arrays(parameters.values());
    drop(parameters);
    let mut held = Ok(());
    module.visit_mut(&mut Path::default(), &mut |_: &str, array: &mut Array| {
        if held.is_ok() {
            held = pages.hold(array).map(|there| *array = there);
        }
    });
    Ok(held?)
}

/// The model of a checkpoint with floats as they are stored, of which nothing is computed, and what else there is than its
/// decoder. Floats that are made of several arrays are `float32`.
pub(crate) fn stored(checkpoint: &Checkpoint) -> Result<(Config, Model, Arrays)> {
    let mut config = config(checkpoint)?;
    let mut arrays = named(checkpoint, &mut config)?;
    let others = model::take_others(&mut arrays);
    let weights = Format::of(&config)?.convert(&config, arrays, Some(Dtype::Float32))?;
    let model = Model::new(&config, weights)?;
    Ok((config, model, others))
}

/// The arrays of a checkpoint, with one name for each whatever it is called there.
fn named(checkpoint: &Checkpoint, config: &mut Config) -> Result<Arrays> {
    let arrays = tensors::read(checkpoint)?;
    Ok(if config.is_wrapped() { model::spelled(arrays) } else { model::headed(arrays, config) })
}

/// The arrays of a checkpoint in MLX's form, in which floats that are made of several arrays are of type `made`.
fn weights(checkpoint: &Checkpoint, config: &mut Config, made: Option<Dtype>) -> Result<Weights> {
    let arrays = named(checkpoint, config)?;
    Format::of(config)?.convert(config, arrays, made)
}

/// The config, with the end tokens that `generation_config.json` puts in their place.
fn config(checkpoint: &Checkpoint) -> Result<Config> {
    let mut config = checkpoint.config()?;
    if let Checkpoint::Directory(directory) = checkpoint {
        let generation = directory.generation_config()?.unwrap_or_default();
        if let (Some(eos), Some(fields)) = (generation.get("eos_token_id"), config.as_object_mut()) {
            fields.insert("eos_token_id".into(), eos.clone());
        }
    }
    Config::new(config)
}

pub(crate) fn tokenizer(checkpoint: &Checkpoint) -> Result<Tokenizer> {
    match checkpoint {
        Checkpoint::Directory(directory) => Ok(Tokenizer::from_dir(directory.path())?),
        Checkpoint::Gguf(file) => Ok(Tokenizer::from_gguf(&vocabulary(file.tokenizer()?))?),
    }
}

fn vocabulary(data: TokenizerData) -> GgufVocab {
    GgufVocab {
        model: data.model,
        pre: data.pre,
        tokens: data.tokens,
        token_types: data.token_types,
        scores: data.scores,
        merges: data.merges,
        bos: data.bos,
        eos: data.eos,
        unk: data.unk,
        pad: data.pad,
        add_bos: data.add_bos,
        add_eos: data.add_eos,
        add_space_prefix: data.add_space_prefix,
        chat_template: data.chat_template,
    }
}
