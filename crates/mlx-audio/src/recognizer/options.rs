//! What can be asked of a recognizer.

use crate::whisper::{Task, TranscribeOptions};
use crate::{Error, Result};

/// How a recording is recognized. What is not set is as the model has it; what a model does not have is refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecognizeOptions {
    /// The language that is spoken, by code or, for some models, English name.
    pub language: Option<String>,
    /// What is written: the words as they are spoken, or in English.
    pub task: Task,
    /// Whether the times of words are given, too.
    pub word_timestamps: bool,
    /// What scores are divided by before a token is drawn, one after another until the text is likely enough.
    pub temperature: Option<Vec<f32>>,
    /// Texts that are followed at once.
    pub beam_size: Option<usize>,
    /// Names and words that will come, or a text in the style that is wanted.
    pub initial_prompt: Option<String>,
    /// Whether the model sees what it wrote before.
    pub condition_on_previous_text: Option<bool>,
    /// Seconds between which it listens, from the first to the second, from the third to the fourth and so on.
    pub clip_timestamps: Option<Vec<f64>>,
    /// So long a silence, in seconds, around words that are unlikely makes them be left out.
    pub hallucination_silence_threshold: Option<f64>,
    /// What draws depend on.
    pub seed: Option<u64>,
    /// Whether numbers are written in digits, with punctuation.
    pub use_itn: Option<bool>,
}

/// The options of Whisper.
pub(super) const OF_WHISPER: &[&str] = &[
    "language",
    "task",
    "word_timestamps",
    "temperature",
    "beam_size",
    "initial_prompt",
    "condition_on_previous_text",
    "clip_timestamps",
    "hallucination_silence_threshold",
    "seed",
];

impl RecognizeOptions {
    /// Refuses what is asked for and not among what `model` has.
    ///
    /// # Errors
    /// One such option, by name.
    pub fn check(&self, model: &str, has: &[&str]) -> Result<()> {
        match self.asked().into_iter().find(|(name, _)| !has.contains(name)) {
            Some((name, value)) => {
                Err(Error::option(name, value, format!("{model} has no such option, leave it out")))
            }
            None => Ok(()),
        }
    }

    /// The names and values of what is set.
    fn asked(&self) -> Vec<(&'static str, String)> {
        let task = (self.task != Task::Transcribe).then(|| "translate".to_owned());
        let all = [
            ("language", self.language.clone()),
            ("task", task),
            ("word_timestamps", self.word_timestamps.then(|| "true".to_owned())),
            ("temperature", self.temperature.as_ref().map(|values| format!("{values:?}"))),
            ("beam_size", self.beam_size.map(|size| size.to_string())),
            ("initial_prompt", self.initial_prompt.as_ref().map(|prompt| format!("{prompt:?}"))),
            ("condition_on_previous_text", self.condition_on_previous_text.map(|seen| seen.to_string())),
            ("clip_timestamps", self.clip_timestamps.as_ref().map(|times| format!("{times:?}"))),
            (
                "hallucination_silence_threshold",
                self.hallucination_silence_threshold.map(|seconds| seconds.to_string()),
            ),
            ("seed", self.seed.map(|seed| seed.to_string())),
            ("use_itn", self.use_itn.map(|itn| itn.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The same for Whisper.
    pub(super) fn of_whisper(&self) -> Result<TranscribeOptions> {
        self.check("whisper", OF_WHISPER)?;
        let default = TranscribeOptions::default();
        Ok(TranscribeOptions {
            task: self.task,
            language: self.language.clone(),
            word_timestamps: self.word_timestamps,
            temperature: self.temperature.clone().unwrap_or(default.temperature),
            beam_size: self.beam_size.unwrap_or(default.beam_size),
            initial_prompt: self.initial_prompt.clone(),
            condition_on_previous_text: self
                .condition_on_previous_text
                .unwrap_or(default.condition_on_previous_text),
            clip_timestamps: self.clip_timestamps.clone().unwrap_or_default(),
            hallucination_silence_threshold: self.hallucination_silence_threshold,
            seed: self.seed.unwrap_or(default.seed),
            ..TranscribeOptions::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_does_not_have_is_refused_by_name() {
        let options = RecognizeOptions { beam_size: Some(3), word_timestamps: true, ..Default::default() };
        let message = options.check("wav2vec2", &["word_timestamps"]).unwrap_err().to_string();
        assert_eq!(message, "beam_size is 3: wav2vec2 has no such option, leave it out");
        options.check("whisper", OF_WHISPER).unwrap();
        let itn = RecognizeOptions { use_itn: Some(true), ..Default::default() };
        assert!(itn.of_whisper().unwrap_err().to_string().contains("use_itn is true"));
        let everything = RecognizeOptions {
            language: Some("de".into()),
            task: Task::Translate,
            word_timestamps: true,
            temperature: Some(vec![0.5]),
            beam_size: Some(2),
            initial_prompt: Some("x".into()),
            condition_on_previous_text: Some(false),
            clip_timestamps: Some(vec![0.0, 5.0]),
            hallucination_silence_threshold: Some(2.0),
            seed: Some(9),
            use_itn: None,
        };
        let names: Vec<_> = everything.asked().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, OF_WHISPER);
        let whisper = everything.of_whisper().unwrap();
        assert_eq!((whisper.beam_size, whisper.seed, whisper.condition_on_previous_text), (2, 9, false));
    }

    #[test]
    fn nothing_asked_is_whispers_default() {
        assert_eq!(RecognizeOptions::default().of_whisper().unwrap(), TranscribeOptions::default());
    }
}
