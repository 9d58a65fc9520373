//! Vectors in fewer bytes.

use std::str::FromStr;

use mlx_core::{Array, Dtype, Result as MlxResult};

use crate::{Error, Result};

/// How elements of vectors are stored, by the names that sentence-transformers has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    #[default]
    Float32,
    /// One of 256 steps between the least and the greatest value of an element, from -128.
    Int8,
    /// The same, from 0.
    Uint8,
    /// Whether an element is above 0, in eight of a byte, the first one highest. Bytes are less 128.
    Binary,
    /// The same, with bytes as they are.
    Ubinary,
}

impl Coding {
    /// All of them, by their names.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("float32", Self::Float32),
        ("int8", Self::Int8),
        ("uint8", Self::Uint8),
        ("binary", Self::Binary),
        ("ubinary", Self::Ubinary),
    ];

    /// Whether elements are bytes, whose steps lie within ranges.
    pub fn has_ranges(self) -> bool {
        matches!(self, Self::Int8 | Self::Uint8)
    }

    /// Codes vectors `[texts, width]`. The steps of bytes are between the `ranges` of elements, `[2, width]`; those of
    /// these vectors without them, as [`ranges`] gives them.
    ///
    /// Bits give `[texts, width / 8]`.
    ///
    /// # Errors
    /// The ranges are not those of vectors so wide, or bits do not fill bytes.
    pub fn code(self, vectors: &Array, ranges: Option<&Array>) -> Result<Array> {
        Ok(match self {
            Self::Float32 => vectors.clone(),
            Self::Int8 => signed(&steps(vectors, ranges)?)?,
            Self::Uint8 => steps(vectors, ranges)?,
            Self::Binary => signed(&bits(vectors)?)?,
            Self::Ubinary => bits(vectors)?,
        })
    }
}

impl FromStr for Coding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, coding)| *coding)
            .ok_or_else(|| format!("`{name}` is none of {}", Self::NAMES.map(|(known, _)| known).join(", ")))
    }
}

/// The least and the greatest value of each element of some vectors `[texts, width]`: `[2, width]`. Those of many texts
/// serve for any that follow.
pub fn ranges(vectors: &Array) -> MlxResult<Array> {
    mlx_core::stack(&[vectors.min(0)?, vectors.max(0)?], 0)
}

/// Bytes less 128.
fn signed(bytes: &Array) -> MlxResult<Array> {
    (bytes.astype(Dtype::Int16)? - 128)?.astype(Dtype::Int8)
}

/// Whole steps from 0 to 255.
fn steps(vectors: &Array, given: Option<&Array>) -> Result<Array> {
    let width = vectors.dim(-1)?;
    let own = given.is_none().then(|| ranges(vectors)).transpose()?;
    let Some(ranges) = given.or(own.as_ref()).filter(|ranges| ranges.shape() == [2, width]) else {
        let value = given.map_or(0, |ranges| ranges.shape().last().copied().unwrap_or(0)).into();
        let range = format!("the ranges of vectors of {width} elements are [2, {width}]");
        return Err(Error::Option { option: "ranges", value, range });
    };
    let (least, greatest) = (ranges.index(0)?, ranges.index(1)?);
    let step = ((greatest - &least)? / 255.0)?;
    // An element that is always the same has no steps.
    let step = mlx_core::select(&step.greater(0.0)?, &step, 1.0)?;
    Ok(((vectors - &least)? / step)?.clip(0.0..=255.0)?.astype(Dtype::Uint8)?)
}

/// Signs in bytes.
fn bits(vectors: &Array) -> Result<Array> {
    let [texts, width] = vectors.dims()?;
    if width % 8 != 0 {
        let range = "a vector in bits must fill bytes: choose a multiple of 8".into();
        return Err(Error::Option { option: "dimensions", value: width.into(), range });
    }
    let places = Array::from([128_u8, 64, 32, 16, 8, 4, 2, 1]);
    let signs = vectors.greater(0.0)?.astype(Dtype::Uint8)?.reshape([texts, width / 8, 8])?;
    Ok((signs * places)?.sum(-1)?.astype(Dtype::Uint8)?)
}
