//! Numbers that look random, of any type.

use std::fmt;
use std::ops::Range;

use half::{bf16, f16};
use mlx_cpu::{Numbers, NumbersMut};

/// A type of number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
}

/// Numbers of one type.
pub(crate) enum Store {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

impl Kind {
    /// Bytes of a number.
    pub(crate) fn size(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl Store {
    /// Numbers between -1 and 1.
    pub(crate) fn random(kind: Kind, count: usize) -> Self {
        let singles = random().take(count).map(|word| word as f32 / 2_147_483_648.0 - 1.0);
        match kind {
            Kind::F32 => Self::F32(singles.collect()),
            Kind::F16 => Self::F16(singles.map(f16::from_f32).collect()),
            Kind::Bf16 => Self::Bf16(singles.map(bf16::from_f32).collect()),
        }
    }

    pub(crate) fn all(&self) -> Numbers<'_> {
        match self {
            Self::F32(all) => Numbers::F32(all),
            Self::F16(all) => Numbers::F16(all),
            Self::Bf16(all) => Numbers::Bf16(all),
        }
    }

    pub(crate) fn all_mut(&mut self) -> NumbersMut<'_> {
        match self {
            Self::F32(all) => NumbersMut::F32(all),
            Self::F16(all) => NumbersMut::F16(all),
            Self::Bf16(all) => NumbersMut::Bf16(all),
        }
    }

    /// One of the pieces of `size` numbers.
    pub(crate) fn piece(&self, at: usize, size: usize) -> Numbers<'_> {
        let range = range(at, size);
        match self {
            Self::F32(all) => Numbers::F32(&all[range]),
            Self::F16(all) => Numbers::F16(&all[range]),
            Self::Bf16(all) => Numbers::Bf16(&all[range]),
        }
    }

    /// One of the pieces of `size` numbers, to write.
    pub(crate) fn piece_mut(&mut self, at: usize, size: usize) -> NumbersMut<'_> {
        let range = range(at, size);
        match self {
            Self::F32(all) => NumbersMut::F32(&mut all[range]),
            Self::F16(all) => NumbersMut::F16(&mut all[range]),
            Self::Bf16(all) => NumbersMut::Bf16(&mut all[range]),
        }
    }
}

/// Words of which each bit looks random.
pub(crate) fn random() -> impl Iterator<Item = u32> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1_u32), next).map(|state| state.rotate_right(16))
}

fn range(at: usize, size: usize) -> Range<usize> {
    at * size..(at + 1) * size
}
