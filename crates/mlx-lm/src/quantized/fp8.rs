//! Floats of 8 bits (E4M3) with scales for a tensor, a row, a group or a block.
//!
//! They become wider floats: MLX has such numbers only with scales that are powers of two.

use std::fmt;

use mlx_core::{Array, Dtype};
use serde::Deserialize;

use super::layers::{FLOATS, Form, Layer, Layers};
use super::refusal;
use crate::Result;

/// Its settings.
#[derive(Debug, Deserialize)]
pub(crate) struct Fp8 {
    fmt: Option<String>,
    weight_block_size: Option<Block>,
}

/// Rows and columns that share a scale.
pub(super) type Block = [i32; 2];

impl Fp8 {
    /// Checks that the settings are known.
    pub(super) fn checked(self) -> Result<Self> {
        match self.fmt.as_deref() {
            None | Some("e4m3" | "float8_e4m3fn") => {}
            Some(other) => return Err(refusal(format!("fmt `{other}` is not supported (known: e4m3)"))),
        }
        check_block("weight_block_size", self.weight_block_size)?;
        Ok(self)
    }

    pub(super) fn convert(&self, layers: &mut Layers<'_>) -> Result<()> {
        layers.forget(&ACTIVATIONS);
        for part in ["weight_scale_inv", "weight_scale"] {
            for path in layers.with(part) {
                put(layers.at(path), part, self.weight_block_size)?;
            }
        }
        Ok(())
    }
}

/// Scales of activations and of cached keys and values, which stay floats here.
pub(super) const ACTIVATIONS: [&str; 6] =
    ["input_scale", "output_scale", "activation_scale", "q_scale", "k_scale", "v_scale"];

pub(super) fn check_block(field: &str, block: Option<Block>) -> Result<()> {
    match block {
        Some(sides) if sides.iter().any(|&side| side < 1) => {
            Err(refusal(format!("{field} is {sides:?}: its sides are at least 1")))
        }
        _ => Ok(()),
    }
}

/// Replaces the codes of a layer by floats: each times its scale in `part`.
pub(super) fn put(mut layer: Layer<'_>, part: &str, block: Option<Block>) -> Result<()> {
    let codes = layer.need("weight", &[Dtype::Uint8], 2)?;
    let Some(scales) = layer.take(part) else { return Err(layer.misfit(part, &codes, "scales")) };
    let shape = codes.dims()?;
    let Some(spread) = spread(&scales, shape, block)? else {
        let blocks = block.map_or("or a row or group".to_owned(), |block| format!("in blocks of {block:?}"));
        return Err(layer.misfit(part, &scales, format!("scales for {shape:?} {blocks}")));
    };
    let values = codes.from_fp8(Dtype::Float32)? * spread;
    let weight = values?.astype(layer.dtype(&scales))?;
    layer.put(Form::Dense(weight));
    Ok(())
}

/// Scales that broadcast with a matrix `[rows, columns]`; none if they are for another.
fn spread(scales: &Array, [rows, columns]: [i32; 2], block: Option<Block>) -> Result<Option<Array>> {
    let Some(floats) = floats(scales)? else { return Ok(None) };
    let floats = match (floats.shape(), block) {
        ([] | [1] | [1, 1], _) => return Ok(Some(floats.reshape([1, 1])?)),
        (&[count], None) if count == rows => floats.reshape([rows, 1])?,
        (&[count, 1], None) if count == rows => floats,
        (&[count, groups], None) if count == rows && columns.checked_rem(groups) == Some(0) => {
            floats.repeat(columns / groups, 1)?
        }
        (&[down, across], Some([height, width]))
            if down == blocks(rows, height) && across == blocks(columns, width) =>
        {
            floats.repeat(height.min(rows), 0)?.repeat(width.min(columns), 1)?.index((..rows, ..columns))?
        }
        _ => return Ok(None),
    };
    Ok(Some(floats))
}

/// Scales as `float32`. Those of one byte are powers of two: their exponents, as a `float32` has them.
fn floats(scales: &Array) -> Result<Option<Array>> {
    /// The bits of 2^-127, which the exponent 0 stands for.
    const LEAST: u32 = 1 << 22;
    if scales.dtype() == Dtype::Uint8 {
        let exponents = scales.astype(Dtype::Uint32)?;
        let bits = (exponents << Array::from_slice(&[23_u32], [1])?)?;
        let floats = bits.maximum(Array::from_slice(&[LEAST], [1])?)?.view(Dtype::Float32)?;
        return Ok(Some(floats.reshape(scales.shape())?));
    }
    Ok(if FLOATS.contains(&scales.dtype()) { Some(scales.astype(Dtype::Float32)?) } else { None })
}

/// How many blocks of `side` cover `length`.
fn blocks(length: i32, side: i32) -> i32 {
    length.div_euclid(side) + i32::from(length.rem_euclid(side) != 0)
}

impl fmt::Display for Fp8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.weight_block_size {
            Some([rows, columns]) => write!(f, "FP8 in blocks of {rows} x {columns}"),
            None => f.write_str("FP8"),
        }
    }
}
