//! GPTQ as AutoGPTQ and GPTQModel write it: numbers packed down the inputs, `[inputs · bits / 32, outputs]`.
//!
//! A column of it is a row of MLX's, bit by bit. Version 1 of the format stores zero points less one.

use std::fmt;

use mlx_core::{Array, Dtype};
use serde::Deserialize;

use super::affine::{Affine, Zeros};
use super::layers::{Layer, Layers};
use super::{bits, refusal};
use crate::Result;

/// Its settings.
#[derive(Debug, Deserialize)]
pub(crate) struct Gptq {
    bits: i32,
    group_size: i32,
    checkpoint_format: Option<String>,
    #[serde(default)]
    is_marlin_format: bool,
}

impl Gptq {
    /// Checks that the settings are known.
    pub(super) fn checked(self) -> Result<Self> {
        if !BITS.contains(&self.bits) {
            return Err(refusal(format!("bits is {}: GPTQ has 2, 3, 4 or 8", self.bits)));
        }
        if self.group_size < 1 && self.group_size != -1 {
            return Err(refusal(format!("group_size is {}: it is at least 1, or -1", self.group_size)));
        }
        let format = if self.is_marlin_format { Some("marlin") } else { self.checkpoint_format.as_deref() };
        match format {
            None | Some("gptq" | "gptq_v2") => Ok(self),
            Some(other) => {
                Err(refusal(format!("checkpoint_format `{other}` is not supported (known: gptq, gptq_v2)")))
            }
        }
    }

    pub(super) fn convert(&self, layers: &mut Layers<'_>) -> Result<()> {
        for path in layers.with("qweight") {
            layers.let_zero_bias_idle(&path)?;
            self.layer(layers.at(path))?;
        }
        Ok(())
    }

    fn layer(&self, mut layer: Layer<'_>) -> Result<()> {
        let words = layer.words("qweight")?.t()?;
        let scales = layer.scales("scales")?.t()?;
        let zeros = layer.words("qzeros")?;
        let [_, groups] = scales.dims()?;
        let index = group_index(&mut layer, "g_idx", groups)?;
        let bits = match &index {
            Some(index) => stored_bits(&words, index, &layer)?,
            None => self.bits,
        };
        let zeros = self.zeros(&zeros, bits)?.t()?;
        let zeros = Zeros::Each(zeros);
        Affine { words, bits, scales, zeros, index }.put(layer)
    }

    /// The zero points `[groups, outputs]`.
    fn zeros(&self, packed: &Array, bits: i32) -> Result<Array> {
        let stored = bits::unpack(packed, bits)?;
        if self.checkpoint_format.as_deref() == Some("gptq_v2") {
            return Ok(stored);
        }
        // Zero itself is stored as the greatest number.
        let mask = Array::from_slice(&[(1_u32 << bits) - 1], [1])?;
        Ok(((stored + Array::from_slice(&[1_u32], [1])?)? & mask)?)
    }
}

/// What a number may take.
const BITS: [i32; 4] = [2, 3, 4, 8];

/// The bits of a number in `words`, where `index` has one entry for each: some layers are kept wider.
fn stored_bits(words: &Array, index: &[i32], layer: &Layer<'_>) -> Result<i32> {
    let [_, width] = words.dims()?;
    let stored = i64::from(width) * 32;
    let fit = |bits: &i32| i64::from(*bits) * index.len() as i64 == stored;
    let expected = || format!("one input for each of {} numbers of 2, 3, 4 or 8 bits", index.len());
    BITS.into_iter().find(fit).ok_or_else(|| layer.misfit("qweight", words, expected()))
}

/// The group of each column by the array `part`, if there is one.
pub(super) fn group_index(layer: &mut Layer<'_>, part: &str, groups: i32) -> Result<Option<Vec<i32>>> {
    if layer.dtype_of(part).is_none() {
        return Ok(None);
    }
    let stored = layer.need(part, &[Dtype::Int32, Dtype::Int64], 1)?;
    let index = stored.astype(Dtype::Int32)?.to_vec::<i32>()?;
    if index.iter().all(|&group| group == -1) {
        // What compressed-tensors stores where it has none.
        return Ok(None);
    }
    if index.iter().any(|group| !(0..groups).contains(group)) {
        return Err(layer.misfit(part, &stored, format!("groups below {groups}")));
    }
    Ok(Some(index))
}

impl fmt::Display for Gptq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group_size {
            -1 => write!(f, "GPTQ {}-bit, one group a row", self.bits),
            size => write!(f, "GPTQ {}-bit, groups of {size}", self.bits),
        }
    }
}
