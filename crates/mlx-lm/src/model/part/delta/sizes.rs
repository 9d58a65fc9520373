//! The widths and counts of a gated delta layer.

use serde::Deserialize;

use crate::config::{Config, size};
use crate::{Error, Result};

/// The widths and counts of a gated delta layer, which are known to make sense together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeltaSizes {
    pub(crate) key_heads: i32,
    pub(crate) value_heads: i32,
    pub(crate) key_dim: i32,
    pub(crate) value_dim: i32,
    /// The tokens that the convolution sees.
    pub(crate) kernel: i32,
}

#[derive(Deserialize)]
struct Stored {
    linear_num_key_heads: i32,
    linear_num_value_heads: i32,
    linear_key_head_dim: i32,
    linear_value_head_dim: i32,
    linear_conv_kernel_dim: i32,
}

impl DeltaSizes {
    /// The config's name of the kernel.
    pub(super) const KERNEL: &str = "linear_conv_kernel_dim";

    /// Those that `config` states.
    ///
    /// # Errors
    /// Names what is missing, out of range or does not divide.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let sizes = Self {
            key_heads: size("linear_num_key_heads", stored.linear_num_key_heads)?,
            value_heads: size("linear_num_value_heads", stored.linear_num_value_heads)?,
            key_dim: size("linear_key_head_dim", stored.linear_key_head_dim)?,
            value_dim: size("linear_value_head_dim", stored.linear_value_head_dim)?,
            kernel: size(Self::KERNEL, stored.linear_conv_kernel_dim)?,
        };
        size(
            "linear_key_head_dim times linear_num_key_heads",
            sizes.key_dim.saturating_mul(sizes.key_heads),
        )?;
        size(
            "linear_value_head_dim times linear_num_value_heads",
            sizes.value_dim.saturating_mul(sizes.value_heads),
        )?;
        if sizes.value_heads % sizes.key_heads == 0 {
            return Ok(sizes);
        }
        let Self { key_heads, value_heads, .. } = sizes;
        Err(Error::Config(format!(
            "{value_heads} linear_num_value_heads are not a multiple of {key_heads} linear_num_key_heads"
        )))
    }

    /// The width of all keys, which is that of all queries.
    pub(super) fn keys(&self) -> i32 {
        self.key_dim * self.key_heads
    }

    /// The width of all values.
    pub(super) fn values(&self) -> i32 {
        self.value_dim * self.value_heads
    }

    /// The width of queries, keys and values together, all of which the convolution mixes.
    pub(super) fn mixed(&self) -> i32 {
        2 * self.keys() + self.values()
    }

    /// The heads of values for each of keys.
    pub(super) fn group(&self) -> i32 {
        self.value_heads / self.key_heads
    }
}
