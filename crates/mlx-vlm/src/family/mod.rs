//! The families: how each prepares images, what its tower makes of them, and where that stands in a text.

mod added;
mod bounds;
mod deepseek_ocr;
mod fast_vlm;
mod film;
mod gemma3;
mod gemma3n;
mod gemma4;
mod glm_v;
mod idefics3;
mod internvl;
mod layout;
mod lfm2_vl;
mod llava;
mod minicpm_v;
mod moondream;
mod paddle_ocr;
mod paligemma;
mod phi3_v;
mod pixtral;
mod places;
mod qwen_vl;
mod siglip;
mod tiled;
mod tubelets;

use mlx_core::Array;
use mlx_hub::Directory;
use mlx_image::{Size, View};
use mlx_nn::{Module, Weights};
use mlx_text::{Message, Tokenizer};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::layout::{Layout, Span};
pub(crate) use self::moondream::Finder;
use crate::grounding::Notation;
use crate::{Error, Media, Result};

/// What a family does with what it is shown.
pub(crate) trait Family: Module {
    /// What the chat template writes for an image, and for a video if the family takes any.
    fn markers(&self) -> Markers;

    /// The chat template of checkpoints that have none.
    fn template(&self) -> Option<&str> {
        None
    }

    /// The tokens of a text in which placeholders stand.
    fn encode(&self, text: &str, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        Ok(tokenizer.encode(text, false)?)
    }

    /// What finds places in an image, where the family has heads for that.
    fn finder(&self) -> Option<&Finder> {
        None
    }

    /// An image or a video as the tower takes it, and what stands in the text for it.
    fn prepare(&self, media: &Media) -> Result<Prepared>;

    /// Whether an image is prepared in another way where several are shown.
    fn heeds_company(&self) -> bool {
        false
    }

    /// As [`prepare`](Self::prepare), where several images are shown.
    fn prepare_among(&self, media: &Media) -> Result<Prepared> {
        self.prepare(media)
    }

    /// Messages [in parts](Message::in_parts) as the chat template takes them.
    fn written(&self, messages: Vec<Message>) -> Vec<Message> {
        messages
    }

    /// Whether each text between images is encoded by itself, with what the tokenizer puts around a text. Images are then
    /// placeholders alone.
    fn reads_apart(&self) -> bool {
        false
    }

    /// What stands before an image or a video for its number, from 0 on, among those of its kind in a conversation.
    fn numbered(&self, _number: usize) -> String {
        String::new()
    }

    /// What the tower makes of it, `[tokens, hidden]`. What is behind the hidden states of a token is added after the
    /// first layers of the decoder, as wide for each.
    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array>;

    /// The tokens that such vectors take the place of.
    fn tokens(&self) -> &[u32];

    /// What stands for an image in a message where the chat template takes texts alone.
    fn inline(&self) -> Option<&str> {
        None
    }

    /// How answers write places, if they do.
    fn notation(&self) -> Option<Notation> {
        None
    }

    /// What is seen of an image of such a size, of which answers name places.
    fn view(&self, source: Size) -> Result<View> {
        Ok(View::whole(source, source))
    }

    /// Where tokens stand, if not in a row, of a text of so many with such spans of what is shown.
    fn layout(&self, _length: usize, _spans: &[Span<'_>]) -> Layout {
        Layout::default()
    }
}

/// What stands for what is shown in the text of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Markers {
    /// In which [`NUMBER`](crate::prompt::NUMBER) may stand for the number of the image, from 1 on.
    pub(crate) image: String,
    pub(crate) video: Option<String>,
}

/// What is known of an image or a video before a tower runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct About {
    /// What stands in the text in place of the marker.
    pub(crate) text: String,
    /// How many tokens of it vectors take the place of.
    pub(crate) tokens: usize,
    /// Its vectors in time, height and width, where they are in such an order.
    pub(crate) grid: [i32; 3],
    /// How many positions lie between two vectors in time.
    pub(crate) pace: f64,
}

/// An image or a video, ready for a tower.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) about: About,
    /// What the tower takes.
    pub(crate) inputs: Vec<Array>,
}

/// What a family reads to be built.
pub(crate) struct Checkpoint<'c> {
    pub(crate) config: &'c Value,
    pub(crate) directory: &'c Directory,
    /// Scopes are those of MLX: `vision_tower`, `multi_modal_projector`, `visual` and so on.
    pub(crate) weights: &'c Weights,
}

macro_rules! families {
    ($($($name:literal)|+ => $($family:ident)::+,)*) => {
        /// The values of `model_type` that can be built.
        pub const KNOWN: &[&str] = &[$($($name),+),*];

        /// Builds what is around the decoder of a checkpoint.
        pub(crate) fn load(checkpoint: &Checkpoint<'_>) -> Result<Box<dyn Family>> {
            let Kind { model_type } = parse(checkpoint.config)?;
            match model_type.as_str() {
                $($($name)|+ => Ok(Box::new($($family)::+::load(checkpoint)?)),)*
                _ => Err(Error::UnknownModel { found: model_type, known: KNOWN }),
            }
        }
    };
}

families! {
    "deepseek_vl_v2" | "deepseekocr" => deepseek_ocr,
    "fast_vlm" | "llava_qwen2" => fast_vlm,
    "gemma3" => gemma3,
    "gemma3n" => gemma3n,
    "gemma4" => gemma4,
    "glm46v" | "glm4v" | "glm4v_moe" | "glm_ocr" => glm_v,
    "idefics3" | "smolvlm" => idefics3,
    "internvl" | "internvl_chat" => internvl,
    "lfm2_vl" => lfm2_vl,
    "llava" => llava,
    "llava_next" => llava::next,
    "llava_onevision" => llava::one_vision,
    "minicpmo" | "minicpmv" => minicpm_v::resampled,
    "minicpmv4_6" => minicpm_v,
    "mistral3" => pixtral,
    "moondream1" | "moondream2" | "moondream3" => moondream,
    "paddleocr_vl" => paddle_ocr,
    "paligemma" => paligemma,
    "phi3_v" => phi3_v,
    "qwen2_5_vl" | "qwen2_vl" | "qwen3_5" | "qwen3_5_moe" | "qwen3_vl" | "qwen3_vl_moe" => qwen_vl,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    model_type: String,
}

/// How wide the decoder is, by the `text_config` of a `config.json`; `default` if that does not say.
pub(crate) fn decoder_width(config: &Value, default: Option<i32>) -> Result<i32> {
    #[derive(Deserialize)]
    struct Whole {
        text_config: Option<Decoder>,
    }
    #[derive(Deserialize)]
    struct Decoder {
        hidden_size: Option<i32>,
    }
    let whole: Whole = parse(config)?;
    let width = whole.text_config.and_then(|decoder| decoder.hidden_size).or(default);
    match width {
        Some(width) if (1..=1 << 17).contains(&width) => Ok(width),
        Some(width) => Err(Error::config(format!(
            "text_config: hidden_size is {width}: it must be from 1 to {}",
            1 << 17
        ))),
        None => Err(Error::config("text_config: hidden_size is missing")),
    }
}

/// The fields of `T` in a `config.json`.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|error| Error::config(error.to_string()))
}
