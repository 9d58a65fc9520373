//! Linear layers of which each process has a part.

use std::rc::Rc;

use mlx_core::distributed::Group;
use mlx_core::transform::custom_function;
use mlx_core::{Array, Result};

use super::{Segments, Sharding, SharedGroup, shard_inplace};
use crate::layer::layers;
use crate::{Error, Linear, Module, Weights};

/// A linear layer, dense or quantized, each process of which gives a part of the outputs.
///
/// The gradient with respect to its input is summed over all processes.
#[derive(Clone, Debug, Module)]
pub struct AllToShardedLinear {
    #[module(flatten)]
    part: Linear,
    #[module(skip)]
    group: SharedGroup,
}

/// A linear layer, dense or quantized, each process of which takes a part of the inputs. All give the same outputs:
/// the sum over all processes.
#[derive(Clone, Debug, Module)]
pub struct ShardedToAllLinear {
    #[module(flatten)]
    part: Linear,
    #[module(skip)]
    group: SharedGroup,
}

/// A linear layer that is shared out either way.
#[derive(Clone, Debug, Module)]
pub enum ShardedLinear {
    /// By its outputs.
    AllToSharded(AllToShardedLinear),
    /// By its inputs.
    ShardedToAll(ShardedToAllLinear),
}

/// This process's part of `linear`, as a layer that sends what it must.
///
/// # Errors
/// The layer cannot be shared out alike, or it has an adapter.
pub fn shard_linear(
    linear: &Linear,
    sharding: Sharding,
    segments: Segments,
    group: &Rc<Group>,
) -> crate::Result<ShardedLinear> {
    if linear.place().adapter.is_some() {
        return Err(Error::config(
            "adapter",
            "it cannot be shared out: `lora::fuse` it into the layer first",
        ));
    }
    let mut part = linear.clone();
    shard_inplace(&mut part, sharding.of(segments), group)?;
    Ok(match sharding {
        Sharding::AllToSharded => ShardedLinear::AllToSharded(AllToShardedLinear::new(part, group)),
        Sharding::ShardedToAll => ShardedLinear::ShardedToAll(ShardedToAllLinear::new(part, group)),
    })
}

impl AllToShardedLinear {
    /// A layer of this process's part: a weight of `[outputs / processes, inputs]` and its bias.
    pub fn new(part: Linear, group: &Rc<Group>) -> Self {
        Self { part, group: SharedGroup(Rc::clone(group)) }
    }

    /// This process's part of the layer at the path of `w`, which has a weight of `[outputs, inputs]`.
    ///
    /// # Errors
    /// The outputs cannot be shared out alike.
    pub fn load(w: &Weights, shape: [i32; 2], bias: bool, group: &Rc<Group>) -> crate::Result<Self> {
        let mut part = Linear::load(w, shape, bias)?;
        shard_inplace(&mut part, Sharding::AllToSharded.of(Segments::default()), group)?;
        Ok(Self::new(part, group))
    }

    /// `[…, inputs] -> […, outputs / processes]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.part.forward(&with_summed_gradient(x, &self.group)?)
    }
}

impl ShardedToAllLinear {
    /// A layer of this process's part: a weight of `[outputs, inputs / processes]`, and the whole bias.
    pub fn new(part: Linear, group: &Rc<Group>) -> Self {
        Self { part, group: SharedGroup(Rc::clone(group)) }
    }

    /// This process's part of the layer at the path of `w`, which has a weight of `[outputs, inputs]`.
    ///
    /// # Errors
    /// The inputs cannot be shared out alike.
    pub fn load(w: &Weights, shape: [i32; 2], bias: bool, group: &Rc<Group>) -> crate::Result<Self> {
        let mut part = Linear::load(w, shape, bias)?;
        shard_inplace(&mut part, Sharding::ShardedToAll.of(Segments::default()), group)?;
        Ok(Self::new(part, group))
    }

    /// `[…, inputs / processes] -> […, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.part.shift(self.group.all_sum(&self.part.project(x)?)?)
    }
}

impl ShardedLinear {
    /// What the layer gives for the input that it takes: a whole one or a part.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        match self {
            Self::AllToSharded(layer) => layer.forward(x),
            Self::ShardedToAll(layer) => layer.forward(x),
        }
    }
}

layers!(AllToShardedLinear, ShardedLinear, ShardedToAllLinear);

/// `x`, whose gradient is the sum of those of all processes.
#[track_caller]
fn with_summed_gradient(x: &Array, group: &SharedGroup) -> Result<Array> {
    if group.size() == 1 {
        return Ok(x.clone());
    }
    let group = group.clone();
    let same = custom_function(|x: &Array| Ok(x.clone()));
    same.vjp(move |_, cotangent, _| group.all_sum(cotangent)).call(x)
}
