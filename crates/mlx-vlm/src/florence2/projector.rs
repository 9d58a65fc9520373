//! From patches to vectors among those of the text.

use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_nn::{Embedding, LayerNorm, Linear, Module, Weights};

use super::config::{Source, Vision};
use super::davit::norm;
use crate::Result;

/// Positions of patches in rows and columns, and a layer to the width of the text.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Projector {
    rows: Embedding,
    columns: Embedding,
    projection: Linear,
    norm: LayerNorm,
    #[module(skip)]
    sources: Vec<Source>,
}

impl Projector {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let (width, count) = (config.width(), config.positions());
        // What is added for the first moment is a formula, whether or not it is stored.
        w.ignore(|name| name.ends_with("visual_temporal_embed.pos_idx_to_embed"));
        let positions = w.at("image_position_embed");
        Ok(Self {
            rows: positions.embedding("row_embeddings", [count, width / 2])?,
            columns: positions.embedding("column_embeddings", [count, width - width / 2])?,
            projection: w.linear("image_projection", [config.projection_dim, width])?,
            norm: norm(w, "image_proj_norm", config.projection_dim)?,
            sources: config.image_feature_source.clone(),
        })
    }

    /// `[1, rows, columns, width] -> [vectors, hidden]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [_, height, width, channels] = x.dims()?;
        let first = |table: &Embedding, count: i32| {
            let places: Vec<i32> = (0..count).collect();
            table.forward(&Array::from_slice(&places, [count])?)
        };
        let columns = first(&self.columns, width)?.expand_dims(0)?.repeat(height, 0)?;
        let rows = first(&self.rows, height)?.expand_dims(1)?.repeat(width, 1)?;
        let places = concatenate([&columns, &rows], -1)?;
        let patches = ((x.squeeze(0)? + places)?.reshape([-1, channels])? + moment(channels, x.dtype())?)?;
        let parts = self.sources.iter().map(|source| match source {
            Source::SpatialAvgPool => patches.mean(0)?.expand_dims(0),
            Source::TemporalAvgPool => Ok(patches.clone()),
        });
        let parts: Vec<_> = parts.collect::<MlxResult<_>>()?;
        self.norm.forward(&self.projection.forward(&concatenate(&parts, 0)?)?)
    }
}

/// The sines and cosines of the first moment: `sin 0, cos 0, sin 0, …`. Vaswani et al., "Attention Is All You Need".
fn moment(channels: i32, dtype: Dtype) -> MlxResult<Array> {
    let values: Vec<f32> = (0..channels).map(|at| (at % 2) as f32).collect();
    Array::from_slice(&values, [channels])?.astype(dtype)
}
