//! Parts of a data set in random order.

use mlx_core::random::{Key, permutation_arange};
use mlx_core::{Array, Result};

/// Indices of batches, without an end: each round has every index once, but for those that do not fill a batch.
///
/// ```
/// use mlx_core::random::Key;
/// use mlx_examples::Batches;
///
/// let mut batches = Batches::new(10, 4, Key::new(0)?);
/// let (first, second) = (batches.next_batch()?.to_vec::<u32>()?, batches.next_batch()?.to_vec::<u32>()?);
/// assert!(first.len() == 4 && first.iter().all(|index| *index < 10 && !second.contains(index)));
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    count: i32,
    size: i32,
    key: Key,
    round: Option<Array>,
    at: i32,
}

impl Batches {
    /// Batches of `size` of the indices below `count`.
    pub fn new(count: usize, size: usize, key: Key) -> Self {
        Self { count: count as i32, size: size as i32, key, round: None, at: 0 }
    }

    /// How many batches a round has.
    pub fn per_round(&self) -> usize {
        (self.count / self.size) as usize
    }

    /// The indices of the next batch: `[size]`.
    pub fn next_batch(&mut self) -> Result<Array> {
        let round = match self.round.take() {
            Some(round) if self.at + self.size <= self.count => round,
            _ => {
                self.at = 0;
                permutation_arange(self.count, &self.key.next()?)?
            }
        };
        let batch = round.index(self.at..self.at + self.size)?;
        self.at += self.size;
        self.round = Some(round);
        Ok(batch)
    }
}
