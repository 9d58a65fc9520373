//! Codebooks of few dimensions, of which the vector of nearest direction is taken.
//!
//! Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN"; Siuzdak et al., "SNAC", in which a code may
//! stand for several elements.

use mlx_core::{Array, Conv, Result as MlxResult};
use mlx_nn::{Conv1d, Module};

use super::codebook::{Codebook, unit};
use super::reader::Reader;
use crate::Result;

/// A codebook between two projections.
#[derive(Module)]
pub(crate) struct Factorized {
    inward: Conv1d,
    outward: Conv1d,
    book: Codebook,
    directions: Codebook,
    /// How many elements a code stands for.
    pub(crate) stride: i32,
}

/// The sizes of such a codebook.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) width: i32,
    pub(crate) codes: i32,
    pub(crate) code_width: i32,
}

impl Factorized {
    pub(crate) fn load(r: &Reader, sizes: Sizes, stride: i32) -> Result<Self> {
        let Sizes { width, codes, code_width } = sizes;
        let vectors = r.floats("codebook.weight", [codes, code_width])?;
        Ok(Self {
            inward: r.at("in_proj").conv([code_width, width], 1, Conv::default(), true)?,
            outward: r.at("out_proj").conv([width, code_width], 1, Conv::default(), true)?,
            directions: Codebook { vectors: unit(&vectors)? },
            book: Codebook { vectors },
            stride,
        })
    }

    /// The codes of `x`, and what they stand for: `[1, time, width] -> [time / stride], [1, time, width]`.
    pub(crate) fn encode(&self, x: &Array) -> MlxResult<(Array, Array)> {
        let [batch, length, width] = x.dims()?;
        let means = match self.stride {
            1 => x.clone(),
            stride => x.reshape([batch, length / stride, stride, width])?.mean(2)?,
        };
        let inner = self.inward.forward(&means)?.squeeze(0)?;
        let codes = self.directions.nearest(&unit(&inner)?)?;
        let meant = self.decode(&codes)?;
        Ok((codes, meant))
    }

    /// `[time] -> [1, time · stride, width]`.
    pub(crate) fn decode(&self, codes: &Array) -> MlxResult<Array> {
        let vectors = self.outward.forward(&self.book.look_up(codes)?.expand_dims(0)?)?;
        if self.stride == 1 { Ok(vectors) } else { vectors.repeat(self.stride, 1) }
    }
}

/// The codes of each book for what the others before it leave.
pub(crate) fn encode(books: &[Factorized], x: &Array) -> MlxResult<Vec<Array>> {
    let mut left = x.clone();
    let mut each = |book: &Factorized| {
        let (codes, meant) = book.encode(&left)?;
        left = (&left - meant)?;
        Ok(codes)
    };
    books.iter().map(&mut each).collect()
}

/// The sum of what codes `[time / stride]` of each book stand for: `[1, time, width]`.
pub(crate) fn decode<'a>(
    books: &[Factorized],
    codes: impl IntoIterator<Item = &'a Array>,
) -> MlxResult<Option<Array>> {
    let mut parts = books.iter().zip(codes).map(|(book, codes)| book.decode(codes));
    let Some(first) = parts.next() else { return Ok(None) };
    parts.try_fold(first?, |sum, part| sum + part?).map(Some)
}
