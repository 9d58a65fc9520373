//! What all windows of a recording have in common.

use mlx_core::{Array, Dtype};

use super::alignment::Alignment;
use super::decode::Writer;
use super::decoder::Heard;
use super::languages::code;
use super::numbers::normalize;
use super::options::TranscribeOptions;
use super::rules::Rules;
use super::window::Window;
use super::{Whisper, words};
use crate::Result;
use crate::transcript::Segment;

/// A model with the language of a recording, and how it is transcribed.
pub(super) struct Session<'a> {
    pub(super) whisper: &'a Whisper,
    pub(super) options: TranscribeOptions,
    /// The code of the language.
    pub(super) language: String,
    rules: Rules<'a>,
    beginning: Vec<u32>,
}

impl<'a> Session<'a> {
    /// Where the options leave the language open, it is heard in the states of the encoder that `first` gives.
    pub(super) fn new(
        whisper: &'a Whisper,
        options: &TranscribeOptions,
        first: impl FnOnce() -> Result<Array>,
    ) -> Result<Self> {
        options.check()?;
        let vocabulary = &whisper.vocabulary;
        let language = match &options.language {
            Some(language) => code(language).map_or_else(|| language.clone(), str::to_owned),
            None if !vocabulary.is_multilingual() => "en".to_owned(),
            None => whisper.likeliest_language(&first()?)?.to_owned(),
        };
        Ok(Self {
            whisper,
            rules: Rules::new(vocabulary, true, options.max_initial_timestamp)?,
            beginning: vocabulary.beginning(&language, options.task)?,
            language,
            options: options.clone(),
        })
    }

    /// The tokens of the initial prompt.
    pub(super) fn initial_prompt(&self) -> Result<Vec<u32>> {
        match &self.options.initial_prompt {
            Some(prompt) => {
                Ok(self.whisper.vocabulary.tokenizer.encode(&format!(" {}", prompt.trim()), false)?)
            }
            None => Ok(Vec::new()),
        }
    }

    /// What the model sees before it writes: what comes `before`, as far as there is room, and the beginning.
    pub(super) fn prompt(&self, before: &[u32]) -> Vec<u32> {
        let room = self.whisper.context() / 2 - 1;
        let before = before.get(before.len().saturating_sub(room)..).unwrap_or_default();
        let previous = if before.is_empty() { &[][..] } else { &[self.whisper.vocabulary.previous] };
        [previous, before, &self.beginning].concat()
    }

    /// The texts of windows behind their prompts, which are of one length.
    pub(super) fn write(&self, heard: &Heard, prompts: &[Vec<u32>]) -> Result<Vec<Window>> {
        let Whisper { decoder, vocabulary, .. } = self.whisper;
        let writer = Writer { decoder, vocabulary, context: self.whisper.context(), rules: &self.rules };
        Window::of(&writer, heard, prompts, &self.options)
    }

    /// Gives the segments of the one window in `heard`, which begins at `start` seconds, their words.
    pub(super) fn find_words(
        &self,
        segments: &mut [Segment],
        heard: &Heard,
        (start, frames): (f64, usize),
        spoken_until: &mut f64,
    ) -> Result<()> {
        let Whisper { decoder, vocabulary, heads, .. } = self.whisper;
        let tokens = segments.iter().flat_map(|segment| segment.tokens.iter().copied());
        let text: Vec<u32> = tokens.filter(|&token| token < vocabulary.end).collect();
        if text.is_empty() {
            return Ok(());
        }
        let places = i32::try_from(frames / 2).unwrap_or(i32::MAX).max(1);
        let alignment = Alignment::of(decoder, vocabulary, heard, heads, (&self.beginning, &text), places)?;
        let spoken = words::spoken(vocabulary, &self.language, &text, &alignment)?;
        words::give(segments, spoken, vocabulary, start, spoken_until);
        Ok(())
    }
}

impl Whisper {
    /// How likely each language is, for a window of the encoder's states.
    pub(super) fn languages(&self, encoded: &Array) -> Result<Vec<(&'static str, f32)>> {
        let mut heard = self.decoder.hear(encoded)?;
        let start = Array::from_slice(&[self.vocabulary.start], [1, 1])?;
        let states = self.decoder.forward(&start, &mut heard)?;
        let scores = self.decoder.scores(&states)?.astype(Dtype::Float32)?.to_vec::<f32>()?;
        let tokens = self.vocabulary.languages();
        let mut own = scores.get(tokens.start as usize..tokens.end as usize).unwrap_or_default().to_vec();
        normalize(&mut own);
        let named = |(token, score): (u32, f32)| Some((self.vocabulary.language(token)?, score.exp()));
        Ok(tokens.zip(own).filter_map(named).collect())
    }

    fn likeliest_language(&self, encoded: &Array) -> Result<&'static str> {
        let languages = self.languages(encoded)?;
        let best = languages.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        Ok(best.map_or("en", |(code, _)| code))
    }
}
