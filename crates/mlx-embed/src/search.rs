//! The vectors that are closest to others.

use std::cmp::Ordering;

use mlx_core::{Array, Dtype, Result as MlxResult, keep};

use crate::pipeline::normalized;
use crate::{Error, Result};

/// How close two vectors are: the greater, the closer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Similarity {
    /// The cosine of the angle between them.
    #[default]
    Cosine,
    /// Their dot product.
    Dot,
    /// Their distance, negative.
    Euclidean,
}

impl Similarity {
    /// Of each of `queries` `[n, width]` to each of `vectors` `[m, width]`: `[n, m]`, `float32`.
    pub fn between(self, queries: &Array, vectors: &Array) -> MlxResult<Array> {
        let (queries, vectors) = (queries.astype(Dtype::Float32)?, vectors.astype(Dtype::Float32)?);
        match self {
            Self::Cosine => normalized(&queries)?.matmul(normalized(&vectors)?.t()?),
            Self::Dot => queries.matmul(vectors.t()?),
            Self::Euclidean => {
                let squares = (queries.square()?.sum(keep(-1))? + vectors.square()?.sum(-1)?)?;
                (squares - (queries.matmul(vectors.t()?)? * 2.0)?)?.maximum(0.0)?.sqrt()? * -1.0
            }
        }
    }
}

/// A vector that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its row.
    pub index: usize,
    /// How close it is.
    pub score: f32,
}

/// Rows of vectors that are compared at once.
const ROWS: i32 = 1 << 16;

/// The `k` of `vectors` `[m, width]` that are closest to each of `queries` `[n, width]`, the closest first, of equally
/// close ones the earlier.
///
/// # Errors
/// Queries and vectors are not equally wide, or have other than two axes.
pub fn search(queries: &Array, vectors: &Array, k: usize, similarity: Similarity) -> Result<Vec<Vec<Hit>>> {
    let ([count, width], [rows, stored]) = (queries.dims()?, vectors.dims()?);
    if width != stored {
        let range = format!("the vectors that are searched have {stored} elements");
        return Err(Error::Option { option: "the width of queries", value: width.into(), range });
    }
    let mut found = vec![Vec::new(); usize::try_from(count).unwrap_or(0)];
    for start in (0..rows).step_by(ROWS as usize) {
        let part = vectors.index(start..(start + ROWS).min(rows))?;
        let length = (rows - start).min(ROWS).unsigned_abs() as usize;
        let scores: Vec<f32> = similarity.between(queries, &part)?.to_vec()?;
        for (hits, scores) in found.iter_mut().zip(scores.chunks(length.max(1))) {
            let places = start.unsigned_abs() as usize..;
            hits.extend(places.zip(scores).map(|(index, &score)| Hit { index, score }));
            keep_best(hits, k);
        }
    }
    Ok(found)
}

/// Leaves the `k` closest, in order.
fn keep_best(hits: &mut Vec<Hit>, k: usize) {
    let closer = |a: &Hit, b: &Hit| match b.score.total_cmp(&a.score) {
        Ordering::Equal => a.index.cmp(&b.index),
        order => order,
    };
    if k > 0 && hits.len() > k {
        hits.select_nth_unstable_by(k - 1, closer);
    }
    hits.truncate(k);
    hits.sort_unstable_by(closer);
}
