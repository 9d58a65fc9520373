//! Scaled dot-product attention, `softmax(scale · q kᵀ + mask) v`, without a matrix of all scores.
//!
//! The softmax is kept up to date while keys go by (Milakov and Gimelshein, "Online normalizer calculation for softmax";
//! Dao et al., "FlashAttention"). Rows are what share a head of keys: the queries of all heads of its group. A few of them
//! are multiplied with vectors along the width (`few`), many with vectors across rows (`many`); where there are fewer
//! of both than threads, the keys are split, and `combine` puts the parts together.

mod combine;
mod exp;
mod few;
mod heads;
mod many;
mod mask;
mod tile;
mod work;

use crate::numbers::with;
use crate::{Level, Numbers, NumbersMut};

pub use heads::Heads;
pub use mask::{Mask, Reach, Visibility};

use work::Work;

/// What attention does besides products.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// What scores are multiplied by; mostly `1 / √width`.
    pub scale: f32,
    /// Makes `cap · tanh(score / cap)` of scaled scores.
    pub softcap: Option<f32>,
    /// The keys that a query can see by its place.
    pub reach: Reach,
    /// Which of them it sees.
    pub mask: Option<Mask<'a>>,
    /// A score for each head that takes part in the softmax, and has no value.
    pub sinks: Option<Numbers<'a>>,
    /// Whether the heads of a query come out side by side, `[batch, queries, heads, value_width]`.
    pub joined: bool,
}

impl Attention<'_> {
    /// Every query sees every key.
    pub fn new(scale: f32) -> Self {
        Self { scale, softcap: None, reach: Reach::All, mask: None, sinks: None, joined: false }
    }
}

/// Attention of queries `[batch, heads, queries, width]` to keys `[batch, kv_heads, keys, width]` with values
/// `[batch, kv_heads, keys, value_width]`, into `out` `[batch, heads, queries, value_width]`, or as
/// [`Attention::joined`] says.
///
/// Several heads in a row share one of keys. As in MLX, a query that sees no key gets the mean of all values, or zeros
/// where there are sinks or no keys at all; scores that a mask makes infinite throughout give no number.
///
/// Returns whether the sizes fit.
pub fn attention(
    level: Level,
    q: &Heads<'_>,
    k: &Heads<'_>,
    v: &Heads<'_>,
    how: &Attention<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let Some(work) = Work::new(q, k, v, how) else { return false };
    if out.len() != work.results() {
        return false;
    }
    with!(NumbersMut, out, |out| work::attend(level, &work, out));
    true
}
