//! Whisper: speech in a hundred languages to text.
//!
//! Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", and OpenAI's implementation.
//! [`Whisper::load`] takes checkpoints of transformers, MLX and CTranslate2.

mod alignment;
mod attention;
mod checkpoint;
mod clips;
mod decode;
mod decoder;
mod encoder;
mod hallucination;
mod languages;
mod live;
mod numbers;
mod options;
mod parts;
mod rules;
mod segments;
mod session;
mod sizes;
mod spectrogram;
mod transcribe;
mod vocabulary;
mod window;
mod words;

use mlx_core::{Array, Dtype, eval};
use mlx_hub::Source;
use mlx_nn::Module;

use crate::dsp::WhisperMel;
use crate::transcript::Transcript;
use crate::{Error, Result};

pub(crate) use attention::Memory;
pub(crate) use encoder::{Layer, LayerSizes, norm, sinusoids};
pub(crate) use window::compression_ratio;

use checkpoint::Files;
use decoder::{Decoder, Heard};
use encoder::Encoder;
use sizes::Sizes;
use vocabulary::Vocabulary;

pub use live::Live;
pub use options::TranscribeOptions;
pub use spectrogram::Sound;
pub use transcribe::Transcription;
pub use vocabulary::Task;

/// The frames of a window of 30 seconds.
const FRAMES: usize = 3000;

/// A model, with its tokens and what it hears with.
pub struct Whisper {
    encoder: Encoder,
    decoder: Decoder,
    vocabulary: Vocabulary,
    sizes: Sizes,
    /// The heads (layer, head) that follow the sound.
    heads: Vec<[i32; 2]>,
    front: WhisperMel,
}

impl Whisper {
    /// The rate of the samples that it hears.
    pub const RATE: u32 = WhisperMel::RATE;

    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, or the weights do not fit the config.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let mut files = Files::open(source)?;
        let weights = files.weights()?.with_dtype(dtype);
        let sizes = Sizes::of(&files.config, &weights)?;
        if 2 * sizes.audio_context != FRAMES as i32 {
            let problem = format!("max_source_positions is {}: windows have 1500", sizes.audio_context);
            return Err(Error::config("config.json", problem));
        }
        let [_, layers] = sizes.layers;
        let [_, heads] = sizes.heads;
        let heads = files.heads([i32::try_from(layers).unwrap_or(i32::MAX), heads])?;
        let (encoder, decoder) = weights.build(|w| {
            w.ignore(|name| name.starts_with("proj_out."));
            Ok::<_, Error>((
                Encoder::load(&w.at("encoder"), &sizes)?,
                Decoder::load(&w.at("decoder"), &sizes)?,
            ))
        })?;
        eval(encoder.parameters().values().chain(decoder.parameters().values()))?;
        Ok(Self {
            encoder,
            decoder,
            vocabulary: Vocabulary::new(files.tokenizer, sizes.vocabulary.unsigned_abs())?,
            front: WhisperMel::new(sizes.mels.unsigned_abs() as usize)?,
            sizes,
            heads,
        })
    }

    /// How large the model is.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Whether it knows more than English.
    pub fn is_multilingual(&self) -> bool {
        self.vocabulary.is_multilingual()
    }

    /// What is said in mono samples at 16 kHz.
    pub fn transcribe(&self, samples: &[f32], options: &TranscribeOptions) -> Result<Transcript> {
        self.transcription(samples, options)?.finish()
    }

    /// The segments of a sound, such as a [`Path`](std::path::Path) or samples, one by one.
    pub fn transcription<'a>(
        &'a self,
        sound: &'a (impl Sound + ?Sized),
        options: &TranscribeOptions,
    ) -> Result<Transcription<'a>> {
        Transcription::new(self, sound, options)
    }

    /// How likely each language is that is spoken in the first half minute, by code; nothing if the model knows English only.
    pub fn detect_language(&self, samples: &[f32]) -> Result<Vec<(&'static str, f32)>> {
        let mut spectrogram = spectrogram::Spectrogram::new(&self.front, samples)?;
        self.languages(&self.encode(&spectrogram.window(0, FRAMES)?)?)
    }

    /// The last states of the encoder for the first half minute of mono samples at 16 kHz, `[1500, width]`.
    pub fn hidden(&self, samples: &[f32]) -> Result<Array> {
        let mut spectrogram = spectrogram::Spectrogram::new(&self.front, samples)?;
        Ok(self.encode(&spectrogram.window(0, FRAMES)?)?.index(0)?)
    }

    /// What is heard in the first half minute of mono samples at 16 kHz, to ask for scores of tokens.
    pub fn hear(&self, samples: &[f32]) -> Result<Hearing<'_>> {
        let encoded = self.hidden(samples)?.expand_dims(0)?;
        Ok(Hearing { decoder: &self.decoder, heard: self.decoder.hear(&encoded)?, sizes: &self.sizes })
    }

    /// A window `[FRAMES, mels]` to the encoder's states, `[1, FRAMES / 2, width]`.
    fn encode(&self, window: &[f32]) -> Result<Array> {
        let mels = Array::from_slice(window, [1, FRAMES as i32, self.sizes.mels])?;
        Ok(self.encoder.forward(&mels)?)
    }

    fn context(&self) -> usize {
        self.sizes.text_context.unsigned_abs() as usize
    }
}

/// What was heard in a window, and what was written about it so far.
pub struct Hearing<'a> {
    decoder: &'a Decoder,
    heard: Heard,
    sizes: &'a Sizes,
}

impl Hearing<'_> {
    /// Scores `[tokens, vocabulary]` of what comes behind each of these tokens, which follow those that were given before.
    ///
    /// # Errors
    /// There are no tokens, too many, or one outside the vocabulary.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Array> {
        let Sizes { vocabulary, text_context, .. } = *self.sizes;
        if let Some(token) = tokens.iter().find(|&&token| token >= vocabulary.unsigned_abs()) {
            return Err(Error::option("tokens", token, format!("the vocabulary has {vocabulary}")));
        }
        let room = text_context - self.heard.length()?;
        match i32::try_from(tokens.len()) {
            Ok(count) if (1..=room).contains(&count) => {
                let states =
                    self.decoder.forward(&Array::from_slice(tokens, [1, count])?, &mut self.heard)?;
                Ok(self.decoder.scores(&states)?.index(0)?)
            }
            _ => Err(Error::option("tokens", tokens.len(), format!("there is room for 1 to {room}"))),
        }
    }
}
