//! How a checkpoint and a model differ.

use std::fmt;

use mlx_core::Array;

use super::described;

/// Every key on which a checkpoint and a model disagree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Keys that the model needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Keys of the checkpoint that the model has no use for.
    pub unused: Vec<String>,
    /// Keys that hold something else than the model needs.
    pub misshapen: Vec<Misshapen>,
}

/// An array, or a layer of several, that is not what the model needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// Its key in the checkpoint.
    pub name: String,
    /// What the checkpoint holds, such as `[64, 32] float32`.
    pub found: String,
    /// What the model needs.
    pub expected: String,
}

impl Report {
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.misshapen.is_empty()
    }
}

impl Misshapen {
    /// The array `found` under `name`, where one such as `expected` should be.
    pub(crate) fn new(name: &str, found: &Array, expected: &Array) -> Self {
        Self { name: name.to_owned(), found: described(found), expected: described(expected) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, unused, misshapen } = self;
        let (lacking, left, wrong) = (missing.len(), unused.len(), misshapen.len());
        write!(f, "the weights do not fit the model: {lacking} missing, {left} unused, {wrong} misshapen")?;
        list(f, "missing", missing)?;
        list(f, "unused", unused)?;
        list(f, "misshapen", misshapen)
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, entries: &[impl fmt::Display]) -> fmt::Result {
    for (at, entry) in entries.iter().enumerate() {
        match at {
            0 => write!(f, "; {title}: {entry}")?,
            _ => write!(f, ", {entry}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (found {}, expected {})", self.name, self.found, self.expected)
    }
}

impl std::error::Error for Report {}
