//! Modules of which each process keeps a part.

use std::rc::Rc;

use mlx_core::distributed::Group;
use mlx_core::transform::{Path, custom_function};
use mlx_core::{Array, Device, Dtype, Result, Tree, concatenate};

use super::SharedGroup;
use super::shard::{Segments, Shard};
use crate::optim::clip_to;
use crate::{Error, Layer, Module, Parameters, Visit, module};

/// The elements that a process sends at once, at most: lengths of axes are 32 bits.
const MESSAGE: usize = 1 << 30;

/// A module of whose parameters each process keeps, and updates, a part along the first axis.
///
/// [`whole`](Self::whole) gathers the parameters for one call; backwards, gradients are averaged over the processes
/// and each gets its part. What is not learned stays whole, and so does what an inner module of this type has.
///
/// ```
/// use std::rc::Rc;
///
/// use mlx_core::distributed::{Backend, init};
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::{FullyShardedModule, Mlp, Weights};
///
/// let group = Rc::new(init(Backend::Any, false)?);
/// let mlp = Weights::init(Key::new(0)?).build(|w| Mlp::load(w, 8, 32, false))?;
/// let sharded = FullyShardedModule::new(mlp, &group, None)?;
/// assert_eq!(sharded.forward(&Array::ones([2, 8], Dtype::Float32)?)?.shape(), [2, 8]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct FullyShardedModule<M> {
    shards: Shards,
    module: M,
}

/// What is shared out; a walk finds by it that a module is.
#[derive(Clone, Debug, Module)]
struct Shards {
    #[module(skip)]
    places: Vec<Place>,
    #[module(skip)]
    group: SharedGroup,
    compute_dtype: Option<Dtype>,
}

/// A parameter that is shared out.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    path: String,
    /// The shape of the whole.
    shape: Vec<i32>,
}

impl<M: Module + Clone> FullyShardedModule<M> {
    /// Leaves `module` with the parts that belong to this process. Gathered parameters take the type `compute_dtype`.
    ///
    /// # Errors
    /// A parameter is a number or too large, or its first axis cannot be shared by the processes alike.
    pub fn new(mut module: M, group: &Rc<Group>, compute_dtype: Option<Dtype>) -> crate::Result<Self> {
        let mut found = Learned::default();
        module.visit(&mut Path::default(), &mut found);
        let (mut places, mut parts) = (Vec::new(), Parameters::default());
        for (path, array) in found.arrays {
            if array.ndim() == 0 {
                return Err(Error::config(path, "a number cannot be shared by processes"));
            }
            let part = Shard { axis: 0, segments: Segments::default() }.part(&path, &array, group)?;
            if part.size() > MESSAGE {
                let problem = format!("{} elements in each process are more than {MESSAGE}", part.size());
                return Err(Error::config(path, problem));
            }
            parts.insert(&path, part);
            places.push(Place { path, shape: array.shape().to_vec() });
        }
        module::put(&mut module, &parts);
        let shards = Shards { places, group: SharedGroup(Rc::clone(group)), compute_dtype };
        Ok(Self { shards, module })
    }

    /// This process's part.
    pub fn part(&self) -> &M {
        &self.module
    }

    /// The module with all parameters, gathered from all processes.
    #[track_caller]
    pub fn whole(&self) -> Result<M> {
        let parts = self.module.parameters();
        let mut whole = self.module.clone();
        module::put(&mut whole, &self.shards.gathered(&parts)?);
        Ok(whole)
    }
}

impl<M: Layer + Clone> FullyShardedModule<M> {
    /// What the whole module gives for `x`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        self.whole()?.forward(x)
    }
}

impl<M: Layer + Clone> Layer for FullyShardedModule<M> {
    #[track_caller]
    fn forward(&self, x: &Array) -> Result<Array> {
        self.forward(x)
    }
}

impl Shards {
    /// The whole parameters of these parts.
    fn gathered(&self, parts: &Parameters) -> Result<Parameters> {
        let mut whole = Parameters::default();
        for message in self.messages(parts, MESSAGE) {
            let (places, parts): (Vec<_>, Vec<_>) = message.into_iter().unzip();
            let arrays = self.gather(&places, parts)?;
            whole.extend(places.iter().map(|place| place.path.as_str()).zip(arrays));
        }
        Ok(whole)
    }

    /// What is sent at once: parts of one type, of no more than `limit` elements together.
    fn messages(&self, parts: &Parameters, limit: usize) -> Vec<Vec<(&Place, Array)>> {
        let mut messages: Vec<Vec<(&Place, Array)>> = Vec::new();
        for dtype in Dtype::ALL {
            let mut room = None;
            let here = self.places.iter().filter_map(|place| Some((place, parts.get(&place.path)?)));
            for (place, part) in here.filter(|(_, part)| part.dtype() == dtype) {
                let left: Option<usize> = room.and_then(|room: usize| room.checked_sub(part.size()));
                match (left, messages.last_mut()) {
                    (Some(_), Some(message)) => message.push((place, part.clone())),
                    _ => messages.push(vec![(place, part.clone())]),
                }
                room = left.or(Some(limit.saturating_sub(part.size())));
            }
        }
        messages
    }

    /// The wholes of parts of one type, whose gradient is averaged and shared out.
    fn gather(&self, places: &[&Place], parts: Vec<Array>) -> Result<Vec<Array>> {
        let (group, dtype) = (self.group.clone(), self.compute_dtype);
        let shapes: Vec<_> = places.iter().map(|place| place.shape.clone()).collect();
        let gather = custom_function(move |parts: &Vec<Array>| {
            let row = flat(parts, 1)?;
            let row = dtype.map_or(Ok(row.clone()), |dtype| row.astype(dtype))?;
            apart(&group.all_gather(&row)?, &shapes)
        });
        let group = self.group.clone();
        let gather = gather.vjp(move |parts, cotangents, _| {
            let size = group.size();
            let row = (sum_scatter(&group, &flat(cotangents, size)?)? / size)?;
            apart(&row, &parts.iter().map(|part| part.shape().to_vec()).collect::<Vec<_>>())
        });
        gather.call(&parts)
    }
}

/// The arrays beside each other, each in so many rows.
fn flat(arrays: &[Array], rows: i32) -> Result<Array> {
    let arrays = arrays.iter().map(|array| array.reshape([rows, -1]));
    concatenate(&arrays.collect::<Result<Vec<_>>>()?, 1)
}

/// Arrays of these shapes that lie beside each other.
fn apart(flat: &Array, shapes: &[Vec<i32>]) -> Result<Vec<Array>> {
    let rows = flat.dim(0)? as usize;
    let ends = shapes.iter().scan(0, |end, shape| {
        *end += shape.iter().map(|&length| length as usize).product::<usize>() / rows.max(1);
        Some(*end as i32)
    });
    let parts = flat.split_at(ends.collect::<Vec<_>>(), 1)?;
    parts.iter().zip(shapes).map(|(part, shape)| part.reshape(shape)).collect()
}

/// This process's row of the sum over all. On CPUs all rows are summed: MLX has no other way there.
fn sum_scatter(group: &Group, rows: &Array) -> Result<Array> {
    if !Device::current().is_cpu() {
        return group.sum_scatter(rows);
    }
    let rank = group.rank();
    group.all_sum(rows)?.index(rank..=rank)
}

/// Finds what is learned and not shared out already.
#[derive(Default)]
struct Learned {
    arrays: Vec<(String, Array)>,
    /// Beginnings of the paths of what is.
    sharded: Vec<String>,
}

impl<'a> Visit<'a> for Learned {
    fn parameter(&mut self, path: &str, array: &'a Array) {
        let is_sharded = self.sharded.iter().any(|prefix| path.starts_with(prefix));
        if array.dtype().is_float() && !is_sharded {
            self.arrays.push((path.to_owned(), array.clone()));
        }
    }

    fn buffer(&mut self, _: &str, _: &'a Array) {}

    fn module(&mut self, path: &str, module: &'a dyn Module) {
        if let Some(outer) = path.strip_suffix("shards")
            && module.downcast_ref::<Shards>().is_some()
        {
            self.sharded.push(format!("{outer}module."));
        }
    }
}

/// `gradients`, of which each process has a part, made smaller where the norm of all is greater than `max_norm`; and
/// the norm.
///
/// # Errors
/// `max_norm` is below 0.
#[track_caller]
pub fn clip_grad_norm_sharded<T: Tree>(gradients: &T, max_norm: f64, group: &Group) -> Result<(T, Array)> {
    let mut squares = Array::from(0.0_f32);
    for gradient in gradients.leaves() {
        squares = (squares + gradient.square()?.sum(..)?)?;
    }
    clip_to("clip_grad_norm_sharded", gradients, &group.all_sum(&squares)?, max_norm)
}

#[cfg(test)]
mod tests {
    use mlx_core::distributed::{Backend, init};

    use super::*;

    #[test]
    fn a_norm_below_zero_turns_no_gradient_around() {
        let group = init(Backend::Any, false).unwrap();
        let error = clip_grad_norm_sharded(&Array::from([3.0, 4.0]), -1.0, &group).unwrap_err();
        assert_eq!(error.message(), "max_norm is -1: give 0 or more");
    }

    #[test]
    fn messages_are_of_one_type_and_not_too_long() {
        let parts = [("a", 3, Dtype::Float32), ("b", 2, Dtype::Float16), ("c", 4, Dtype::Float32)]
            .into_iter()
            .chain([("d", 9, Dtype::Float32), ("e", 0, Dtype::Float32), ("f", 1, Dtype::Float16)]);
        let parts: Parameters =
            parts.map(|(path, size, dtype)| (path, Array::ones([size], dtype).unwrap())).collect();
        let place =
            |(path, part): (&str, &Array)| Place { path: path.to_owned(), shape: part.shape().to_vec() };
        let shards = Shards {
            places: parts.iter().map(place).collect(),
            group: SharedGroup(Rc::new(init(Backend::Any, false).unwrap())),
            compute_dtype: None,
        };
        let messages = shards.messages(&parts, 7);
        let names = |message: &Vec<(&Place, Array)>| message.iter().map(|(place, _)| &*place.path).collect();
        assert_eq!(messages.iter().map(names).collect::<Vec<String>>(), ["bf", "ac", "de"]);
    }
}
