//! Learned positions of a square, for images of any shape.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Module, Result, Weights};

/// Vectors of the places of a square, between which others are made.
#[derive(Module)]
#[module(no_tree)]
pub struct SquarePositions {
    weight: Array,
    side: i32,
    #[module(skip)]
    between: Between,
}

/// How vectors of other places are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Linearly, where the first and the last places are those of the square.
    Corners,
    /// Linearly, where places are in the middle of what they cover.
    Linear,
    /// As `Linear`, and smoothed where there are fewer of them, as by torch's `interpolate` with `antialias`.
    Smooth,
    /// By cubic curves with -0.5 for the slope, and smoothed where there are fewer places, as by torch's `interpolate`
    /// with `antialias`.
    SmoothCubic,
    /// By cubic curves, where places are in the middle of what they cover. Keys, "Cubic Convolution Interpolation for
    /// Digital Image Processing", with -0.75 for the slope as in torch.
    Cubic,
}

impl SquarePositions {
    /// The vectors `weight` `[side · side, width]` at the path of `w`.
    pub fn load(w: &Weights, [side, width]: [i32; 2], between: Between) -> Result<Self> {
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
        Ok(Self { weight: w.parameter("weight", [side * side, width], zeros)?, side, between })
    }

    /// The vectors of so many rows and columns, `[rows · columns, width]`.
    pub fn forward(&self, grid: [i32; 2]) -> MlxResult<Array> {
        self.between.resample(&self.weight, self.side, grid)
    }
}

impl Between {
    /// Vectors `[side · side, width]` of the places of a square, as those of so many rows and columns:
    /// `[rows · columns, width]`.
    pub fn resample(self, square: &Array, side: i32, grid: [i32; 2]) -> MlxResult<Array> {
        let [rows, columns] = grid.map(|count| self.matrix(side, count));
        let wide = square.astype(Dtype::Float32)?;
        let rows = rows?.matmul(&wide.reshape([side, -1])?)?;
        let all = columns?.matmul(&rows.unflatten(-1, [side, -1])?)?;
        all.flatten(0, 1)?.astype(square.dtype())
    }

    /// Vectors `[side, width]` of the places in a line, as those of so many places: `[count, width]`.
    pub fn line(self, line: &Array, count: i32) -> MlxResult<Array> {
        let shares = self.matrix(line.dim(0)?, count)?;
        shares.matmul(&line.astype(Dtype::Float32)?)?.astype(line.dtype())
    }

    /// How much each of `side` places in a line gives to each of `count` places, `[count, side]`.
    fn matrix(self, side: i32, count: i32) -> MlxResult<Array> {
        let all: Vec<f32> = (0..count).flat_map(|at| self.shares(side, count, at)).collect();
        Array::from_slice(&all, [count, side])
    }

    /// How much each of `side` places in a line gives to the place `at` of `count`.
    fn shares(self, side: i32, count: i32, at: i32) -> Vec<f32> {
        let place = match self {
            Self::Smooth | Self::SmoothCubic => return self.smooth_shares(side, count, at),
            Self::Corners => (at * (side - 1)) as f32 / (count - 1).max(1) as f32,
            Self::Linear | Self::Cubic => (at as f32 + 0.5) * side as f32 / count as f32 - 0.5,
        };
        let first = place.floor();
        let taps = if self == Self::Cubic { -1..3 } else { 0..2 };
        let mut shares = vec![0.0; side.unsigned_abs() as usize];
        for tap in taps {
            let from = first as i32 + tap;
            // What is beyond an edge is as the edge.
            if let Some(share) = shares.get_mut(from.clamp(0, side - 1).unsigned_abs() as usize) {
                *share += self.share((place - from as f32).abs());
            }
        }
        shares
    }

    /// How much a place gives to one at a distance.
    fn share(self, distance: f32) -> f32 {
        let x = distance;
        let slope = match self {
            Self::Corners | Self::Linear | Self::Smooth => return (1.0 - x).max(0.0),
            Self::Cubic => -0.75,
            Self::SmoothCubic => -0.5,
        };
        match x {
            _ if x <= 1.0 => ((slope + 2.0) * x - (slope + 3.0)) * x * x + 1.0,
            _ if x < 2.0 => ((slope * x - 5.0 * slope) * x + 8.0 * slope) * x - 4.0 * slope,
            _ => 0.0,
        }
    }

    /// As [`shares`](Self::shares), where what a place covers counts.
    fn smooth_shares(self, side: i32, count: i32, at: i32) -> Vec<f32> {
        let scale = side as f32 / count as f32;
        let middle = (at as f32 + 0.5) * scale - 0.5;
        let weight = |place: i32| self.share((place as f32 - middle).abs() / scale.max(1.0));
        let sum: f32 = (0..side).map(weight).sum();
        (0..side).map(|place| weight(place) / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_place_are_one_together() {
        for between in [Between::Corners, Between::Linear, Between::Cubic] {
            for count in [1, 2, 3, 5, 64] {
                for at in 0..count {
                    let sum: f32 = between.shares(5, count, at).iter().sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{between:?}: {at} of {count}: {sum}");
                }
            }
            assert_eq!(between.shares(3, 3, 1), [0.0, 1.0, 0.0]);
        }
    }

    #[test]
    fn smooth_shares_of_a_place_are_one_together() {
        for between in [Between::Smooth, Between::SmoothCubic] {
            for count in [1, 2, 3, 4, 7, 64] {
                for at in 0..count {
                    let sum: f32 = between.shares(4, count, at).iter().sum();
                    assert!((sum - 1.0).abs() < 1e-6, "{between:?}: {at} of {count}: {sum}");
                }
            }
        }
        assert_eq!(Between::Smooth.shares(4, 4, 1), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(Between::Smooth.shares(4, 8, 0), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(Between::Smooth.shares(4, 2, 0), [0.428_571_43, 0.428_571_43, 0.142_857_15, 0.0]);
    }

    #[test]
    fn a_line_is_resampled_as_a_row_of_a_square_is() {
        // By torch's `interpolate`: `linear`, and `bicubic` with `antialias`.
        let line = Array::from_slice(&[1.0_f32, 2.0, 4.0, 8.0, 16.0], [5, 1]).unwrap();
        let resampled =
            |between: Between, count| between.line(&line, count).unwrap().to_vec::<f32>().unwrap();
        let near = |found: Vec<f32>, expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
            assert!(close, "{found:?} is not {expected:?}");
        };
        near(resampled(Between::Linear, 3), &LINEAR);
        near(resampled(Between::SmoothCubic, 3), &FEWER);
        near(resampled(Between::SmoothCubic, 7), &MORE);
    }

    const LINEAR: [f32; 3] = [1.333_333_3, 4.0, 13.333_332];
    const FEWER: [f32; 3] = [1.230_769_3, 4.158_139, 12.861_535];
    const MORE: [f32; 7] = [0.941_747_6, 1.426_593, 2.440_233_5, 4.0, 6.507_288_5, 11.789_474, 16.466_02];

    #[test]
    fn corners_stay_where_they_are_if_they_are_said_to() {
        assert_eq!(Between::Corners.shares(3, 5, 4), [0.0, 0.0, 1.0]);
        assert_eq!(Between::Corners.shares(3, 5, 1), [0.5, 0.5, 0.0]);
        assert_eq!(Between::Linear.shares(2, 4, 1), [0.75, 0.25]);
        assert_eq!(Between::Linear.shares(2, 4, 0), [1.0, 0.0]);
    }
}
