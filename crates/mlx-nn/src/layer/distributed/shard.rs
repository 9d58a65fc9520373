//! Parts of arrays, one for each process.

use mlx_core::distributed::Group;
use mlx_core::transform::Path;
use mlx_core::{Array, concatenate};

use crate::{Error, Module, Parameters, Result, module};

/// How an array is shared out: along an axis, each segment of it alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Shard {
    /// The axis; a negative number counts from the last.
    pub axis: i32,
    /// The segments of the axis.
    pub segments: Segments,
}

/// The segments of an axis, of which every process gets a part each: queries, keys and values in one matrix are
/// three.
#[derive(Clone, Debug, PartialEq)]
pub enum Segments {
    /// So many of equal length.
    Equal(i32),
    /// Those between these places.
    Places(Vec<i32>),
    /// Those between these parts of the whole length, such as 0.5: axes of several lengths, as a quantized matrix has
    /// them, are shared out alike.
    Fractions(Vec<f64>),
}

impl Default for Segments {
    fn default() -> Self {
        Self::Equal(1)
    }
}

/// How a linear layer is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharding {
    /// By its outputs: each process gives a part of them.
    AllToSharded,
    /// By its inputs: each process takes a part of them, and all give the same outputs.
    ShardedToAll,
}

impl Sharding {
    /// The shard of each parameter of a linear layer, for [`shard_inplace`].
    pub fn of(self, segments: Segments) -> impl Fn(&str, &Array) -> Option<Shard> {
        move |path, array| {
            let is_bias = path == "bias" || path.ends_with(".bias");
            let axis = match self {
                Self::AllToSharded if is_bias => -1,
                Self::AllToSharded => (array.ndim() as i32 - 2).max(0),
                Self::ShardedToAll if is_bias => return None,
                Self::ShardedToAll => -1,
            };
            Some(Shard { axis, segments: segments.clone() })
        }
    }
}

/// Leaves a module with the parts of its arrays that belong to this process, where `shard` says so. It sends nothing:
/// a module that works with parts does that itself.
///
/// # Errors
/// An array cannot be shared out alike; then nothing is changed.
pub fn shard_inplace<M: Module>(
    module: &mut M,
    shard: impl Fn(&str, &Array) -> Option<Shard>,
    group: &Group,
) -> Result<()> {
    let mut found = Vec::new();
    module.visit(&mut Path::default(), &mut |path: &str, array: &Array| {
        found.extend(shard(path, array).map(|shard| (path.to_owned(), array.clone(), shard)));
    });
    let parts = found.into_iter().map(|(path, array, shard)| {
        let part = shard.part(&path, &array, group)?;
        Ok((path, part))
    });
    let parts = parts.collect::<Result<Parameters>>()?;
    module::put(module, &parts);
    Ok(())
}

impl Shard {
    /// The part of the array at `path` that belongs to this process.
    pub(super) fn part(&self, path: &str, array: &Array, group: &Group) -> Result<Array> {
        let length = array.dim(self.axis)?;
        let segments = match &self.segments {
            Segments::Equal(count) if *count < 1 || length % count != 0 => {
                let problem =
                    format!("axis {} of {:?} has no {count} equal segments", self.axis, array.shape());
                return Err(Error::config(path, problem));
            }
            Segments::Equal(count) => array.split(*count, self.axis)?,
            Segments::Places(places) => array.split_at(places, self.axis)?,
            Segments::Fractions(fractions) => {
                let places = fractions.iter().map(|fraction| (fraction * f64::from(length)) as i32);
                array.split_at(places.collect::<Vec<_>>(), self.axis)?
            }
        };
        let parts = segments.iter().map(|segment| part_of_segment(path, segment, self.axis, group));
        Ok(concatenate(&parts.collect::<Result<Vec<_>>>()?, self.axis)?.contiguous(false)?)
    }
}

fn part_of_segment(path: &str, segment: &Array, axis: i32, group: &Group) -> Result<Array> {
    let (length, size) = (segment.dim(axis)?, group.size());
    if length == 0 || length % size != 0 {
        let shape = segment.shape();
        let problem = format!("axis {axis} of {shape:?} cannot be shared by {size} processes alike");
        return Err(Error::config(path, problem));
    }
    Ok(segment.split(size, axis)?.swap_remove(group.rank() as usize))
}
