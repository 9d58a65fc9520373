//! Rotary positions in rows and columns.
//!
//! Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", along two axes.

use mlx_core::{Array, Dtype, Index, Result, concatenate};

/// How far the features of patches turn: half of the pairs with the row, the others with the column.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `[patches, 1, width / 2]`.
    cos: Array,
    sin: Array,
}

impl Rotation {
    /// For patches at these rows and columns, whose heads are `width` wide. The first quarter of the features turns
    /// with the row and the second with the column, each paired with the one half the width behind it.
    pub fn new(places: &[[i32; 2]], width: i32, base: f32) -> Result<Self> {
        let count = i32::try_from(places.len()).unwrap_or(i32::MAX);
        let places = Array::from_slice(places.as_flattened(), [count, 2, 1])?.astype(Dtype::Float32)?;
        let waves: Vec<f32> =
            (0..width / 4).map(|pair| 1.0 / base.powf((4 * pair) as f32 / width as f32)).collect();
        let angles = (places * Array::from_slice(&waves, [width / 4])?)?.reshape([count, 1, width / 2])?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()? })
    }

    /// As [`new`](Self::new), but columns turn by waves of their own, each between two of those of rows: Pixtral.
    pub fn between(places: &[[i32; 2]], width: i32, base: f32) -> Result<Self> {
        let count = i32::try_from(places.len()).unwrap_or(i32::MAX);
        let places = Array::from_slice(places.as_flattened(), [count, 2, 1])?.astype(Dtype::Float32)?;
        let wave = |at: i32| 1.0 / base.powf(at as f32 / width as f32);
        let waves: Vec<f32> =
            [0, 2].iter().flat_map(|first| (0..width / 4).map(move |pair| wave(4 * pair + first))).collect();
        let angles = (places * Array::from_slice(&waves, [2, width / 4])?)?.reshape([count, 1, width / 2])?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()? })
    }

    /// The patches in this order.
    pub fn take(&self, order: &Array) -> Result<Self> {
        Ok(Self { cos: self.cos.take(order, 0)?, sin: self.sin.take(order, 0)? })
    }

    /// Turns heads `[patches, heads, width]`, in `float32`.
    pub fn turn(&self, x: &Array) -> Result<Array> {
        let wide = x.astype(Dtype::Float32)?;
        let half = wide.dim(-1)? / 2;
        let first = wide.index((Index::Ellipsis, ..half))?;
        let second = wide.index((Index::Ellipsis, half..))?;
        let turned = [
            ((&first * &self.cos)? - (&second * &self.sin)?)?,
            ((&second * &self.cos)? + (&first * &self.sin)?)?,
        ];
        concatenate(&turned, -1)?.astype(x.dtype())
    }
}
