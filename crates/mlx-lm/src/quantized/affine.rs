//! Whole numbers with a scale and a zero point for each group: `(q - zero) · scale`.

use mlx_core::{Array, Dtype, Quantization, Quantized, Result as MlxResult};

use super::bits;
use super::layers::{Form, Layer};
use crate::Result;

/// A matrix `[rows, columns]` as most formats have it.
pub(super) struct Affine {
    /// `uint32` words `[rows, columns · bits / 32]`, the first number of a row in the lowest bits.
    pub(super) words: Array,
    pub(super) bits: i32,
    /// Floats `[rows, groups]`.
    pub(super) scales: Array,
    pub(super) zeros: Zeros,
    /// The group of each column, if the checkpoint lists them.
    pub(super) index: Option<Vec<i32>>,
}

/// The stored number that means zero.
pub(super) enum Zeros {
    Same(i32),
    /// One a group: `[rows, groups]`.
    Each(Array),
}

impl Affine {
    /// Puts the matrix in place of the layer's: as it is where MLX has such groups, else as floats.
    ///
    /// Groups wider than MLX's are split, which changes no number.
    pub(super) fn put(self, mut layer: Layer<'_>) -> Result<()> {
        let [rows, groups] = self.scales.dims()?;
        let [stored_rows, words] = self.words.dims()?;
        let columns = words.saturating_mul(32) / self.bits;
        if stored_rows != rows || columns.checked_rem(groups) != Some(0) || columns == 0 {
            let expected = format!("{rows} rows in {groups} groups, by the scales");
            return Err(layer.misfit("weight", &self.words, expected));
        }
        if let Zeros::Each(zeros) = &self.zeros
            && zeros.shape() != self.scales.shape()
        {
            return Err(layer.misfit("zeros", zeros, format!("{:?}", self.scales.shape())));
        }
        if let Some(index) = &self.index
            && index.len() != columns.unsigned_abs() as usize
        {
            return Err(layer.misfit(
                "weight",
                &self.words,
                format!("{} columns, by their groups", index.len()),
            ));
        }
        let dtype = layer.dtype(&self.scales);
        let width = columns / groups;
        let form = match mlx_group(width).filter(|_| self.is_in_order(width)) {
            Some(group_size) => self.quantized(group_size, width, dtype)?,
            None => self.dense(width, dtype)?,
        };
        layer.put(form);
        Ok(())
    }

    /// Whether groups are neighbouring columns.
    fn is_in_order(&self, width: i32) -> bool {
        let places = self.index.iter().flatten().zip(0..);
        places.into_iter().all(|(&group, column)| group == column / width)
    }

    fn quantized(self, group_size: i32, width: i32, dtype: Dtype) -> MlxResult<Form> {
        let split = |groups: Array| match width / group_size {
            1 => groups.contiguous(false),
            parts => groups.repeat(parts, -1),
        };
        // A number of few bits times a scale of 16 bits is exact in float32.
        let scales = self.scales.astype(dtype)?;
        let offsets = self.zeros.times(&scales.astype(Dtype::Float32)?)?;
        let biases = (-offsets)?.astype(dtype)?;
        let (scales, biases) = (split(scales)?, Some(split(biases)?));
        let scheme = Quantization::affine(self.bits, group_size);
        Ok(Form::Quantized(Quantized::new(self.words.contiguous(false)?, scales, biases, scheme)))
    }

    fn dense(self, width: i32, dtype: Dtype) -> MlxResult<Form> {
        let columns = [width * self.scales.dim(1)?];
        let index = self.index.as_ref().map(|index| Array::from_slice(index, columns)).transpose()?;
        let spread = |groups: &Array| match &index {
            Some(index) => groups.take(index, 1),
            None => groups.repeat(width, -1),
        };
        let numbers = bits::unpack(&self.words, self.bits)?.astype(Dtype::Float32)?;
        let shifted = match &self.zeros {
            Zeros::Same(zero) => numbers - *zero,
            Zeros::Each(zeros) => numbers - spread(&zeros.astype(Dtype::Float32)?)?,
        }?;
        let scales = spread(&self.scales.astype(Dtype::Float32)?)?;
        Ok(Form::Dense((shifted * scales)?.astype(dtype)?.contiguous(false)?))
    }
}

impl Zeros {
    fn times(&self, scales: &Array) -> MlxResult<Array> {
        match self {
            Self::Same(zero) => scales * *zero,
            Self::Each(zeros) => zeros.astype(Dtype::Float32)? * scales,
        }
    }
}

/// MLX's widest group that `width` is a multiple of.
fn mlx_group(width: i32) -> Option<i32> {
    [128, 64, 32].into_iter().find(|group| width % group == 0)
}
