//! Layers whose parameters are shared out among the processes of a [`Group`].
//!
//! Every process builds the same layer and keeps its part. [`AllToShardedLinear`] and [`ShardedToAllLinear`] one
//! after the other send once forwards and once backwards; [`FullyShardedModule`] keeps a part of any module and sends
//! all of it when it is called.

mod fully_sharded;
mod linear;
mod shard;

pub use fully_sharded::{FullyShardedModule, clip_grad_norm_sharded};
pub use linear::{AllToShardedLinear, ShardedLinear, ShardedToAllLinear, shard_linear};
pub use shard::{Segments, Shard, Sharding, shard_inplace};

use std::ops::Deref;
use std::rc::Rc;

use mlx_core::distributed::Group;

/// A group that layers hold together.
#[derive(Clone, Debug)]
struct SharedGroup(Rc<Group>);

impl Deref for SharedGroup {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl PartialEq for SharedGroup {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}
