//! MiniCPM-V 2.6 to 4.5 and the eyes of MiniCPM-o: slices of which a resampler makes as many vectors each.
//!
//! Images are cut, and told of in the text, as by the processor that the models are published with; mlx-vlm, whose MiniCPM-o has
//! the tower and the resampler, cuts none. The tower's activation is that of its config, where mlx-vlm takes another.

use mlx_core::{Array, concatenate};
use mlx_image::{Size, TileProcessor};
use mlx_nn::Module;
use mlx_text::Message;
use mlx_vision::VitSizes;
use serde::Deserialize;
use serde_json::Value;

use super::config::numbers_images;
use super::resampler::{Resampler, Sizes};
use super::shown::{self, shown};
use super::tower::Tower;
use crate::family::added::added_token;
use crate::family::tiled::{bounded, patches, text_width, vit_sizes};
use crate::family::{About, Checkpoint, Family, Markers, Prepared, parse};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(in crate::family) struct Resampled {
    vision_tower: Tower,
    resampler: Resampler,
    #[module(skip)]
    images: TileProcessor,
    patch: i32,
    /// How many vectors a slice becomes.
    #[module(skip)]
    each: usize,
    #[module(skip)]
    tokens: [u32; 1],
    /// Whether images are numbered.
    numbers: bool,
}

/// The parts of `config.json` that are not the decoder's.
#[derive(Deserialize)]
struct Stored {
    vision_config: Value,
    query_num: Option<i32>,
    drop_vision_last_layer: Option<bool>,
}

/// What the chat template is given for an image, and what stands for a vector of it.
const IMAGE: &str = "(<image>./</image>)";
const UNKNOWN: &str = "<unk>";

/// Scopes of speech.
const SPEECH: [&str; 5] = ["apm", "audio_avg_pooler", "audio_projection_layer", "audio_tower", "tts"];

pub(in crate::family) fn load(checkpoint: &Checkpoint<'_>) -> Result<Resampled> {
    let weights = checkpoint.weights;
    let stored: Stored = parse(checkpoint.config)?;
    let vit = vit_sizes(&stored.vision_config, "siglip_vision_model")?;
    let sizes = Sizes {
        queries: stored.query_num.unwrap_or(64),
        widths: [text_width(checkpoint.config)?, vit.encoder.width],
    };
    bounded("config", &[("query_num", sizes.queries, 1 << 12)])?;
    let [hidden, _] = sizes.widths;
    if hidden % 4 != 0 || hidden % (hidden / 128).max(1) != 0 {
        return Err(Error::config(format!("hidden_size is {hidden}: it must have heads of equal width")));
    }
    for scope in SPEECH {
        weights.at(scope).ignore(|_| true);
    }
    let own = weights.at("vpm");
    let tower = if own.contains("post_layernorm.weight") { own } else { weights.at("vision_tower") };
    let vit = without_last(vit, stored.drop_vision_last_layer.unwrap_or(false));
    let images = TileProcessor::from_dir(checkpoint.directory.path())?;
    if images.patch() != Some(vit.patch.unsigned_abs() as usize) || images.patch() != images.block() {
        let problem = format!("patches are not of {} pixels, as the tower takes them", vit.patch);
        return Err(Error::Config { file: "preprocessor_config.json".into(), problem });
    }
    let Some(token) = added_token(checkpoint.directory, UNKNOWN) else {
        let problem = format!("there is no token {UNKNOWN}, which stands for images");
        return Err(Error::Config { file: "tokenizer.json".into(), problem });
    };
    Ok(Resampled {
        vision_tower: Tower::load(&tower, &vit, None)?,
        resampler: Resampler::load(&weights.at("resampler"), sizes)?,
        images,
        patch: vit.patch,
        each: sizes.queries.unsigned_abs() as usize,
        tokens: [token],
        numbers: numbers_images(checkpoint.directory),
    })
}

/// The tower without its last layer, if that `drops`.
fn without_last(vit: VitSizes, drops: bool) -> VitSizes {
    let mut encoder = vit.encoder;
    encoder.layers = encoder.layers.saturating_sub(usize::from(drops));
    VitSizes { encoder, ..vit }
}

impl Family for Resampled {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let tiles = self.images.apply(image)?;
        let (whole, slices) = tiles.pixels.split_at_checked(1).unwrap_or_default();
        let mut inputs = vec![patches(whole, self.patch)?];
        if !slices.is_empty() {
            inputs.push(patches(slices, self.patch)?);
        }
        let grid = if slices.is_empty() { Size::square(0) } else { tiles.layout.grid };
        let text = shown(UNKNOWN, self.each, (grid, self.each));
        Ok(Prepared { about: About::row(text, self.each * tiles.pixels.len()), inputs })
    }

    fn written(&self, messages: Vec<Message>) -> Vec<Message> {
        messages.into_iter().map(lines).collect()
    }

    fn numbered(&self, number: usize) -> String {
        if self.numbers { shown::numbered(number) } else { String::new() }
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let look = |patches: &Array| self.resampler.forward(&self.vision_tower.forward(patches)?);
        let seen: mlx_core::Result<Vec<_>> = inputs.iter().map(look).collect();
        Ok(concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}

/// A message in parts as a text, each part on a line of its own.
fn lines(mut message: Message) -> Message {
    if let Some(Value::Array(parts)) = &message.content {
        let line = |part: &Value| part.get("text").and_then(Value::as_str).unwrap_or(IMAGE).to_owned();
        let all: Vec<_> = parts.iter().map(line).collect();
        message.content = Some(all.join("\n").into());
    }
    message
}
