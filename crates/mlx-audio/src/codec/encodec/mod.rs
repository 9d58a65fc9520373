//! EnCodec.
//!
//! Défossez et al., "High Fidelity Neural Audio Compression".

mod chunks;
mod config;
mod stream;

use mlx_core::{Array, Dtype, concatenate};
use mlx_nn::{Module, Weights};
use serde_json::Value;

use self::chunks::{Chunks, overlapped, parts, spans};
use self::config::Config;
use self::stream::EncodecStream;
use super::config::{check, read};
use super::part::codebook::{Codebook, Residual};
use super::part::reader::Reader;
use super::part::seanet::Seanet;
use super::{Codec, Codes, Facts, Options, Stream, cut, whole};
use crate::{Error, Result};

/// The codec: 24 kHz in one piece, or 48 kHz in chunks that overlap.
#[derive(Module)]
pub(super) struct Encodec {
    encoder: Seanet,
    quantizer: Residual,
    decoder: Seanet,
    channels: i32,
    #[module(skip)]
    facts: Facts,
    /// Samples of a vector.
    hop: i32,
    normalize: bool,
    /// Vectors that a stream begins with: more than any layer mirrors.
    least: i32,
    /// Whether what comes later changes nothing.
    causal: bool,
    #[module(skip)]
    chunks: Option<Chunks>,
    /// Each bandwidth, and how many codebooks it takes.
    #[module(skip)]
    bandwidths: Vec<(f64, usize)>,
}

impl Encodec {
    pub(super) fn load(w: &Weights, config: &Value) -> Result<Self> {
        let config: Config = read(config)?;
        let plan = config.plan()?;
        let hop = plan.check()?;
        check("codebook_size", config.codebook_size, 1 << 20)?;
        if config.codebook_dim.is_some_and(|width| width != config.hidden_size) {
            return Err(Error::config(
                "config.json",
                "codebook_dim is not hidden_size, which alone is supported",
            ));
        }
        let bandwidths = config.bandwidths(hop)?;
        let r = Reader::new(w, "encoder.layers.0.conv", config.audio_channels, config.kernel_size);
        let most = bandwidths.last().map_or(1, |&(_, books)| books);
        let book = |at: usize| {
            let r = r.at(format!("quantizer.layers.{at}.codebook"));
            r.w.ignore(|key| MOMENTS.iter().any(|moment| key.ends_with(moment)));
            Ok(Codebook { vectors: r.floats("embed", [config.codebook_size, config.hidden_size])? })
        };
        Ok(Self {
            encoder: plan.encoder(&r.at("encoder.layers"))?,
            quantizer: Residual { books: (0..most).map(book).collect::<Result<_>>()? },
            decoder: plan.decoder(&r.at("decoder.layers"))?,
            channels: config.audio_channels,
            facts: Facts {
                sample_rate: config.sampling_rate,
                channels: config.audio_channels as usize,
                codebooks: most,
                codebook_size: config.codebook_size,
            },
            hop,
            normalize: config.normalize,
            least: plan.longest(),
            causal: plan.is_causal() && !config.normalize && config.chunk_length_s.is_none(),
            chunks: config.chunks()?,
            bandwidths,
        })
    }

    /// How many codebooks are asked for.
    fn books(&self, options: Options) -> Result<usize> {
        let Some(bandwidth) = options.bandwidth else {
            let least = self.bandwidths.first().map_or(1, |&(_, books)| books);
            let books = options.books(self.facts.codebooks)?;
            return Ok(options.codebooks.map_or(least, |_| books));
        };
        if options.codebooks.is_some() {
            return Err(Error::option(
                "bandwidth",
                bandwidth,
                "give this or a number of codebooks, not both",
            ));
        }
        let known = self.bandwidths.iter().find(|&&(known, _)| known == bandwidth);
        known.map(|&(_, books)| books).ok_or_else(|| {
            let known: Vec<_> = self.bandwidths.iter().map(|(known, _)| known.to_string()).collect();
            Error::option("bandwidth", bandwidth, format!("it must be one of {}", known.join(", ")))
        })
    }
}

/// What training keeps beside a codebook.
const MOMENTS: [&str; 3] = ["inited", "cluster_size", "embed_avg"];

impl Codec for Encodec {
    fn facts(&self) -> Facts {
        self.facts
    }

    fn encode(&self, audio: &Array, options: Options) -> Result<Codes> {
        let (audio, books) = (whole(audio, self.channels)?, self.books(options)?);
        let samples = audio.dim(1)?;
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        for (first, length) in spans(self.chunks, samples) {
            let mut chunk = audio.index((.., first..first + length))?;
            if self.normalize {
                let scale = (chunk.mean(-1)?.square()?.mean(..)?.sqrt()? + 1e-8)?;
                chunk = (chunk / &scale)?;
                scales.push(scale.reshape([1])?);
            }
            let vectors = self.encoder.forward(&chunk)?.squeeze(0)?;
            let found = self.quantizer.encode(&vectors, books)?;
            found.eval()?;
            codes.push(found);
        }
        let scales = if self.normalize { Some(concatenate(&scales, 0)?) } else { None };
        Ok(Codes::new(concatenate(&codes, 1)?).with_scales(scales).with_samples(Some(samples)))
    }

    fn decode(&self, codes: &Codes) -> Result<Array> {
        let checked = codes.check(1, self.facts.codebooks, self.facts.codebook_size)?;
        let all = concatenate(&checked, 0)?;
        let parts = parts(self.chunks, self.hop, all.dim(1)?, codes.samples())?;
        let scales = self.scales(codes, parts.len())?;
        let (mut at, mut chunks) = (0, Vec::new());
        for (chunk, &(first, count)) in parts.iter().enumerate() {
            let vectors = self.quantizer.decode(&all.index((.., at..at + count))?)?;
            let mut audio = self.decoder.forward(&vectors.expand_dims(0)?)?;
            if let Some(scale) = scales.get(chunk) {
                audio = (audio * *scale)?;
            }
            at += count;
            chunks.push((first, audio));
        }
        match chunks.as_slice() {
            [(_, audio)] => cut(audio, codes.samples()),
            chunks => cut(&overlapped(chunks, self.channels)?, codes.samples()),
        }
    }

    fn stream(&self, options: Options) -> Result<Box<dyn Stream + '_>> {
        let books = self.books(options)?;
        if !self.causal {
            return Err(Error::option("codec", "one that hears all at once", "it cannot be run in parts"));
        }
        Ok(Box::new(EncodecStream::new(self, books)))
    }
}

impl Encodec {
    /// The loudness of each chunk, where it was normalised.
    fn scales(&self, codes: &Codes, chunks: usize) -> Result<Vec<f32>> {
        match codes.scales() {
            Some(scales) if self.normalize && scales.size() == chunks && scales.dtype().is_float() => {
                Ok(scales.astype(Dtype::Float32)?.to_vec()?)
            }
            None if !self.normalize => Ok(Vec::new()),
            found => {
                let expected = if self.normalize { chunks } else { 0 };
                let found = found.map_or(0, Array::size);
                Err(Error::option("scales", found, format!("these codes have {expected}, one a chunk")))
            }
        }
    }
}
