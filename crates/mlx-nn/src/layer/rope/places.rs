//! Positions that are not in a row: those of images and of video, along time, height and width.
//!
//! Wang et al., "Qwen2-VL: Enhancing Vision-Language Model's Perception of the World at Any Resolution" (M-RoPE).

use mlx_core::{Array, Dtype, Index, Result, Slice, concatenate, stack};

use super::scaling::Sections;
use super::{Rope, Waves, powers};
use crate::Error;

/// The positions of some places, each by itself.
#[derive(Clone, Debug)]
pub struct Places {
    /// `[axes, batch, length]`.
    positions: Array,
}

impl Places {
    /// Positions `[axes, batch, length]`, whole numbers: one axis, or time, height and width.
    ///
    /// # Errors
    /// They have another shape or type.
    pub fn new(positions: Array) -> Result<Self> {
        let [axes, ..] = positions.dims::<3>()?;
        if !matches!(axes, 1 | 3) || !positions.dtype().is_integer() {
            let found = format!("{} of shape {:?}", positions.dtype(), positions.shape());
            let message = format!("{found} are no whole numbers along one or three axes");
            return Err(mlx_core::Error::custom("rope", message));
        }
        Ok(Self { positions })
    }

    /// How many places there are for each text.
    pub fn count(&self) -> i32 {
        self.positions.dim(-1).unwrap_or_default()
    }

    /// The positions along each axis, axis by axis, of all texts. It computes them.
    pub fn values(&self) -> Result<Vec<i32>> {
        self.positions.astype(Dtype::Int32)?.to_vec()
    }

    /// The places between two of them.
    pub fn between(&self, from: i32, to: i32) -> Result<Self> {
        Ok(Self { positions: self.positions.index((.., .., from..to))? })
    }

    /// Positions along the first axis, `[batch, length]`.
    pub(super) fn first(&self) -> Result<Array> {
        self.positions.index(0)
    }

    /// The position that each pair of features turns with, `[batch, 1, length, pairs]`.
    fn of_pairs(&self, axes: &[i32]) -> Result<Array> {
        let last = self.positions.dim(0)? - 1;
        let axes: Vec<_> = axes.iter().map(|&axis| axis.min(last)).collect();
        let axes = Array::from_slice(&axes, [i32::try_from(axes.len()).unwrap_or(i32::MAX)])?;
        self.positions.take(&axes, 0)?.transpose([1, 2, 0])?.astype(Dtype::Float32)?.expand_dims(1)
    }
}

impl Rope {
    /// Turns `x` `[batch, heads, length, width]` to positions of their own. It is computed in `float32`.
    #[track_caller]
    pub(super) fn forward_at(&self, x: &Array, places: &Places) -> Result<Array> {
        let pairs = self.dims / 2;
        let axes = match &self.sections {
            Some(sections) => sections.axes(pairs),
            None => (0..pairs).map(|_| 0).collect(),
        };
        let angles = (places.of_pairs(&axes)? * self.frequencies()?)?;
        let [cos, sin] = [angles.cos()?, angles.sin()?].map(|wave| wave * self.magnitude);
        let (cos, sin) = (cos?, sin?);
        let wide = x.astype(Dtype::Float32)?;
        let [first, second] = self.halves(&wide)?;
        let turned = [((&first * &cos)? - (&second * &sin)?)?, ((&second * &cos)? + (&first * &sin)?)?];
        let turned =
            if self.traditional { stack(&turned, -1)?.flatten(-2, -1)? } else { concatenate(&turned, -1)? };
        let still = wide.index((Index::Ellipsis, self.dims..))?;
        concatenate([&turned, &still], -1)?.astype(x.dtype())
    }

    /// The features that turn, the first of each pair and the second.
    fn halves(&self, x: &Array) -> Result<[Array; 2]> {
        let (first, second) = if self.traditional {
            (Slice::step_by(0..self.dims, 2), Slice::step_by(1..self.dims, 2))
        } else {
            (Slice::from(0..self.dims / 2), Slice::from(self.dims / 2..self.dims))
        };
        Ok([x.index((Index::Ellipsis, first))?, x.index((Index::Ellipsis, second))?])
    }

    /// By how much each pair turns from one position to the next, `[pairs]`.
    fn frequencies(&self) -> Result<Array> {
        let lengths = match &self.waves {
            Waves::Base(base) => Array::from_slice(&powers(*base, self.dims), [self.dims / 2])?,
            Waves::Lengths(lengths) => lengths.array.clone(),
            Waves::Growing { .. } | Waves::ByLength { .. } => {
                let message =
                    "waves that change with the length of the text have no positions along several axes";
                return Err(mlx_core::Error::custom("rope", message));
            }
        };
        Array::from(self.pace) / lengths
    }
}

impl Sections {
    /// Sections of `pairs` pairs of features.
    pub(super) fn check(self, pairs: i32) -> Result<Self, Error> {
        let [time, height, width] = self.counts.map(i64::from);
        let fits = self.counts.iter().all(|&count| count >= 0)
            && if self.interleaved {
                3 * height.max(width) <= i64::from(pairs) + 2
            } else {
                time + height + width == i64::from(pairs)
            };
        if fits {
            return Ok(self);
        }
        let message = format!("{:?} does not share out {pairs} pairs of features", self.counts);
        Err(Error::config("mrope_section", message))
    }

    /// The axis of each pair: 0 is time, 1 height, 2 width.
    fn axes(self, pairs: i32) -> Vec<i32> {
        let [time, height, width] = self.counts;
        let axis = |pair: i32| match (self.interleaved, pair % 3) {
            (true, 1) if pair < 3 * height => 1,
            (true, 2) if pair < 3 * width => 2,
            (true, _) => 0,
            (false, _) => i32::from(pair >= time) + i32::from(pair >= time + height),
        };
        (0..pairs).map(axis).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_shared_out_in_a_row_or_in_turn() {
        let counts = [2, 1, 1];
        assert_eq!(Sections { counts, interleaved: false }.axes(4), [0, 0, 1, 2]);
        assert_eq!(Sections { counts, interleaved: true }.axes(5), [0, 1, 2, 0, 0]);
        assert_eq!(Sections { counts: [2, 2, 1], interleaved: true }.axes(5), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn sections_that_leave_pairs_out_are_refused() {
        let wrong = Sections { counts: [2, 1, 2], interleaved: false }.check(4).unwrap_err();
        assert!(wrong.to_string().contains("mrope_section: [2, 1, 2] does not share out 4 pairs"), "{wrong}");
        assert!(Sections { counts: [2, 3, 1], interleaved: true }.check(4).is_err());
        assert!(Sections { counts: [-1, 3, 2], interleaved: false }.check(4).is_err());
    }
}
