//! Two encoders whose vectors can be compared: one of texts, one of images.
//!
//! Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (CLIP); Zhai et al., "Sigmoid
//! Loss for Language Image Pre-Training" (SigLIP); Tschannen et al., "SigLIP 2".

mod config;
mod image;
mod pooling;
mod text;

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde_json::Value;

pub(crate) use self::config::Family;
use self::config::{Config, FAMILIES};
pub use self::image::ImageTower;
pub use self::text::TextTower;
use crate::{Error, Result};

/// The values of `model_type` that can be built.
pub const KNOWN: &[&str] = FAMILIES;

/// A tower for texts and one for images.
#[derive(Module)]
#[module(no_tree)]
pub struct Towers {
    /// The one for texts.
    pub text: TextTower,
    /// The one for images.
    pub image: ImageTower,
    /// The logarithm of what similarities are multiplied by.
    logit_scale: Array,
    /// What is then added to them, in SigLIP.
    logit_bias: Option<Array>,
    #[module(skip)]
    family: Family,
    width: i32,
}

impl Towers {
    /// Builds the towers that `config`, a `config.json`, describes from `weights`, all of which they must use.
    ///
    /// # Errors
    /// The architecture is unknown, a field is missing or not supported, or a weight is missing, left over or
    /// misshapen.
    pub fn build(config: &Value, weights: Weights) -> Result<Self> {
        let Some(family) = Family::of(config) else {
            let found = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
            return Err(Error::UnknownModel { found: found.to_owned(), known: KNOWN });
        };
        let config = Config::read(family, config)?;
        weights.build(|w| {
            // Numbers of positions, which old checkpoints have.
            w.ignore(|key| key.ends_with(".position_ids"));
            let (biased, shape) = if family == Family::Clip { (false, &[][..]) } else { (true, &[1][..]) };
            // A half would be too coarse for what becomes an exponent.
            let exact = w.clone().with_dtype(None);
            let number = |name| -> Result<Array> { Ok(exact.array(name, shape)?.astype(Dtype::Float32)?) };
            Ok(Self {
                text: TextTower::load(w, &config)?,
                image: ImageTower::load(w, &config)?,
                logit_scale: number("logit_scale")?,
                logit_bias: biased.then(|| number("logit_bias")).transpose()?,
                family,
                width: config.width,
            })
        })
    }

    /// How well each of the texts `[texts, width]` suits each of the images `[images, width]`: `[images, texts]`.
    pub fn logits(&self, texts: &Array, images: &Array) -> MlxResult<Array> {
        let scaled = (images.matmul(texts.t()?)? * self.logit_scale.exp()?)?;
        match &self.logit_bias {
            Some(bias) => scaled + bias,
            None => Ok(scaled),
        }
    }

    /// [`logits`](Self::logits) as probabilities: CLIP asks which of the texts is that of an image, so those of an image
    /// are 1 together; SigLIP asks for each pair whether it is one.
    pub fn probabilities(&self, texts: &Array, images: &Array) -> MlxResult<Array> {
        let logits = self.logits(texts, images)?;
        if self.family == Family::Clip { logits.softmax(-1) } else { logits.sigmoid() }
    }

    /// The width of the vectors.
    pub fn width(&self) -> i32 {
        self.width
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }
}
