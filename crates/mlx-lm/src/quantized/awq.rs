//! AWQ as AutoAWQ writes it for its `gemm` kernel: `[inputs, outputs / 8]`, eight outputs a word.

use std::fmt;

use mlx_core::{Array, Result as MlxResult};
use serde::Deserialize;

use super::affine::{Affine, Zeros};
use super::layers::{Layer, Layers};
use super::{bits, refusal};
use crate::Result;

/// Its settings.
#[derive(Debug, Deserialize)]
pub(crate) struct Awq {
    #[serde(alias = "w_bit")]
    bits: i32,
    #[serde(alias = "q_group_size")]
    group_size: i32,
    version: Option<String>,
}

impl Awq {
    /// Checks that the settings are known.
    pub(super) fn checked(self) -> Result<Self> {
        if self.bits != 4 {
            return Err(refusal(format!("bits is {}: AWQ has 4", self.bits)));
        }
        match self.version.as_deref() {
            Some(other) if !other.eq_ignore_ascii_case("gemm") => {
                Err(refusal(format!("version `{other}` of AWQ is not supported (known: gemm)")))
            }
            _ => Ok(self),
        }
    }

    pub(super) fn convert(&self, layers: &mut Layers<'_>) -> Result<()> {
        layers.with("qweight").into_iter().try_for_each(|path| self.layer(layers.at(path)))
    }

    fn layer(&self, mut layer: Layer<'_>) -> Result<()> {
        let stored = layer.words("qweight")?;
        if stored.dim(0)? % 8 != 0 {
            return Err(layer.misfit("qweight", &stored, "a number of inputs that 8 divides"));
        }
        let words = bits::pack(&numbers(&stored)?.t()?, self.bits)?;
        let scales = layer.scales("scales")?.t()?;
        let zeros = numbers(&layer.words("qzeros")?)?.t()?;
        Affine { words, bits: self.bits, scales, zeros: Zeros::Each(zeros), index: None }.put(layer)
    }
}

/// The numbers in `words`, whose four bits hold the columns 0, 2, 4, 6, 1, 3, 5 and 7 from the lowest on.
fn numbers(words: &Array) -> MlxResult<Array> {
    bits::unpack_in_order(words, &Array::from_slice(&[0_u32, 16, 4, 20, 8, 24, 12, 28], [8])?, 4)
}

impl fmt::Display for Awq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AWQ {}-bit, groups of {}", self.bits, self.group_size)
    }
}
