//! The decoders of Qwen that mix the gated delta rule with gated attention: Qwen3-Next and Qwen 3.5.

mod block;
mod plan;
pub(super) mod qwen3_5;
pub(super) mod qwen3_next;

use block::{Mixed, Mixer};
use plan::Plan;
