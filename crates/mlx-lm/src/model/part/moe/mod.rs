//! Mixtures of experts: a [`Router`] chooses, [`SwitchGlu`] computes, [`Moe`] is both with shared experts, and
//! [`Feed`] the feed-forward layer of a decoder some of whose layers are dense.

mod block;
mod experts;
mod grouped;
mod router;
mod sparse;

pub(in crate::model) use block::{Feed, Moe, MoeOptions, Shared};
pub(in crate::model) use experts::{ExpertOptions, Fused, SwitchGlu};
pub(in crate::model) use grouped::GroupedMoe;
pub(in crate::model) use router::{Choice, Router, Routing, Scores, Sigmoid};
pub(in crate::model) use sparse::SparseMoe;
