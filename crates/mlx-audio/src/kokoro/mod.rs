//! Text to speech by Kokoro: [`Kokoro::speak`] in one call, [`Kokoro::speech`] piece by piece.
//!
//! The model is that of hexgrad's Kokoro-82M, of 82 million parameters, with voices for nine languages.

mod albert;
mod block;
mod checkpoint;
mod config;
mod convolution;
mod decoder;
mod generator;
mod lstm;
mod network;
mod norm;
mod predictor;
mod prosody;
mod source;
mod spectrum;
mod speech;
mod text;
mod voice;
mod weights;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_hub::Source;
use mlx_nn::{Module, Weights};

pub use prosody::Prosody;
pub use speech::{Speech, Spoken, SpokenWord};
pub use voice::Voice;

use crate::phonemes::{Language, Phonemizer, Piece, pieces, sentences};
use crate::{Audio, Error, Result};
use checkpoint::Files;
use config::Config;
use network::Network;
use voice::Voices;

/// The model with its voices.
///
/// ```no_run
/// # fn main() -> mlx_audio::Result<()> {
/// use mlx_audio::WavFormat;
/// use mlx_audio::kokoro::{Kokoro, SpeakOptions};
///
/// let kokoro = Kokoro::load(&mlx_audio::mlx_hub::Source::parse("mlx-community/Kokoro-82M-bf16")?)?;
/// let audio = kokoro.speak("Hello world!", "af_heart", &SpeakOptions::default())?;
/// audio.save("hello.wav", WavFormat::I16)?;
/// # Ok(()) }
/// ```
pub struct Kokoro {
    network: Network,
    config: Config,
    voices: Voices,
    phonemizers: RefCell<HashMap<Language, Rc<Phonemizer>>>,
}

/// How a text is spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakOptions {
    /// How fast: 2 takes half the time. Between 0.5 and 2.
    pub speed: f32,
    /// The language of the text; without it, that of the voice.
    pub language: Option<Language>,
    /// Silence between sentences, beside what the voice leaves by itself.
    pub pause: Duration,
    /// What the noise is drawn with, which breathes in the voice.
    pub seed: u64,
}

impl Default for SpeakOptions {
    fn default() -> Self {
        Self { speed: 1.0, language: None, pause: Duration::ZERO, seed: 0 }
    }
}

impl Kokoro {
    /// Samples a second of what it says.
    pub const RATE: u32 = 24_000;

    /// The model of a folder or Hub repository. It computes in float32.
    ///
    /// Weights are safetensors files (as `mlx-community` has them, quantized or not), one `.pth` file of hexgrad's with
    /// its `config.json`, or one ONNX export with small integers and its `vocab.json`. Voices are looked for beside them
    /// and in `voices`: `.safetensors`, `.pt`, `.npy`, `.bin` and archives `.npz`.
    ///
    /// # Errors
    /// The files are not found, damaged, or not this model's.
    pub fn load(source: &Source) -> Result<Self> {
        let Files { folder, config, arrays } = Files::open(source)?;
        let weights = Weights::new(arrays, config.quantization.clone());
        let network = weights.build(|w| Network::load(w, &config))?;
        mlx_core::eval(network.parameters().values())?;
        let voices = Voices::find(&folder, 2 * config.style_dim)?;
        Ok(Self { network, config, voices, phonemizers: RefCell::default() })
    }

    /// The names of the voices beside the model, in order.
    pub fn voices(&self) -> Vec<String> {
        self.voices.names()
    }

    /// The voice of a name, or in a file; or a mixture such as `af_heart:0.6,am_michael:0.4`, in equal parts if no numbers
    /// are given.
    ///
    /// # Errors
    /// There is no such voice; the error lists those that are known.
    pub fn voice(&self, name: &str) -> Result<Voice> {
        self.voices.get(name)
    }

    /// The most phonemes that are spoken at once.
    pub fn most_phonemes(&self) -> usize {
        self.config.most_phonemes()
    }

    /// A text as it is read: in pieces that are spoken at once, of sentences one after the other.
    ///
    /// # Errors
    /// Those of [`Phonemizer`].
    pub fn pieces(&self, text: &str, language: Language) -> Result<Vec<Piece>> {
        let each = sentences(text).into_iter().map(|sentence| self.read(&sentence, language));
        Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Speaks a text piece by piece: each is computed when it is asked for.
    ///
    /// # Errors
    /// An option is out of its range, the voice is not known, or nothing reads the language.
    pub fn speech<'a>(&'a self, text: &str, voice: &str, options: &SpeakOptions) -> Result<Speech<'a>> {
        check_speed(options.speed)?;
        let voice = self.voice(voice)?;
        let language = options.language.unwrap_or_else(|| Language::of_voice(voice.name()));
        self.phonemizer(language)?;
        let options = SpeakOptions { language: Some(language), ..options.clone() };
        Ok(Speech::new(self, sentences(text), voice, options))
    }

    /// Speaks a text.
    ///
    /// # Errors
    /// Those of [`speech`](Self::speech), or the text holds nothing that can be spoken.
    pub fn speak(&self, text: &str, voice: &str, options: &SpeakOptions) -> Result<Audio> {
        self.speech(text, voice, options)?.finish()
    }

    /// How phonemes are spoken: their lengths, and the height and loudness of the voice.
    ///
    /// # Errors
    /// There are no phonemes or too many, the model does not know one of them, or the speed is out of its range.
    pub fn prosody(&self, phonemes: &str, voice: &Voice, speed: f32) -> Result<Prosody> {
        check_speed(speed)?;
        let (ids, [_, style]) = (self.ids(phonemes)?, self.styles(phonemes, voice)?);
        Ok(self.network.prosody(&ids, &style, speed)?)
    }

    /// Speaks phonemes with a prosody.
    ///
    /// # Errors
    /// Those of [`prosody`](Self::prosody), or the prosody does not fit the phonemes.
    pub fn say(&self, phonemes: &str, voice: &Voice, prosody: &Prosody, seed: u64) -> Result<Audio> {
        let key = Key::new(seed)?;
        self.say_with_noise(phonemes, voice, prosody, |shape| random::normal(shape, Dtype::Float32, &key))
    }

    /// The same, where `noise` gives numbers of this shape: the noise of each sample and harmonic, of deviation 1.
    ///
    /// # Errors
    /// Those of [`say`](Self::say).
    pub fn say_with_noise(
        &self,
        phonemes: &str,
        voice: &Voice,
        prosody: &Prosody,
        noise: impl FnOnce([i32; 2]) -> MlxResult<Array>,
    ) -> Result<Audio> {
        let (ids, [style, _]) = (self.ids(phonemes)?, self.styles(phonemes, voice)?);
        prosody.check(phonemes.chars().count())?;
        let noise = noise(self.network.noise_shape(prosody))?;
        Audio::new(self.network.samples(&ids, prosody, &style, &noise)?, 1, Self::RATE)
    }

    /// The numbers of phonemes between two of silence: `[1, phonemes + 2]`.
    fn ids(&self, phonemes: &str) -> Result<Array> {
        let (count, most) = (phonemes.chars().count(), self.most_phonemes());
        if !(1..=most).contains(&count) {
            return Err(Error::option("phonemes", count, format!("there must be between 1 and {most}")));
        }
        let id = |phoneme: char| {
            let unknown = || Error::option("phoneme", phoneme, "the model has no such sign");
            self.config.vocab.get(&phoneme).copied().ok_or_else(unknown)
        };
        let inner = phonemes.chars().map(id).collect::<Result<Vec<i32>>>()?;
        let ids: Vec<i32> = [0].into_iter().chain(inner).chain([0]).collect();
        let length = ids.len() as i32;
        Ok(Array::from_vec(ids, [1, length])?)
    }

    fn styles(&self, phonemes: &str, voice: &Voice) -> Result<[Array; 2]> {
        Ok(voice.styles(phonemes.chars().count())?)
    }

    /// A sentence in pieces, without signs that the model does not know, and pieces of signs alone.
    fn read(&self, sentence: &str, language: Language) -> Result<Vec<Piece>> {
        let mut tokens = self.phonemizer(language)?.tokens(sentence)?;
        for token in &mut tokens {
            token.phonemes.retain(|phoneme| self.config.vocab.contains_key(&phoneme));
        }
        let pieces = pieces(tokens, self.most_phonemes());
        Ok(pieces.into_iter().filter(|piece| piece.phonemes().contains(char::is_alphabetic)).collect())
    }

    fn phonemizer(&self, language: Language) -> Result<Rc<Phonemizer>> {
        if let Some(known) = self.phonemizers.borrow().get(&language) {
            return Ok(Rc::clone(known));
        }
        let new = Rc::new(Phonemizer::new(language)?);
        self.phonemizers.borrow_mut().insert(language, Rc::clone(&new));
        Ok(new)
    }
}

fn check_speed(speed: f32) -> Result<()> {
    if (0.5..=2.0).contains(&speed) {
        return Ok(());
    }
    Err(Error::option("speed", speed, "it must be between 0.5 and 2"))
}
