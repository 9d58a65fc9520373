//! Classes of processors in transformers, by name, with what they take for fields that are not there.

use crate::{Filter, Normal};

/// A class of processors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Class {
    /// Its name, but for what older and faster ones end in.
    pub(crate) name: &'static str,
    pub(crate) filter: Filter,
    /// What images are normalised with; the class may not do so by itself.
    pub(crate) normal: Normal,
    pub(crate) normalizes: bool,
}

/// What CLIP was trained with.
pub(crate) const CLIP: Normal = Normal {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
};

/// From -1 to 1.
pub(crate) const HALVES: Normal = Normal { mean: [0.5; 3], std: [0.5; 3] };

/// From 0 to 1.
pub(crate) const UNCHANGED: Normal = Normal { mean: [0.0; 3], std: [1.0; 3] };

impl Class {
    /// A class that normalises.
    pub(crate) const fn new(name: &'static str, filter: Filter, normal: Normal) -> Self {
        Self { name, filter, normal, normalizes: true }
    }

    /// Whether `found` is this, or an older or faster one that does the same.
    pub(crate) fn is(&self, found: &str) -> bool {
        let found = ["Fast", "Pil"].iter().find_map(|end| found.strip_suffix(end)).unwrap_or(found);
        let family = found.strip_suffix("FeatureExtractor");
        found == self.name
            || family.is_some_and(|family| self.name.strip_suffix("ImageProcessor") == Some(family))
    }
}
