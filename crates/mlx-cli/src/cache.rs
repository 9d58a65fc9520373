//! The options of the cache, under mlx-lm's names.

use clap::Args;
use mlx_lm::cache::CacheOptions;

/// How much of the text is remembered, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "The memory of the text")]
pub(crate) struct Cache {
    /// The most tokens that are remembered: the first 4 and the last ones
    #[arg(long, value_name = "N")]
    max_kv_size: Option<i32>,
    /// Keep keys and values in this many bits
    #[arg(long, value_name = "BITS")]
    kv_bits: Option<i32>,
    /// Numbers that share a scale under --kv-bits
    #[arg(long, value_name = "N", default_value_t = CacheOptions::default().kv_group_size, requires = "kv_bits")]
    kv_group_size: i32,
    /// --kv-bits takes effect once so many tokens are seen
    #[arg(long, value_name = "N", default_value_t = CacheOptions::default().quantized_kv_start, requires = "kv_bits")]
    quantized_kv_start: i32,
}

impl Cache {
    pub(crate) fn options(&self) -> CacheOptions {
        CacheOptions {
            max_kv_size: self.max_kv_size,
            kv_bits: self.kv_bits,
            kv_group_size: self.kv_group_size,
            quantized_kv_start: self.quantized_kv_start,
            ..CacheOptions::default()
        }
    }
}
