//! The text of a window, drawn again while it is not likely enough.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

use super::decode::{Found, Writer};
use super::decoder::Heard;
use super::options::TranscribeOptions;
use crate::Result;

/// What was found in a window.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) tokens: Vec<u32>,
    pub(super) temperature: f32,
    pub(super) avg_logprob: f32,
    pub(super) compression_ratio: f32,
    pub(super) no_speech_prob: f32,
}

impl Window {
    /// The texts of windows behind their prompts, with the first temperature at which each is likely enough, or the last.
    pub(super) fn of(
        writer: &Writer<'_>,
        heard: &Heard,
        prompts: &[Vec<u32>],
        options: &TranscribeOptions,
    ) -> Result<Vec<Self>> {
        let mut windows: Vec<Self> = vec![Self::default(); prompts.len()];
        let mut open: Vec<usize> = (0..prompts.len()).collect();
        for &temperature in &options.temperature {
            let mut heard = heard.clone();
            if open.len() < prompts.len() {
                heard.keep_windows(
                    &open.iter().filter_map(|&at| i32::try_from(at).ok()).collect::<Vec<_>>(),
                )?;
            }
            let own: Vec<_> = open.iter().filter_map(|&at| prompts.get(at).cloned()).collect();
            let found = writer.write(heard, &own, &options.search(temperature, writer.context / 2))?;
            let mut again = Vec::new();
            for (&at, found) in open.iter().zip(found) {
                let window = Self::new(writer, found, temperature)?;
                if window.is_unlikely(options) {
                    again.push(at);
                }
                if let Some(place) = windows.get_mut(at) {
                    *place = window;
                }
            }
            open = again;
            if open.is_empty() {
                break;
            }
        }
        Ok(windows)
    }

    fn new(writer: &Writer<'_>, found: Found, temperature: f32) -> Result<Self> {
        let text = writer.vocabulary.text(&found.text.tokens)?;
        Ok(Self {
            avg_logprob: found.text.mean(),
            compression_ratio: compression_ratio(text.trim()),
            no_speech_prob: found.no_speech,
            temperature,
            tokens: found.text.tokens,
        })
    }

    /// Whether it is worth to draw again.
    fn is_unlikely(&self, options: &TranscribeOptions) -> bool {
        let repeats = options.compression_ratio_threshold.is_some_and(|most| self.compression_ratio > most);
        let unlikely = options.logprob_threshold.is_some_and(|least| self.avg_logprob < least);
        let silent = options.no_speech_threshold.is_some_and(|most| self.no_speech_prob > most);
        // In silence nothing likelier will be found.
        (repeats || unlikely) && !(silent && (unlikely || options.logprob_threshold.is_none()))
    }

    /// Whether no one speaks.
    pub(super) fn is_silent(&self, options: &TranscribeOptions) -> bool {
        let silent = options.no_speech_threshold.is_some_and(|most| self.no_speech_prob > most);
        silent && options.logprob_threshold.is_none_or(|least| self.avg_logprob <= least)
    }
}

/// How many times a text is as long as its compressed bytes.
pub(crate) fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    text.len() as f32 / compressed.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_itself_compresses_well() {
        assert!(compression_ratio(&"and then ".repeat(40)) > 10.0);
        assert!(compression_ratio("He might even have been made amiable himself.") < 1.2);
        assert_eq!(compression_ratio(""), 0.0);
    }

    #[test]
    fn an_unlikely_text_is_drawn_again_but_not_in_silence() {
        let options = TranscribeOptions::default();
        let window = |avg_logprob, compression_ratio, no_speech_prob| Window {
            avg_logprob,
            compression_ratio,
            no_speech_prob,
            ..Window::default()
        };
        assert!(!window(-0.5, 1.5, 0.1).is_unlikely(&options));
        assert!(window(-1.5, 1.5, 0.1).is_unlikely(&options));
        assert!(window(-0.5, 2.5, 0.9).is_unlikely(&options));
        assert!(!window(-1.5, 1.5, 0.9).is_unlikely(&options) && window(-1.5, 1.5, 0.9).is_silent(&options));
        assert!(!window(-0.5, 1.5, 0.9).is_silent(&options));
    }
}
