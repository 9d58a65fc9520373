//! Computed data that may go to other threads.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use crate::ffi::frozen::Shared;
use crate::{Array, Dtype, Result, eval};

/// The data of an array, computed, for use on any thread. A clone is cheap, and nothing is copied.
///
/// ```
/// use mlx_core::prelude::*;
///
/// let weights = Array::from([1.0, 2.0]).freeze()?;
/// let sum = std::thread::spawn(move || weights.thaw()?.sum(..)?.item::<f32>());
/// assert_eq!(sum.join().unwrap()?, 3.0);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Frozen(Arc<Inner>);

struct Inner {
    shared: Shared,
    shape: Vec<i32>,
    dtype: Dtype,
}

impl Frozen {
    /// The length of each axis.
    pub fn shape(&self) -> &[i32] {
        &self.0.shape
    }

    /// The type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.0.dtype
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frozen({:?}, {})", self.shape(), self.dtype())
    }
}

/// What becomes data for other threads: arrays, and lists and maps of them.
pub trait Freeze {
    /// What it becomes.
    type Frozen: Send + Sync + 'static;

    /// Computes the arrays and returns their data when that is done. The arrays stay as they are.
    ///
    /// # Errors
    /// MLX cannot compute one of them.
    fn freeze(&self) -> Result<Self::Frozen>;
}

/// What becomes arrays of the thread that asks.
pub trait Thaw {
    /// What it becomes.
    type Thawed;

    /// Arrays of this thread with the same data, without a copy.
    ///
    /// # Errors
    /// The thread is ending.
    fn thaw(&self) -> Result<Self::Thawed>;
}

impl Freeze for Array {
    type Frozen = Frozen;

    #[track_caller]
    fn freeze(&self) -> Result<Frozen> {
        let shared = Shared::of(self)?;
        Ok(Frozen(Arc::new(Inner { shared, shape: self.shape().to_vec(), dtype: self.dtype() })))
    }
}

impl Thaw for Frozen {
    type Thawed = Array;

    #[track_caller]
    fn thaw(&self) -> Result<Array> {
        self.0.shared.array()
    }
}

impl Freeze for [Array] {
    type Frozen = Vec<Frozen>;

    #[track_caller]
    fn freeze(&self) -> Result<Vec<Frozen>> {
        eval(self)?;
        self.iter().map(Array::freeze).collect()
    }
}

impl Thaw for [Frozen] {
    type Thawed = Vec<Array>;

    #[track_caller]
    fn thaw(&self) -> Result<Vec<Array>> {
        self.iter().map(Frozen::thaw).collect()
    }
}

impl<K: Clone + Ord + Send + Sync + 'static> Freeze for BTreeMap<K, Array> {
    type Frozen = BTreeMap<K, Frozen>;

    #[track_caller]
    fn freeze(&self) -> Result<Self::Frozen> {
        eval(self.values())?;
        self.iter().map(|(key, array)| Ok((key.clone(), array.freeze()?))).collect()
    }
}

impl<K: Clone + Ord> Thaw for BTreeMap<K, Frozen> {
    type Thawed = BTreeMap<K, Array>;

    #[track_caller]
    fn thaw(&self) -> Result<Self::Thawed> {
        self.iter().map(|(key, frozen)| Ok((key.clone(), frozen.thaw()?))).collect()
    }
}

impl<K, S> Freeze for HashMap<K, Array, S>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    type Frozen = HashMap<K, Frozen, S>;

    #[track_caller]
    fn freeze(&self) -> Result<Self::Frozen> {
        eval(self.values())?;
        self.iter().map(|(key, array)| Ok((key.clone(), array.freeze()?))).collect()
    }
}

impl<K: Clone + Eq + Hash, S: BuildHasher + Default> Thaw for HashMap<K, Frozen, S> {
    type Thawed = HashMap<K, Array, S>;

    #[track_caller]
    fn thaw(&self) -> Result<Self::Thawed> {
        self.iter().map(|(key, frozen)| Ok((key.clone(), frozen.thaw()?))).collect()
    }
}
