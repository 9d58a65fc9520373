//! The tower: patches of any grid in, one vector for each square of them out.

use mlx_core::fast::rms_norm;
use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};
use mlx_vision::Rotation;

use super::config::Vision;
use super::layer::Layer;
use crate::Result;

/// What patches become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    #[module(name = "patch_embedder.input_proj")]
    input_proj: Linear,
    /// Of columns and of rows, `[2, places, width]`.
    #[module(name = "patch_embedder.position_embedding_table")]
    positions: Array,
    #[module(name = "encoder.layers")]
    layers: Vec<Layer>,
    #[module(flatten)]
    standard: Option<Standard>,
    head: i32,
    pool: i32,
    #[module(skip)]
    base: f32,
    #[module(skip)]
    dtype: Dtype,
}

/// What is subtracted from vectors, and what they are then multiplied by.
#[derive(Module)]
#[module(no_tree)]
struct Standard {
    std_bias: Array,
    std_scale: Array,
}

impl Tower {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let (width, patch) = (config.hidden_size, config.patch_size);
        let embedder = w.at("patch_embedder");
        let positions =
            embedder.array("position_embedding_table", [2, config.position_embedding_size, width])?;
        w.ignore(|key| key.contains("rotary_emb."));
        Ok(Self {
            input_proj: embedder.linear("input_proj", [width, 3 * patch * patch])?,
            dtype: positions.dtype(),
            positions,
            layers: w
                .each("encoder.layers", config.num_hidden_layers)
                .map(|w| Layer::load(&w, config))
                .collect::<Result<_>>()?,
            standard: config.standardize.then(|| Standard::load(w, width)).transpose()?,
            head: config.head_dim,
            pool: config.pooling_kernel_size,
            base: config.base(),
        })
    }

    /// `[patches, numbers]` from 0 to 1, by rows of a grid of squares, to `[squares, width]`.
    pub(super) fn forward(&self, patches: &Array, [rows, columns]: [i32; 2]) -> MlxResult<Array> {
        let (height, width) = (rows * self.pool, columns * self.pool);
        let places: Vec<_> =
            (0..height).flat_map(|row| (0..width).map(move |column| [column, row])).collect();
        let rotation = Rotation::new(&places, self.head, self.base)?;
        let axis = |axis: i32, count: i32| self.positions.index((axis, ..count));
        let places = (axis(1, height)?.expand_dims(1)? + axis(0, width)?.expand_dims(0)?)?.flatten(0, 1)?;
        let even = ((patches - 0.5)? * 2.0)?.astype(self.dtype)?;
        let mut x = (self.input_proj.forward(&even)? + places)?;
        for layer in &self.layers {
            x = layer.forward(&x, &rotation)?;
            x.eval()?;
        }
        self.pooled(&x, [rows, columns])
    }

    /// The means of squares, multiplied by the root of the width, in `float32` where halves would overflow.
    fn pooled(&self, x: &Array, [rows, columns]: [i32; 2]) -> MlxResult<Array> {
        let width = x.dim(-1)?;
        let squares = x.astype(Dtype::Float32)?.reshape([rows, self.pool, columns, self.pool, width])?;
        let mut pooled = (squares.mean([1, 3])?.flatten(0, 1)? * (width as f32).sqrt())?;
        if let Some(standard) = &self.standard {
            pooled = ((pooled - &standard.std_bias)? * &standard.std_scale)?;
        }
        pooled.astype(x.dtype())
    }
}

impl Standard {
    fn load(w: &Weights, width: i32) -> Result<Self> {
        Ok(Self { std_bias: w.array("std_bias", [width])?, std_scale: w.array("std_scale", [width])? })
    }
}

/// From vectors of the tower to those of the decoder.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Embedder {
    embedding_projection: Linear,
    #[module(skip)]
    eps: f32,
}

impl Embedder {
    pub(super) fn load(w: &Weights, config: &Vision, hidden: i32) -> Result<Self> {
        let embedding_projection = w.linear("embedding_projection", [hidden, config.hidden_size])?;
        Ok(Self { embedding_projection, eps: config.rms_norm_eps })
    }

    /// `[…, width] -> […, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        self.embedding_projection.forward(&rms_norm(x, None, self.eps)?)
    }
}
