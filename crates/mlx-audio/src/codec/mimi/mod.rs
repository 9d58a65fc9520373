//! Mimi, which can run while audio comes in.
//!
//! Défossez et al., "Moshi: a speech-text foundation model for real-time dialogue".

mod config;
mod kyutai;
mod stream;
mod transformer;

use std::collections::BTreeMap;

use mlx_core::{Array, Conv, Result as MlxResult, concatenate};
use mlx_nn::{Conv1d, Module, Weights};
use serde_json::Value;

use self::config::Config;
use self::stream::MimiStream;
use self::transformer::{Past, Transformer};
use super::config::read;
use super::part::codebook::{Codebook, Residual};
use super::part::padded::{Manner, Pad, PaddedConv, Shape};
use super::part::reader::Reader;
use super::part::seanet::Seanet;
use super::part::transposed::Transposed;
use super::{Codec, Codes, Facts, Options, Stream, cut, whole};
use crate::{Error, Result};

/// The codec.
#[derive(Module)]
pub(super) struct Mimi {
    encoder: Seanet,
    encoder_transformer: Transformer,
    down: PaddedConv,
    /// The first codebooks, which say what is said.
    semantic: Books,
    /// The others, which say how.
    acoustic: Books,
    up: Transposed,
    decoder_transformer: Transformer,
    decoder: Seanet,
    #[module(skip)]
    facts: Facts,
}

/// Codebooks between projections.
#[derive(Module)]
struct Books {
    projections: Option<[Conv1d; 2]>,
    books: Residual,
}

impl Books {
    fn load(r: &Reader, config: &Config, count: i32) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.vector_quantization_hidden_dimension);
        let project = |name: &str, channels| r.at(name).conv(channels, 1, Conv::default(), false);
        let book = |at| {
            let r = r.at(format!("layers.{at}.codebook"));
            r.w.ignore(|key| key.ends_with("initialized"));
            let sums = r.floats("embed_sum", [config.codebook_size, inner])?;
            let counts = r.floats("cluster_usage", [config.codebook_size])?.maximum(1e-5)?;
            Ok(Codebook { vectors: (sums / counts.expand_dims(1)?)? })
        };
        let projections = if hidden == inner {
            None
        } else {
            Some([project("input_proj", [inner, hidden])?, project("output_proj", [hidden, inner])?])
        };
        Ok(Self { projections, books: Residual { books: (0..count).map(book).collect::<Result<_>>()? } })
    }

    /// Codes of the first `count` books: `[1, time, width] -> [count, time]`.
    fn encode(&self, x: &Array, count: usize) -> MlxResult<Array> {
        let x = match &self.projections {
            Some([inward, _]) => inward.forward(x)?,
            None => x.clone(),
        };
        self.books.encode(&x.squeeze(0)?, count)
    }

    /// `[books, time] -> [1, time, width]`.
    fn decode(&self, codes: &Array) -> MlxResult<Array> {
        let x = self.books.decode(codes)?.expand_dims(0)?;
        match &self.projections {
            Some([_, outward]) => outward.forward(&x),
            None => Ok(x),
        }
    }

    fn count(&self) -> usize {
        self.books.books.len()
    }
}

/// The arrays under the names that [`Mimi::load`] knows.
pub(super) fn renamed(arrays: BTreeMap<String, Array>, config: &Value) -> Result<BTreeMap<String, Array>> {
    let config: Config = read(config)?;
    Ok(kyutai::renamed(arrays, config.num_attention_heads)?)
}

impl Mimi {
    pub(super) fn load(w: &Weights, config: &Value) -> Result<Self> {
        let config: Config = read(config)?;
        let plan = config.plan()?;
        let stride = config.check(plan.check()?)?;
        // Checkpoints that transformers 5.24 saves itself may put each half into one scope.
        let halves = w.contains("encoder.encoder_seanet.layers.0.conv.weight");
        let path = |half: &str, name: &str| {
            if halves { format!("{half}.{name}") } else { name.replace("_seanet", "") }
        };
        let first = format!("{}.layers.0.conv", path("encoder", "encoder_seanet"));
        let r = Reader::new(w, &first, 1, config.kernel_size);
        let of = |half: &str, name: &str| r.at(path(half, name));
        let channels = [config.hidden_size; 2];
        let down = Shape { stride, bias: false, ..Shape::new(channels, 2 * stride) };
        let edge = Manner { pad: Pad::Edge, ..plan.manner };
        let groups = config.upsample_groups;
        let books = |name: &str, count| {
            Books::load(&r.at(format!("quantizer.{name}_residual_vector_quantizer")), &config, count)
        };
        Ok(Self {
            encoder: plan.encoder(&of("encoder", "encoder_seanet").at("layers"))?,
            encoder_transformer: Transformer::load(&of("encoder", "encoder_transformer"), &config)?,
            down: PaddedConv::load(&of("encoder", "downsample"), down, edge)?,
            semantic: books("semantic", config.num_semantic_quantizers)?,
            acoustic: books("acoustic", config.num_quantizers - config.num_semantic_quantizers)?,
            up: Transposed::load(&of("decoder", "upsample"), channels, stride, groups, false, plan.manner)?,
            decoder_transformer: Transformer::load(&of("decoder", "decoder_transformer"), &config)?,
            decoder: plan.decoder(&of("decoder", "decoder_seanet").at("layers"))?,
            facts: Facts {
                sample_rate: config.sampling_rate,
                channels: 1,
                codebooks: config.num_quantizers as usize,
                codebook_size: config.codebook_size,
            },
        })
    }

    /// How many codebooks are asked for.
    fn books(&self, options: Options) -> Result<usize> {
        let books = options.books(self.facts.codebooks)?;
        if books < self.semantic.count() {
            let range = format!("this codec has {} to {}", self.semantic.count(), self.facts.codebooks);
            return Err(Error::option("codebooks", books, range));
        }
        Ok(books)
    }

    /// `[1, time, width] -> [books, time]`.
    fn quantize(&self, vectors: &Array, books: usize) -> MlxResult<Array> {
        let first = self.semantic.encode(vectors, self.semantic.count())?;
        if books == self.semantic.count() {
            return Ok(first);
        }
        let others = self.acoustic.encode(vectors, books - self.semantic.count())?;
        concatenate([&first, &others], 0)
    }

    /// Vectors `[1, time, width]` of codes of this codec.
    fn look_up(&self, codes: &Codes) -> Result<Array> {
        let checked = codes.check(1, self.facts.codebooks, self.facts.codebook_size)?;
        let all = concatenate(&checked, 0)?;
        let first = i32::try_from(self.semantic.count()).unwrap_or(i32::MAX);
        if all.dim(0)? < first {
            return Err(Error::option("codebooks", all.dim(0)?, format!("there must be at least {first}")));
        }
        let meant = self.semantic.decode(&all.index(..first)?)?;
        if all.dim(0)? == first {
            return Ok(meant);
        }
        Ok((meant + self.acoustic.decode(&all.index(first..)?)?)?)
    }
}

impl Codec for Mimi {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn encode(&self, audio: &Array, options: Options) -> Result<Codes> {
        let (audio, books) = (whole(audio, 1)?, self.books(options)?);
        let x = self.encoder.forward(&audio)?;
        let x = self.encoder_transformer.forward(&x, &mut Past::default())?;
        let vectors = self.down.forward(&x)?;
        Ok(Codes::new(self.quantize(&vectors, books)?).with_samples(Some(audio.dim(1)?)))
    }

    fn decode(&self, codes: &Codes) -> Result<Array> {
        let x = self.up.forward(&self.look_up(codes)?)?;
        let x = self.decoder_transformer.forward(&x, &mut Past::default())?;
        cut(&self.decoder.forward(&x)?, codes.samples())
    }

    fn stream(&self, options: Options) -> Result<Box<dyn Stream + '_>> {
        Ok(Box::new(MimiStream::new(self, self.books(options)?)))
    }
}
