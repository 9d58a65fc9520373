//! Places in an image that answers name, in pixels of that image.
//!
//! [`VisionLanguageModel::regions`](crate::VisionLanguageModel::regions) reads an answer as the model's family writes it;
//! [`Notation::read`] does so by itself, as for answers of a server. Florence-2 has answers of its own
//! ([`florence2::Answer`](crate::florence2::Answer)).
//!
//! Marks that are special tokens may be missing, as they are in a text whose special tokens are not shown.

mod json;
mod marks;

use mlx_image::View;

use crate::{Error, Result};

/// A place in an image, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What is there; empty if nothing is said of it.
    pub label: String,
    /// Where it is.
    pub place: Place,
}

/// A place in pixels of an image, from its left and upper edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// The left, upper, right and lower edge.
    Box([f64; 4]),
    /// How far to the right and how far down.
    Point([f64; 2]),
}

/// How the models of a family write places.
///
/// | notation | a box | numbers | source |
/// |---|---|---|---|
/// | [`Qwen2Vl`](Self::Qwen2Vl) | `<\|box_start\|>(x,y),(x,y)<\|box_end\|>` | thousandths | Wang et al., "Qwen2-VL" |
/// | [`Qwen25Vl`](Self::Qwen25Vl) | `{"bbox_2d": [x, y, x, y], "label": …}` | pixels of what the tower sees | Bai et al., "Qwen2.5-VL Technical Report" |
/// | [`Qwen3Vl`](Self::Qwen3Vl) | as Qwen2.5-VL | thousandths | Bai et al., "Qwen3-VL Technical Report" |
/// | [`PaliGemma`](Self::PaliGemma) | `<loc0000>` for y, x, y, x, then the label | 1024ths | Beyer et al., "PaliGemma" |
/// | [`Gemma`](Self::Gemma) | `{"box_2d": [y, x, y, x], "label": …}` | thousandths | the model cards of Gemma |
/// | [`InternVl`](Self::InternVl) | `<ref>…</ref><box>[[x, y, x, y]]</box>` | thousandths | Chen et al., "InternVL 2.5" |
/// | [`GlmV`](Self::GlmV) | `<\|begin_of_box\|>[[x, y, x, y]]<\|end_of_box\|>`, or as Qwen3-VL | thousandths | GLM-V Team, "GLM-4.1V-Thinking" |
/// | [`DeepSeekOcr`](Self::DeepSeekOcr) | `<\|ref\|>…<\|/ref\|><\|det\|>[[x, y, x, y]]<\|/det\|>` | of 999 | Wei et al., "DeepSeek-OCR" |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notation {
    /// Qwen2-VL.
    Qwen2Vl,
    /// Qwen2.5-VL.
    Qwen25Vl,
    /// Qwen3-VL and Qwen3.5.
    Qwen3Vl,
    /// PaliGemma 1 and 2.
    PaliGemma,
    /// Gemma 3, 3n and 4.
    Gemma,
    /// InternVL.
    InternVl,
    /// GLM-4V and those after it.
    GlmV,
    /// DeepSeek-OCR.
    DeepSeekOcr,
}

/// A place as it is written, in the order of its numbers.
type Written = (String, Numbers);

/// The numbers of a place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbers {
    Box([f64; 4]),
    Point([f64; 2]),
}

/// What a notation is like.
struct Rule {
    /// Text that stands where a place is meant.
    hint: &'static str,
    example: &'static str,
    /// The edges of an image in the units that places have; none if these are pixels of what is seen.
    edge: Option<f64>,
    /// Whether numbers of y come before those of x.
    upright: bool,
}

impl Notation {
    /// What `text` says of places in an image of which the model saw `view`, in pixels of the image, inside of it.
    ///
    /// What is no whole place is left out, as at the end of an answer that was cut. A text without places has none.
    ///
    /// # Errors
    /// The text marks places, and none of them can be read.
    pub fn read(self, text: &str, view: &View) -> Result<Vec<Region>> {
        let written = match self {
            Self::Qwen2Vl => marks::pairs(text),
            Self::PaliGemma => marks::locations(text),
            Self::Qwen25Vl | Self::Qwen3Vl => json::objects(text, &json::QWEN),
            Self::Gemma => json::objects(text, &json::GEMMA),
            Self::InternVl => marks::lists(text, ["<ref>", "</ref>"]),
            Self::DeepSeekOcr => marks::lists(text, ["<|ref|>", "<|/ref|>"]),
            Self::GlmV => json::framed(text, ["<|begin_of_box|>", "<|end_of_box|>"]),
        };
        let rule = self.rule();
        if written.is_empty() && text.contains(rule.hint) {
            let problem = format!(
                "the answer marks places with `{}`, but has none that is whole: it should be like `{}`",
                rule.hint, rule.example
            );
            return Err(Error::Answer(problem));
        }
        Ok(written
            .into_iter()
            .map(|(label, numbers)| Region { label, place: rule.place(numbers, view) })
            .collect())
    }

    /// How a place with a label looks in this notation.
    pub fn example(self) -> &'static str {
        self.rule().example
    }

    fn rule(self) -> Rule {
        let rule = |hint, example| Rule { hint, example, edge: Some(1000.0), upright: false };
        match self {
            Self::Qwen2Vl => rule(
                "<|box_start|>",
                "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(12,34),(560,780)<|box_end|>",
            ),
            Self::Qwen25Vl => {
                Rule { edge: None, ..rule("_2d", r#"[{"bbox_2d": [12, 34, 560, 780], "label": "cat"}]"#) }
            }
            Self::Qwen3Vl => rule("_2d", r#"[{"bbox_2d": [12, 34, 560, 780], "label": "cat"}]"#),
            Self::PaliGemma => Rule {
                edge: Some(1024.0),
                upright: true,
                ..rule("<loc", "<loc0034><loc0012><loc0780><loc0560> cat")
            },
            Self::Gemma => Rule {
                upright: true,
                ..rule("box_2d", r#"[{"box_2d": [34, 12, 780, 560], "label": "cat"}]"#)
            },
            Self::InternVl => rule("<box>", "<ref>cat</ref><box>[[12, 34, 560, 780]]</box>"),
            Self::GlmV => rule("bbox_2d", "<|begin_of_box|>[[12, 34, 560, 780]]<|end_of_box|>"),
            Self::DeepSeekOcr => {
                let example = "<|ref|>cat<|/ref|><|det|>[[12, 34, 560, 780]]<|/det|>";
                Rule { edge: Some(999.0), ..rule("<|det|>", example) }
            }
        }
    }
}

impl Rule {
    /// Where numbers are in the image that was seen so.
    fn place(&self, numbers: Numbers, view: &View) -> Place {
        match numbers {
            Numbers::Point(point) => Place::Point(self.point(point, view)),
            Numbers::Box([a, b, c, d]) => {
                let [[x, y], [other_x, other_y]] = [[a, b], [c, d]].map(|corner| self.point(corner, view));
                Place::Box([x.min(other_x), y.min(other_y), x.max(other_x), y.max(other_y)])
            }
        }
    }

    fn point(&self, [first, second]: [f64; 2], view: &View) -> [f64; 2] {
        let point = if self.upright { [second, first] } else { [first, second] };
        view.to_source(match self.edge {
            Some(edge) => view.at(point.map(|number| number / edge)),
            None => point,
        })
    }
}
