//! What decoders are made of: attention, gated layers, blocks, and the [`Dense`] decoder around them.

mod activation;
mod attention;
mod conv;
mod delta;
mod dense;
mod frame;
mod gated;
pub(super) mod heads;
mod kinds;
mod mla;
mod moe;
mod named;
mod norm;
mod pre_norm;
mod rotation;
mod sizes;
mod windows;

pub(super) use activation::{Activation, Gating};
pub(super) use attention::{Attention, AttentionNames, AttentionOptions, Temperature};
pub(super) use conv::CausalConv;
pub(super) use delta::{DeltaSizes, GatedDelta};
pub(super) use dense::{Block, Dense};
pub(super) use frame::Frame;
pub(super) use gated::{GatedMlp, GatedNames, GatedOptions};
pub(super) use kinds::attending;
pub(super) use mla::{Mla, MlaOptions};
pub(super) use moe::{
    Choice, ExpertOptions, Feed, Fused, GroupedMoe, Moe, MoeOptions, Router, Routing, Scores, SparseMoe,
    SwitchGlu,
};
pub(super) use norm::{Norm, Norms};
pub(super) use pre_norm::{Attend, FeedForward, PreNorm};
pub(super) use sizes::Sizes;
pub(super) use windows::{Windows, late, reads_both_ways};

use named::Named;
use rotation::Rotation;
