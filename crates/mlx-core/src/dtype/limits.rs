//! What a type can hold.

use half::{bf16, f16};

use crate::Dtype;

/// What a floating-point type can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatInfo {
    /// The type; for complex numbers, that of their parts.
    pub dtype: Dtype,
    /// Bits of one number.
    pub bits: u32,
    /// The least finite number.
    pub min: f64,
    /// The greatest finite number.
    pub max: f64,
    /// The step from 1 to the next number.
    pub eps: f64,
    /// The least positive number of full precision.
    pub smallest_normal: f64,
}

/// What a type of whole numbers can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntInfo {
    /// The type.
    pub dtype: Dtype,
    /// Bits of one number.
    pub bits: u32,
    /// The least number.
    pub min: i64,
    /// The greatest number.
    pub max: u64,
}

macro_rules! float_info {
    ($dtype:expr, $rust:ty) => {
        FloatInfo {
            dtype: $dtype,
            bits: 8 * size_of::<$rust>() as u32,
            min: <$rust>::MIN.into(),
            max: <$rust>::MAX.into(),
            eps: <$rust>::EPSILON.into(),
            smallest_normal: <$rust>::MIN_POSITIVE.into(),
        }
    };
}

impl Dtype {
    /// What this floating-point type can hold; `None` for other types.
    pub fn finfo(self) -> Option<FloatInfo> {
        match self {
            Self::Float16 => Some(float_info!(self, f16)),
            Self::Bfloat16 => Some(float_info!(self, bf16)),
            Self::Float32 | Self::Complex64 => Some(float_info!(Self::Float32, f32)),
            Self::Float64 => Some(float_info!(self, f64)),
            _ => None,
        }
    }

    /// What this type of whole numbers can hold; `None` for other types.
    pub fn iinfo(self) -> Option<IntInfo> {
        let bits = 8 * self.size() as u32;
        let (min, max) = match (self.is_integer(), self.is_signed()) {
            (false, _) => return None,
            (true, true) => (i64::MIN >> (64 - bits), u64::MAX >> (65 - bits)),
            (true, false) => (0, u64::MAX >> (64 - bits)),
        };
        Some(IntInfo { dtype: self, bits, min, max })
    }

    /// Whether every number between the two is one of this type, or near one.
    pub(crate) fn spans(self, first: f64, last: f64) -> bool {
        self.iinfo().is_none_or(|IntInfo { min, max, .. }| {
            [first, last].iter().all(|&end| end >= min as f64 && end <= max as f64)
        })
    }
}
