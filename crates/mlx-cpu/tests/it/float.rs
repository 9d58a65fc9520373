//! Numbers of any type, made of singles and read as doubles.

use half::{bf16, f16};
use mlx_cpu::{Numbers, NumbersMut};

/// Owned numbers of one of the types.
#[derive(Clone, Debug)]
pub(crate) enum Floats {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

/// Which type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Type {
    F32,
    F16,
    Bf16,
}

pub(crate) const TYPES: [Type; 3] = [Type::F32, Type::F16, Type::Bf16];

impl Type {
    /// Half the distance of neighbours near 1.
    pub(crate) fn rounding(self) -> f64 {
        match self {
            Self::F32 => 6e-8,
            Self::F16 => 4.9e-4,
            Self::Bf16 => 3.91e-3,
        }
    }
}

impl Floats {
    pub(crate) fn new(of: Type, numbers: &[f32]) -> Self {
        match of {
            Type::F32 => Self::F32(numbers.to_vec()),
            Type::F16 => Self::F16(numbers.iter().map(|&x| f16::from_f32(x)).collect()),
            Type::Bf16 => Self::Bf16(numbers.iter().map(|&x| bf16::from_f32(x)).collect()),
        }
    }

    /// So many of what a kernel has to write over.
    pub(crate) fn unwritten(of: Type, count: usize) -> Self {
        Self::new(of, &vec![f32::NAN; count])
    }

    pub(crate) fn get(&self) -> Numbers<'_> {
        match self {
            Self::F32(all) => Numbers::F32(all),
            Self::F16(all) => Numbers::F16(all),
            Self::Bf16(all) => Numbers::Bf16(all),
        }
    }

    pub(crate) fn get_mut(&mut self) -> NumbersMut<'_> {
        match self {
            Self::F32(all) => NumbersMut::F32(all),
            Self::F16(all) => NumbersMut::F16(all),
            Self::Bf16(all) => NumbersMut::Bf16(all),
        }
    }

    pub(crate) fn doubles(&self) -> Vec<f64> {
        match self {
            Self::F32(all) => all.iter().map(|&x| f64::from(x)).collect(),
            Self::F16(all) => all.iter().map(|x| x.to_f64()).collect(),
            Self::Bf16(all) => all.iter().map(|x| x.to_f64()).collect(),
        }
    }
}

/// Checks that each number is as exact as its type and some errors of singles allow, in units of `size`.
#[track_caller]
pub(crate) fn assert_near(
    of: Type,
    found: &Floats,
    expected: &[f64],
    size: impl Fn(f64) -> f64,
    singles: f64,
) {
    let found = found.doubles();
    assert_eq!(found.len(), expected.len());
    // Below this, halves have fewer digits.
    let least = if of == Type::F16 { 6.2e-5 } else { 1e-35 };
    for (at, (found, &exact)) in found.iter().zip(expected).enumerate() {
        let allowed = of.rounding() * exact.abs().max(least) + singles * 6e-8 * size(exact);
        assert!((found - exact).abs() <= allowed, "{of:?}, number {at}: {found} is not {exact}");
    }
}
