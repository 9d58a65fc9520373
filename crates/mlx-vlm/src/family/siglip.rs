//! The towers of SigLIP that families see through.

use mlx_core::Array;
use mlx_image::{Patches, Pixels, Size};
use mlx_vision::{Activation, EncoderSizes, VitSizes};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::parse;
use crate::{Error, Result};

/// A tower as `vision_config` has it, with what transformers takes for fields that are not there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Siglip {
    pub(super) hidden_size: i32,
    intermediate_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    num_channels: i32,
    image_size: i32,
    patch_size: i32,
    hidden_act: String,
    pub(super) layer_norm_eps: f32,
}

impl Default for Siglip {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 16,
            hidden_act: "gelu_pytorch_tanh".to_owned(),
            layer_norm_eps: 1e-6,
        }
    }
}

impl Siglip {
    /// What a config says, or else `defaults`, an object.
    pub(super) fn read(config: &Value, defaults: &Value) -> Result<Self> {
        let given = [defaults, config].into_iter().filter_map(Value::as_object).flatten();
        let fields: Map<_, _> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
        let read: Self = parse(&fields.into())?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<()> {
        for (field, size, most) in [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("image_size", self.image_size, 1 << 13),
            ("patch_size", self.patch_size, 1 << 8),
        ] {
            if !(1..=most).contains(&size) {
                let problem = format!("vision_config: {field} is {size}: it must be from 1 to {most}");
                return Err(Error::config(problem));
            }
        }
        let problem = if self.num_hidden_layers > 1024 || self.hidden_size % self.num_attention_heads != 0 {
            let (width, heads) = (self.hidden_size, self.num_attention_heads);
            let layers = self.num_hidden_layers;
            format!(
                "{layers} layers, {width} wide with {heads} heads: at most 1024, and heads of equal width"
            )
        } else if self.side() == 0 || self.num_channels != 3 {
            let (image, patch, channels) = (self.image_size, self.patch_size, self.num_channels);
            format!(
                "images of {image} pixels in {channels} channels have no patches of {patch}: there must be 3 channels"
            )
        } else {
            return Ok(());
        };
        Err(Error::config(format!("vision_config: {problem}")))
    }

    /// How many patches there are in a column and in a row.
    pub(super) fn side(&self) -> i32 {
        self.image_size / self.patch_size.max(1)
    }

    /// What the tower is like.
    pub(super) fn sizes(&self) -> Result<VitSizes> {
        let encoder = EncoderSizes {
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            inner: self.intermediate_size,
            heads: self.num_attention_heads,
            eps: self.layer_norm_eps,
            activation: Activation::named(&self.hidden_act)?,
        };
        let (patch, channels) = (self.patch_size, self.num_channels);
        Ok(VitSizes { encoder, patch, channels, side: self.side(), clip: false })
    }

    /// Images as the tower takes them, `[images, patches, numbers]`.
    ///
    /// # Errors
    /// They are not of the size that it takes.
    pub(super) fn patches(&self, images: &[Pixels]) -> Result<Array> {
        let [patch, side] = [self.patch_size, self.side()].map(|size| size.unsigned_abs() as usize);
        let taken = Size::square(side * patch);
        let mut values = Vec::new();
        for image in images {
            if image.size != taken {
                let problem = format!("images become {}, and the model takes {taken}", image.size);
                return Err(Error::Config { file: "preprocessor_config.json".into(), problem });
            }
            values.extend(Patches::cut(image, patch)?.values);
        }
        let count = i32::try_from(images.len()).unwrap_or(i32::MAX);
        let (side, patch) = (self.side(), self.patch_size);
        Ok(Array::from_vec(values, [count, side * side, 3 * patch * patch])?)
    }
}
