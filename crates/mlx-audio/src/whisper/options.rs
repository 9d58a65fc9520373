//! How a recording is transcribed.

use super::decode::Search;
use super::vocabulary::Task;
use crate::{Error, Result};

/// How a recording is transcribed. The names and what is there without them are those of OpenAI's Whisper.
#[derive(Clone, Debug, PartialEq)]
pub struct TranscribeOptions {
    /// What is written: the words as they are spoken, or in English.
    pub task: Task,
    /// The language that is spoken, by code or English name. Without it, the model listens to the first half minute.
    pub language: Option<String>,
    /// Whether the times of words are found, too.
    pub word_timestamps: bool,
    /// What scores are divided by before a token is drawn, one after another until the text is likely enough. At 0 the
    /// likeliest is taken.
    pub temperature: Vec<f32>,
    /// Texts that are followed at once at temperature 0.
    pub beam_size: usize,
    /// How many times as many texts as there are beams are waited for.
    pub patience: f32,
    /// The exponent of (5 + length) / 6 that sums of logarithms are divided by; without it, the length.
    pub length_penalty: Option<f32>,
    /// Texts that are drawn at other temperatures, of which the likeliest is taken.
    pub best_of: usize,
    /// A text that is more times as long as its compressed bytes is drawn again, hotter.
    pub compression_ratio_threshold: Option<f32>,
    /// A text whose tokens have a smaller mean logarithm of probabilities is drawn again, hotter.
    pub logprob_threshold: Option<f32>,
    /// A window in which it is likelier that no one speaks is left out, unless its text is likely.
    pub no_speech_threshold: Option<f32>,
    /// Whether the model sees what it wrote about the windows before. Without that, it repeats itself less.
    pub condition_on_previous_text: bool,
    /// What it sees before the first window: names, or a text in the style that is wanted.
    pub initial_prompt: Option<String>,
    /// The latest beginning of a window's first words, in seconds.
    pub max_initial_timestamp: Option<f64>,
    /// Which parts of the recording are transcribed: seconds at which one begins and ends, in turns. The last may have no
    /// end. None is all of it. Parts and streams have no others in them.
    pub clip_timestamps: Vec<f64>,
    /// With the times of words in whole recordings: silences of more seconds are passed over where the words beside them may be made up.
    pub hallucination_silence_threshold: Option<f64>,
    /// What draws depend on.
    pub seed: u64,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        Self {
            task: Task::Transcribe,
            language: None,
            word_timestamps: false,
            temperature: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            beam_size: 5,
            patience: 1.0,
            length_penalty: None,
            best_of: 5,
            compression_ratio_threshold: Some(2.4),
            logprob_threshold: Some(-1.0),
            no_speech_threshold: Some(0.6),
            condition_on_previous_text: true,
            initial_prompt: None,
            max_initial_timestamp: Some(1.0),
            clip_timestamps: Vec::new(),
            hallucination_silence_threshold: None,
            seed: 0,
        }
    }
}

impl TranscribeOptions {
    /// Checks what no recording could be transcribed with.
    pub(super) fn check(&self) -> Result<()> {
        let hot = self.temperature.iter().find(|hot| !(0.0..=10.0).contains(*hot));
        if let Some(hot) = hot {
            return Err(Error::option("temperature", hot, "it must be from 0 to 10"));
        }
        if self.temperature.is_empty() {
            return Err(Error::option("temperature", "empty", "give at least one"));
        }
        for (option, value) in [("beam_size", self.beam_size), ("best_of", self.best_of)] {
            if !(1..=100).contains(&value) {
                return Err(Error::option(option, value, "it must be from 1 to 100"));
            }
        }
        if !(self.patience > 0.0 && self.patience <= 100.0) {
            return Err(Error::option("patience", self.patience, "it must be more than 0, and 100 at most"));
        }
        let mut last = 0.0;
        for &time in &self.clip_timestamps {
            if !(last..=f64::MAX).contains(&time) {
                let range = "times go on, and are not negative";
                return Err(Error::option("clip_timestamps", time, range));
            }
            last = time;
        }
        if let Some(threshold) = self.hallucination_silence_threshold
            && !(0.0..=f64::MAX).contains(&threshold)
        {
            return Err(Error::option(
                "hallucination_silence_threshold",
                threshold,
                "it must be a number of seconds",
            ));
        }
        Ok(())
    }

    pub(super) fn search(&self, temperature: f32, most: usize) -> Search {
        Search {
            temperature,
            beam_size: self.beam_size,
            patience: self.patience,
            best_of: self.best_of,
            length_penalty: self.length_penalty,
            most,
            seed: self.seed,
        }
    }
}
