//! What a model will need, before it is loaded.

mod kv_cache;
mod prefill;
mod weights;

use std::fmt;

pub use kv_cache::{KvCache, KvElements, KvHeads, KvLayer};
pub use prefill::Prefill;
pub use weights::weights_of;

use crate::{Bytes, Error, Result};

/// The memory that a model needs, part by part.
///
/// ```
/// use mlx_memory::{Budget, Bytes, KvCache, KvElements, KvHeads, KvLayer};
/// use mlx_core::Dtype;
///
/// let heads = KvHeads { count: 8, key_width: 128, value_width: 128 };
/// let cache = KvCache {
///     layers: vec![KvLayer::Full(heads); 32],
///     elements: KvElements::Floats(Dtype::Bfloat16),
///     length: 131_072,
///     batch: 1,
/// };
/// let need = Budget::new().weights(Bytes::gib(5)).kv_cache(&cache);
///
/// let error = need.fits(Bytes::gib(16)).unwrap_err().to_string();
/// assert!(error.contains("21.5 GiB are needed, but 16.0 GiB are available"));
/// assert!(error.contains("the largest part is the KV cache with 16.5 GiB"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Budget {
    parts: Vec<Part>,
}

/// A part of a [`Budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is for.
    pub purpose: Purpose,
    /// Its size.
    pub bytes: Bytes,
}

/// What memory is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The model's parameters.
    Weights,
    /// Keys and values of the tokens seen.
    KvCache,
    /// What is in the works while a prompt is read.
    Prefill,
    /// Anything else, by name.
    Other(String),
}

impl Budget {
    /// A budget without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds weights; [`weights_of`] reads how large those in files are.
    pub fn weights(self, bytes: Bytes) -> Self {
        self.with(Purpose::Weights, bytes)
    }

    /// Adds a cache, by its [`KvCache`] or by its size.
    pub fn kv_cache(self, cache: impl Into<Bytes>) -> Self {
        self.with(Purpose::KvCache, cache.into())
    }

    /// Adds the work on a prompt, by its [`Prefill`] or by its size.
    pub fn prefill(self, work: impl Into<Bytes>) -> Self {
        self.with(Purpose::Prefill, work.into())
    }

    /// Adds another part, such as a second model.
    pub fn part(self, name: impl Into<String>, bytes: Bytes) -> Self {
        self.with(Purpose::Other(name.into()), bytes)
    }

    fn with(mut self, purpose: Purpose, bytes: Bytes) -> Self {
        self.parts.push(Part { purpose, bytes });
        self
    }

    /// The parts, in the order in which they were added.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// All parts together.
    pub fn total(&self) -> Bytes {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The largest part; the first of several.
    pub fn largest(&self) -> Option<&Part> {
        self.parts.iter().rev().max_by_key(|part| part.bytes)
    }

    /// Checks that all parts together are no more than `available`.
    ///
    /// # Errors
    /// They are more. The error names the total, what lacks, the largest part and what makes it smaller.
    pub fn fits(&self, available: Bytes) -> Result<()> {
        let total = self.total();
        match self.largest() {
            Some(largest) if total > available => {
                let (lacking, largest) = (total - available, Box::new(largest.clone()));
                Err(Error::TooLarge { total, available, lacking, largest })
            }
            _ => Ok(()),
        }
    }
}

impl Part {
    /// What makes such a part smaller.
    pub(crate) fn way_out(&self) -> &'static str {
        match self.purpose {
            Purpose::Weights => "take a checkpoint with fewer bits or fewer parameters",
            Purpose::KvCache => "allow fewer tokens, or quantize the cache",
            Purpose::Prefill => "read the prompt in smaller steps",
            Purpose::Other(_) => "make it smaller, or run it by itself",
        }
    }
}

/// A line for each part, and one for the total.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<_> =
            self.parts.iter().map(|part| (part.purpose.to_string(), part.bytes)).collect();
        lines.push(("total".to_owned(), self.total()));
        let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (at, (name, bytes)) in lines.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{name:<width$}  {bytes:>10}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights => f.write_str("weights"),
            Self::KvCache => f.write_str("KV cache"),
            Self::Prefill => f.write_str("prefill"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(weights: u64, cache: u64, prefill: u64) -> Budget {
        let [weights, cache, prefill] = [weights, cache, prefill].map(Bytes::gib);
        Budget::new().weights(weights).kv_cache(cache).prefill(prefill)
    }

    fn refusal(budget: &Budget, available: Bytes) -> String {
        budget.fits(available).unwrap_err().to_string()
    }

    #[test]
    fn what_fits_to_the_byte_fits() {
        assert!(budget(4, 2, 1).fits(Bytes::gib(7)).is_ok());
        assert!(budget(4, 2, 1).fits(Bytes::gib(7) - Bytes::new(1)).is_err());
        assert!(Budget::new().fits(Bytes::ZERO).is_ok());
    }

    #[test]
    fn the_error_tells_the_numbers_the_largest_part_and_the_way_out() {
        assert_eq!(
            refusal(&budget(4, 2, 1), Bytes::gib(6)),
            "7.0 GiB are needed, but 6.0 GiB are available: short by 1.0 GiB; the largest part is the weights with \
             4.0 GiB: take a checkpoint with fewer bits or fewer parameters"
        );
        let cache = refusal(&budget(1, 2, 1), Bytes::gib(1));
        assert!(cache.ends_with("the KV cache with 2.0 GiB: allow fewer tokens, or quantize the cache"));
        let prefill = refusal(&budget(1, 2, 3), Bytes::gib(1));
        assert!(prefill.ends_with("the prefill with 3.0 GiB: read the prompt in smaller steps"));
        let other = refusal(&budget(1, 2, 3).part("draft model", Bytes::gib(5)), Bytes::gib(1));
        assert!(other.contains("the draft model with 5.0 GiB"), "{other}");
    }

    #[test]
    fn the_first_of_equal_parts_is_the_largest() {
        assert_eq!(budget(2, 2, 1).largest().unwrap().purpose, Purpose::Weights);
    }

    #[test]
    fn a_total_beyond_all_numbers_is_the_largest_number() {
        let budget = Budget::new().weights(Bytes::MAX).kv_cache(Bytes::MAX);
        assert_eq!(budget.total(), Bytes::MAX);
        assert!(budget.fits(Bytes::gib(1)).is_err());
    }

    #[test]
    fn the_table_is_aligned_and_ends_with_the_total() {
        let table = budget(4, 2, 1).part("draft model", Bytes::mib(300)).to_string();
        let expected = "weights         4.0 GiB\n\
                        KV cache        2.0 GiB\n\
                        prefill         1.0 GiB\n\
                        draft model   300.0 MiB\n\
                        total           7.3 GiB";
        assert_eq!(table, expected);
    }
}
