//! BitNet's ternary weights: four outputs a byte, a quarter of all outputs apart, and one scale for all.
//!
//! Wang et al. 2023 and transformers' `bitnet`. Activations stay floats.

use std::fmt;

use mlx_core::{Array, Dtype};
use serde::Deserialize;

use super::affine::{Affine, Zeros};
use super::layers::{FLOATS, Layer, Layers};
use super::{bits, refusal};
use crate::Result;

/// Its settings.
#[derive(Debug, Deserialize)]
pub(crate) struct BitNet {
    linear_class: Option<String>,
    quantization_mode: Option<String>,
    #[serde(default)]
    use_rms_norm: bool,
}

impl BitNet {
    /// Checks that the settings are known.
    pub(super) fn checked(self) -> Result<Self> {
        match self.linear_class.as_deref() {
            None | Some("bitlinear" | "autobitlinear") => {}
            Some(other) => {
                let known = "known: bitlinear, autobitlinear";
                return Err(refusal(format!("linear_class `{other}` is not supported ({known})")));
            }
        }
        match self.quantization_mode.as_deref() {
            None | Some("offline") => {}
            Some(other) => {
                let known = "known: offline";
                return Err(refusal(format!("quantization_mode `{other}` is not supported ({known})")));
            }
        }
        if self.use_rms_norm {
            return Err(refusal("use_rms_norm is not supported: only layers without a norm of their own"));
        }
        Ok(self)
    }

    pub(super) fn convert(&self, layers: &mut Layers<'_>) -> Result<()> {
        layers.with("weight_scale").into_iter().try_for_each(|path| self.layer(layers.at(path)))
    }

    fn layer(&self, mut layer: Layer<'_>) -> Result<()> {
        let stored = layer.need("weight", &[Dtype::Uint8], 2)?;
        let scale = layer.need("weight_scale", &FLOATS, 1)?;
        let [quarter, columns] = stored.dims()?;
        if scale.size() != 1 {
            return Err(layer.misfit("weight_scale", &scale, "one scale"));
        }
        if columns % 16 != 0 {
            return Err(layer.misfit("weight", &stored, "a number of inputs that 16 divides"));
        }
        let quarters = Array::from_slice(&[0_u32, 2, 4, 6], [4, 1, 1])?;
        let digits = ((stored.astype(Dtype::Uint32)? >> quarters)? & Array::from_slice(&[3_u32], [1])?)?;
        let words = bits::pack(&digits.flatten(0, 1)?, 2)?;
        let scale = match self.linear_class.as_deref() {
            Some("autobitlinear") => scale,
            _ => (1.0 / &scale.astype(Dtype::Float32)?)?.astype(layer.dtype(&scale))?,
        };
        let scales = scale.reshape([1, 1])?.broadcast_to([quarter.saturating_mul(4), 1])?;
        Affine { words, bits: 2, scales, zeros: Zeros::Same(1), index: None }.put(layer)
    }
}

impl fmt::Display for BitNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BitNet, ternary")
    }
}
