//! Codebooks of which the nearest vector is taken, and what is left is looked up in the next.
//!
//! Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec".

use mlx_core::{Array, Dtype, Result as MlxResult, keep, stack};
use mlx_nn::Module;

/// A codebook of `[codes, width]`.
#[derive(Module)]
pub(crate) struct Codebook {
    pub(crate) vectors: Array,
}

impl Codebook {
    /// The nearest vector of each row: `[time, width] -> [time]`.
    pub(crate) fn nearest(&self, x: &Array) -> MlxResult<Array> {
        let lengths = self.vectors.square()?.sum(-1)?;
        let products = x.matmul(&self.vectors.t()?)?;
        // The length of `x` is the same for all, so it decides nothing.
        (lengths - (products * 2.0)?)?.argmin(-1)?.astype(Dtype::Int32)
    }

    /// `[time] -> [time, width]`.
    pub(crate) fn look_up(&self, codes: &Array) -> MlxResult<Array> {
        self.vectors.take(codes, 0)
    }
}

/// Codebooks, one for what the others before it leave.
#[derive(Module)]
pub(crate) struct Residual {
    pub(crate) books: Vec<Codebook>,
}

impl Residual {
    /// Codes of the first `count` books: `[time, width] -> [count, time]`.
    pub(crate) fn encode(&self, x: &Array, count: usize) -> MlxResult<Array> {
        let (mut left, mut all) = (x.clone(), Vec::new());
        for book in self.books.iter().take(count) {
            let codes = book.nearest(&left)?;
            left = (left - book.look_up(&codes)?)?;
            all.push(codes);
        }
        stack(&all, 0)
    }

    /// `[books, time] -> [time, width]`, for at least one book.
    pub(crate) fn decode(&self, codes: &Array) -> MlxResult<Array> {
        let found = self.books.iter().zip(codes.unstack(0)?).map(|(book, codes)| book.look_up(&codes));
        let found: Vec<_> = found.collect::<MlxResult<_>>()?;
        stack(&found, 0)?.sum(0)
    }
}

/// Rows of length 1; those that are all but zero stay short.
pub(crate) fn unit(x: &Array) -> MlxResult<Array> {
    x / x.square()?.sum(keep(-1))?.sqrt()?.maximum(1e-12)?
}
