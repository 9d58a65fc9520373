//! What the last stages of the tower see at their sizes, made one.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Linear, Module, RmsNorm, Weights, gelu_approx};

use super::block::{EPS, point, point_width};
use crate::Result;

/// The stages side by side, mixed at each place, and averaged in squares.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Fusion {
    #[module(name = "ffn.pw_exp.conv")]
    up: Linear,
    #[module(name = "ffn.pw_exp.bn")]
    up_norm: RmsNorm,
    #[module(name = "ffn.pw_proj.conv")]
    down: Linear,
    #[module(name = "ffn.pw_proj.bn")]
    down_norm: RmsNorm,
    norm: RmsNorm,
    /// The places in a column and in a row of what comes out.
    #[module(skip)]
    side: i32,
}

impl Fusion {
    /// The part at the path of `w`, from stages that are `input` wide together.
    pub(super) fn load(w: &Weights, [input, output]: [i32; 2], side: i32) -> Result<Self> {
        let ffn = w.at("ffn");
        let inner = point_width(&ffn, "pw_exp.conv");
        Ok(Self {
            up: point(&ffn, "pw_exp.conv", [input, inner])?,
            up_norm: ffn.rms_norm("pw_exp.bn", inner, EPS)?,
            down: point(&ffn, "pw_proj.conv", [inner, output])?,
            down_norm: ffn.rms_norm("pw_proj.bn", output, EPS)?,
            norm: w.rms_norm("norm", output, EPS)?,
            side,
        })
    }

    /// `[1, rows, columns, width]` and `[1, fewer, fewer, width] -> [1, side, side, output]`.
    pub(super) fn forward(&self, high: &Array, low: &Array) -> MlxResult<Array> {
        let [images, rows, columns, _] = high.dims()?;
        let both = concatenate([high, &spread(low, [rows, columns])?], -1)?;
        let inner = gelu_approx(&self.up_norm.forward(&self.up.forward(&both)?)?)?;
        let mixed = self.down_norm.forward(&self.down.forward(&inner)?)?;
        let [row, column] = [rows, columns].map(|length| length / self.side);
        let width = mixed.dim(-1)?;
        let squares = mixed.reshape([images, self.side, row, self.side, column, width])?;
        self.norm.forward(&squares.mean([2, 4])?)
    }
}

/// Places at another size, each by the nearest before it.
fn spread(x: &Array, size: [i32; 2]) -> MlxResult<Array> {
    let [_, rows, columns, _] = x.dims()?;
    let nearest = |from: i32, to: i32| {
        let places: Vec<_> = (0..to).map(|at| at * from / to.max(1)).collect();
        Array::from_slice(&places, [to])
    };
    x.take(&nearest(rows, size[0])?, 1)?.take(&nearest(columns, size[1])?, 2)
}
