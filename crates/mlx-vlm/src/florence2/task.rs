//! What a Florence-2 can be asked, and the words that it was trained to be asked with.

use std::str::FromStr;

use mlx_image::Size;

use crate::{Error, Result};

/// A question about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    kind: TaskKind,
    input: String,
}

/// Kinds of questions; each has a token by which the first checkpoints' documentation calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskKind {
    /// `<CAPTION>`: a sentence.
    Caption,
    /// `<DETAILED_CAPTION>`: a few sentences.
    DetailedCaption,
    /// `<MORE_DETAILED_CAPTION>`: a paragraph.
    MoreDetailedCaption,
    /// `<OCR>`: the text in the image.
    Ocr,
    /// `<OCR_WITH_REGION>`: the text with the corners of each piece.
    OcrWithRegion,
    /// `<OD>`: objects with their boxes.
    ObjectDetection,
    /// `<DENSE_REGION_CAPTION>`: regions with descriptions.
    DenseRegionCaption,
    /// `<REGION_PROPOSAL>`: boxes without names.
    RegionProposal,
    /// `<CAPTION_TO_PHRASE_GROUNDING>`: boxes of the phrases of a caption.
    PhraseGrounding,
    /// `<REFERRING_EXPRESSION_SEGMENTATION>`: the outline of what a phrase means.
    ReferringSegmentation,
    /// `<REGION_TO_SEGMENTATION>`: the outline of what is in a box.
    RegionToSegmentation,
    /// `<OPEN_VOCABULARY_DETECTION>`: boxes or outlines of what a phrase means.
    OpenVocabularyDetection,
    /// `<REGION_TO_CATEGORY>`: what is in a box.
    RegionToCategory,
    /// `<REGION_TO_DESCRIPTION>`: a description of what is in a box.
    RegionToDescription,
    /// `<REGION_TO_OCR>`: the text in a box.
    RegionToOcr,
    /// A text of one's own, as tuned checkpoints take it.
    Text,
}

/// A kind with its token and the words that stand for it, where `{input}` is what is asked about.
const WORDS: [(TaskKind, &str, &str); 15] = [
    (TaskKind::OcrWithRegion, "<OCR_WITH_REGION>", "What is the text in the image, with regions?"),
    (TaskKind::Ocr, "<OCR>", "What is the text in the image?"),
    (TaskKind::Caption, "<CAPTION>", "What does the image describe?"),
    (TaskKind::DetailedCaption, "<DETAILED_CAPTION>", "Describe in detail what is shown in the image."),
    (
        TaskKind::MoreDetailedCaption,
        "<MORE_DETAILED_CAPTION>",
        "Describe with a paragraph what is shown in the image.",
    ),
    (TaskKind::ObjectDetection, "<OD>", "Locate the objects with category name in the image."),
    (
        TaskKind::DenseRegionCaption,
        "<DENSE_REGION_CAPTION>",
        "Locate the objects in the image, with their descriptions.",
    ),
    (TaskKind::RegionProposal, "<REGION_PROPOSAL>", "Locate the region proposals in the image."),
    (
        TaskKind::PhraseGrounding,
        "<CAPTION_TO_PHRASE_GROUNDING>",
        "Locate the phrases in the caption: {input}",
    ),
    (
        TaskKind::ReferringSegmentation,
        "<REFERRING_EXPRESSION_SEGMENTATION>",
        "Locate {input} in the image with mask",
    ),
    (
        TaskKind::RegionToSegmentation,
        "<REGION_TO_SEGMENTATION>",
        "What is the polygon mask of region {input}",
    ),
    (TaskKind::OpenVocabularyDetection, "<OPEN_VOCABULARY_DETECTION>", "Locate {input} in the image."),
    (TaskKind::RegionToCategory, "<REGION_TO_CATEGORY>", "What is the region {input}?"),
    (TaskKind::RegionToDescription, "<REGION_TO_DESCRIPTION>", "What does the region {input} describe?"),
    (TaskKind::RegionToOcr, "<REGION_TO_OCR>", "What text is in the region {input}?"),
];

/// What stands in such words for what is asked about.
const INPUT: &str = "{input}";

/// How many places an edge of an image is divided into.
pub(super) const BINS: f32 = 1000.0;

impl Task {
    /// A question about the whole image.
    pub fn new(kind: TaskKind) -> Self {
        Self::about(kind, "")
    }

    /// A question about a phrase.
    pub fn about(kind: TaskKind, phrase: impl Into<String>) -> Self {
        Self { kind, input: phrase.into() }
    }

    /// A question about a box in an image of such a size: left, top, right and bottom in pixels.
    pub fn within(kind: TaskKind, [left, top, right, bottom]: [f32; 4], size: Size) -> Self {
        let place =
            |at: f32, length: usize| (at / (length as f32 / BINS)).floor().clamp(0.0, BINS - 1.0) as u32;
        let (x, y) = (|at| place(at, size.width), |at| place(at, size.height));
        let places = [x(left), y(top), x(right), y(bottom)];
        Self::about(kind, places.map(|place| format!("<loc_{place}>")).concat())
    }

    /// The kind of the question.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// The words of the question.
    ///
    /// # Errors
    /// The kind is about something, and nothing is given, or the other way round.
    pub(super) fn words(&self) -> Result<String> {
        let input = self.input.trim();
        let Some((_, token, words)) = WORDS.iter().find(|(kind, ..)| *kind == self.kind) else {
            return Ok(self.input.clone());
        };
        match (words.contains(INPUT), input.is_empty()) {
            (true, true) => Err(Error::Prompt(format!("{token} is about something: give a phrase or a box"))),
            (false, false) => {
                Err(Error::Prompt(format!("{token} is about the whole image: leave out `{input}`")))
            }
            _ => Ok(words.replace(INPUT, input)),
        }
    }
}

impl FromStr for Task {
    type Err = Error;

    /// Reads a task as `<OD>` or `<CAPTION_TO_PHRASE_GROUNDING>a green car`; a text without such a token is one's own.
    fn from_str(text: &str) -> Result<Self> {
        let found = WORDS.iter().find(|(_, token, _)| text.contains(token));
        let task = match found {
            Some((kind, token, _)) => Self::about(*kind, text.replace(token, "").trim()),
            None => Self::about(TaskKind::Text, text),
        };
        task.words()?;
        Ok(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read_with_what_they_are_about() {
        let task: Task = "<CAPTION_TO_PHRASE_GROUNDING> a {red} car ".parse().unwrap();
        assert_eq!(task, Task::about(TaskKind::PhraseGrounding, "a {red} car"));
        assert_eq!(task.words().unwrap(), "Locate the phrases in the caption: a {red} car");
        let task: Task = "<OCR_WITH_REGION>".parse().unwrap();
        assert_eq!(task.kind(), TaskKind::OcrWithRegion);
        assert_eq!("Who?".parse::<Task>().unwrap().words().unwrap(), "Who?");
    }

    #[test]
    fn tasks_without_what_they_are_about_are_refused() {
        let about = |text: &str| text.parse::<Task>().unwrap_err().to_string();
        assert_eq!(about("<OD> car"), "<OD> is about the whole image: leave out `car`");
        assert!(about("<REGION_TO_OCR>").starts_with("<REGION_TO_OCR> is about something"));
    }

    #[test]
    fn boxes_become_places_of_a_thousand() {
        let size = Size { height: 100, width: 500 };
        let task = Task::within(TaskKind::RegionToCategory, [5.0, 12.34, 499.9, 700.0], size);
        assert_eq!(task.words().unwrap(), "What is the region <loc_10><loc_123><loc_999><loc_999>?");
    }
}
