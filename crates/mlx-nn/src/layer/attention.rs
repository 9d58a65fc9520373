//! Attention of several heads.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Dtype, Result};

use crate::{Error, Linear, Module, Weights};

/// Attention of several heads, with a projection before and after.
///
/// Vaswani et al., "Attention Is All You Need".
///
/// ```
/// use mlx_core::fast::Mask;
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::{MultiHeadAttention, Weights};
///
/// let w = Weights::init(Key::new(0)?);
/// let attention = w.build(|w| MultiHeadAttention::load(w, 16, 4, Default::default()))?;
/// let x = Array::ones([1, 5, 16], Dtype::Float32)?;
/// assert_eq!(attention.forward(&x, &x, &x, Mask::Causal)?.shape(), [1, 5, 16]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct MultiHeadAttention {
    query_proj: Linear,
    key_proj: Linear,
    value_proj: Linear,
    out_proj: Linear,
    num_heads: i32,
}

/// Where a [`MultiHeadAttention`] differs from the plain one, all of whose sizes are its `dims`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttentionOptions {
    /// Features of the queries.
    pub query_input_dims: Option<i32>,
    /// Features of the keys.
    pub key_input_dims: Option<i32>,
    /// Features of the values, which otherwise are as those of the keys.
    pub value_input_dims: Option<i32>,
    /// Features of the values of all heads.
    pub value_dims: Option<i32>,
    /// Features of the output.
    pub value_output_dims: Option<i32>,
    /// Whether the projections have biases.
    pub bias: bool,
}

impl MultiHeadAttention {
    /// The layer at the path of `w`, whose heads share `dims` features.
    ///
    /// # Errors
    /// There is no head, or they do not divide the features.
    pub fn load(w: &Weights, dims: i32, num_heads: i32, options: AttentionOptions) -> crate::Result<Self> {
        let AttentionOptions { query_input_dims, key_input_dims, value_input_dims, bias, .. } = options;
        let keys = key_input_dims.unwrap_or(dims);
        let values = options.value_dims.unwrap_or(dims);
        for (field, features) in [("dims", dims), ("value_dims", values)] {
            if num_heads < 1 || features < 1 || features % num_heads != 0 {
                let problem = format!("{features} features cannot be shared by {num_heads} heads alike");
                return Err(Error::config(field, problem));
            }
        }
        let projection = |name, outputs, inputs| w.linear_with_bias(name, [outputs, inputs], bias);
        Ok(Self {
            query_proj: projection("query_proj", dims, query_input_dims.unwrap_or(dims))?,
            key_proj: projection("key_proj", dims, keys)?,
            value_proj: projection("value_proj", values, value_input_dims.unwrap_or(keys))?,
            out_proj: projection("out_proj", options.value_output_dims.unwrap_or(dims), values)?,
            num_heads,
        })
    }

    /// `[batch, queries, …]`, `[batch, keys, …]` and `[batch, keys, …]` give `[batch, queries, outputs]`. The mask
    /// broadcasts to `[batch, heads, queries, keys]`.
    #[track_caller]
    pub fn forward(&self, queries: &Array, keys: &Array, values: &Array, mask: Mask<'_>) -> Result<Array> {
        let queries = self.heads(&self.query_proj.forward(queries)?)?;
        let keys = self.heads(&self.key_proj.forward(keys)?)?;
        let values = self.heads(&self.value_proj.forward(values)?)?;
        let scale = f64::from(queries.dim(-1)?).recip().sqrt() as f32;
        let seen = scaled_dot_product_attention(&queries, &keys, &values, scale, mask, None)?;
        self.out_proj.forward(&seen.transpose([0, 2, 1, 3])?.flatten(-2, -1)?)
    }

    /// What added to scores hides what comes later: `[length, length]` of zeros, with the least number of `dtype`
    /// above the diagonal. [`Mask::Causal`] does the same without an array.
    ///
    /// # Errors
    /// `dtype` is no floating-point type.
    #[track_caller]
    pub fn create_additive_causal_mask(length: i32, dtype: Dtype) -> Result<Array> {
        let Some(info) = dtype.finfo() else {
            let message = format!("{dtype} has no numbers to hide scores with: take a floating-point type");
            return Err(mlx_core::Error::custom("create_additive_causal_mask", message));
        };
        let places = Array::arange(0..length)?;
        let later = places.expand_dims(1)?.less(places.expand_dims(0)?)?;
        later.astype(dtype)? * info.min
    }

    /// `[batch, length, features] -> [batch, heads, length, features / heads]`.
    #[track_caller]
    fn heads(&self, x: &Array) -> Result<Array> {
        x.unflatten(-1, [self.num_heads, -1])?.transpose([0, 2, 1, 3])
    }
}
