//! A tensor read from a GGUF file: dense, or quantized in MLX's affine layout.

use half::{bf16, f16};

use super::quant::unpack;

/// A shape and the elements that fill it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Row-major.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Data,
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// Half floats.
    F16(Vec<f16>),
    /// Brain floats.
    Bf16(Vec<bf16>),
    /// Quantized weights.
    Affine(Affine),
}

/// Weights in MLX's affine layout: `w = scale * q + bias`, one scale and bias for a group.
///
/// For a tensor `[.., n]` the weight is `[.., n * bits / 32]`, scales and biases are
/// `[.., n / group_size]`. The numbers `q` are one little-endian bit stream along a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Bits of one weight.
    pub bits: u8,
    /// Weights that share a scale and a bias.
    pub group_size: usize,
    /// The packed numbers `q`.
    pub weight: Vec<u32>,
    /// One factor for each group.
    pub scales: Floats,
    /// One addend for each group, of the same type as the scales.
    pub biases: Floats,
}

/// Half floats where they hold every value exactly, else 32-bit floats.
#[derive(Clone, Debug, PartialEq)]
pub enum Floats {
    /// Half floats.
    F16(Vec<f16>),
    /// 32-bit floats.
    F32(Vec<f32>),
}

impl Tensor {
    /// The elements as 32-bit floats, dequantized if they are packed.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.data {
            Data::F32(values) => values.clone(),
            Data::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Data::Bf16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Data::Affine(affine) => affine.dequantize(),
        }
    }
}

impl Affine {
    fn dequantize(&self) -> Vec<f32> {
        let groups = self.scales.to_f32().into_iter().zip(self.biases.to_f32());
        let mut values = unpack(&self.weight, self.bits);
        for (group, (scale, bias)) in values.chunks_mut(self.group_size).zip(groups) {
            group.iter_mut().for_each(|value| *value = scale * *value + bias);
        }
        values
    }
}

impl Floats {
    /// The values as 32-bit floats.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
            Self::F32(values) => values.clone(),
        }
    }

    /// Scales and biases as half floats if all of them are exact in it, else as they are.
    pub(super) fn narrow(scales: Vec<f32>, biases: Vec<f32>) -> (Self, Self) {
        let exact = |value: &f32| f16::from_f32(*value).to_f32() == *value;
        if scales.iter().chain(&biases).all(exact) {
            let narrow = |values: Vec<f32>| Self::F16(values.into_iter().map(f16::from_f32).collect());
            (narrow(scales), narrow(biases))
        } else {
            (Self::F32(scales), Self::F32(biases))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_half_floats_only_where_exact() {
        assert!(matches!(Floats::narrow(vec![0.5], vec![-64.0]), (Floats::F16(_), Floats::F16(_))));
        let too_large = Floats::narrow(vec![1024.0], vec![-128.0 * 1024.0]);
        assert_eq!(too_large, (Floats::F32(vec![1024.0]), Floats::F32(vec![-131072.0])));
    }
}
