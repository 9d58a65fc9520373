//! Arrays by path: the parameters of a model, their gradients, the state of an optimiser.

use std::collections::{BTreeMap, btree_map};

use mlx_core::transform::Path;
use mlx_core::{Array, Error, Result, Tree, io};

/// Arrays by path, such as `layers.0.weight`, in the order of the paths.
///
/// It is a [`Tree`], so that it can be an argument and a value of transforms; `tree_zip` combines two.
///
/// ```
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::{Module, Weights};
///
/// let mut layer = Weights::init(Key::new(0)?).linear_with_bias("l", [4, 8], true)?;
/// let halves = layer.parameters().map(|_, array| array * 0.5)?;
/// assert_eq!(halves.names().collect::<Vec<_>>(), ["bias", "weight"]);
/// assert_eq!((halves.elements(), halves.nbytes()), (36, 144));
/// layer.update(&halves)?;
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parameters(BTreeMap<String, Array>);

impl Parameters {
    /// The array at `path`.
    pub fn get(&self, path: &str) -> Option<&Array> {
        self.0.get(path)
    }

    /// Puts `array` at `path`, and returns what was there.
    pub fn insert(&mut self, path: impl Into<String>, array: Array) -> Option<Array> {
        self.0.insert(path.into(), array)
    }

    /// Takes the array at `path` out.
    pub fn remove(&mut self, path: &str) -> Option<Array> {
        self.0.remove(path)
    }

    /// Keeps the arrays whose paths `predicate` accepts.
    #[must_use]
    pub fn filter(mut self, mut predicate: impl FnMut(&str) -> bool) -> Self {
        self.0.retain(|path, _| predicate(path));
        self
    }

    /// The paths.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The arrays.
    pub fn values(&self) -> impl Iterator<Item = &Array> {
        self.0.values()
    }

    /// The arrays with their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.0.iter().map(|(path, array)| (path.as_str(), array))
    }

    /// What `map` makes of each array.
    #[track_caller]
    pub fn map(&self, map: impl FnMut(&str, &Array) -> Result<Array>) -> Result<Self> {
        self.tree_map(map)
    }

    /// The arrays of a file, in any format that [`io::load`] knows. Each is read when it is first used.
    #[track_caller]
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Self> {
        match io::load(path)? {
            io::Loaded::Arrays(arrays) => Ok(Self(arrays)),
            io::Loaded::Array(_) => {
                Err(Error::custom("load", "the file has one array without a name: read it with load_npy"))
            }
        }
    }

    /// Writes the arrays and free text to a safetensors file, beside `path`, then puts it in place.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<std::path::Path>, metadata: &BTreeMap<String, String>) -> Result<()> {
        io::save_safetensors(path, self.iter(), metadata)
    }

    /// The number of arrays.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no arrays.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of elements of all arrays.
    pub fn elements(&self) -> usize {
        self.0.values().map(Array::size).sum()
    }

    /// Bytes of all arrays.
    pub fn nbytes(&self) -> usize {
        self.0.values().map(Array::nbytes).sum()
    }
}

impl Tree for Parameters {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        self.0.visit_leaves(path, visit);
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        self.0.map_leaves(path, map).map(Self)
    }

    fn same_form(&self, other: &Self) -> bool {
        self.0.same_form(&other.0)
    }
}

impl<P: Into<String>> FromIterator<(P, Array)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (P, Array)>>(arrays: I) -> Self {
        Self(arrays.into_iter().map(|(path, array)| (path.into(), array)).collect())
    }
}

impl<P: Into<String>> Extend<(P, Array)> for Parameters {
    fn extend<I: IntoIterator<Item = (P, Array)>>(&mut self, arrays: I) {
        self.0.extend(arrays.into_iter().map(|(path, array)| (path.into(), array)));
    }
}

impl IntoIterator for Parameters {
    type Item = (String, Array);
    type IntoIter = btree_map::IntoIter<String, Array>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<BTreeMap<String, Array>> for Parameters {
    fn from(arrays: BTreeMap<String, Array>) -> Self {
        Self(arrays)
    }
}

impl From<Parameters> for BTreeMap<String, Array> {
    fn from(parameters: Parameters) -> Self {
        parameters.0
    }
}
