//! Learned positions for images of another shape.

use mlx_core::{Array, Dtype, Result as MlxResult};

/// Vectors `[side · side, width]` of the places of a square, for an image of so many patches in a column and in a row:
/// `[patches, width]`.
///
/// They are interpolated linearly in both directions, and smoothed where there are fewer of them, as by torch's
/// `interpolate` with `antialias`.
pub(crate) fn resized(square: &Array, side: i32, grid: [i32; 2]) -> MlxResult<Array> {
    let weights = |count: i32| {
        let rows: Vec<f32> = (0..count).flat_map(|at| weights(side, count, at)).collect();
        Array::from_slice(&rows, [count, side])
    };
    let [rows, columns] = grid.map(weights);
    let float = square.astype(Dtype::Float32)?;
    let rows = rows?.matmul(&float.reshape([side, -1])?)?;
    let all = columns?.matmul(&rows.unflatten(-1, [side, -1])?)?;
    all.flatten(0, 1)?.astype(square.dtype())
}

/// How much each of `side` places in a line adds to the place `at` of `count`.
fn weights(side: i32, count: i32, at: i32) -> Vec<f32> {
    let scale = side as f32 / count as f32;
    let middle = (at as f32 + 0.5) * scale - 0.5;
    let weight = |place: i32| (1.0 - (place as f32 - middle).abs() / scale.max(1.0)).max(0.0);
    let sum: f32 = (0..side).map(weight).sum();
    (0..side).map(|place| weight(place) / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_place_are_one_together() {
        for count in [1, 2, 3, 4, 7, 64] {
            for at in 0..count {
                let sum: f32 = weights(4, count, at).iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{at} of {count}: {sum}");
            }
        }
        assert_eq!(weights(4, 4, 1), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(weights(4, 8, 0), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(weights(4, 2, 0), [0.428_571_43, 0.428_571_43, 0.142_857_15, 0.0]);
    }
}
