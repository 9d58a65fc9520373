//! The arrays of a checkpoint, handed out by name and checked.

mod layers;
mod quantized;
mod report;

pub use report::{Misshapen, Report};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::rc::Rc;

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Precision};

use crate::{Error, QuantizationConfig, Result};

/// A checkpoint's arrays, seen from a path in it: names are relative, as after `cd`.
///
/// A method that does not find what it is asked for notes that and returns a placeholder, so that one load
/// finds every fault. Only [`build`](Self::build) or [`finish`](Self::finish) say whether the result is whole.
#[derive(Clone)]
pub struct Weights {
    /// Its names, with dots between them; empty at the root.
    path: String,
    dtype: Option<Dtype>,
    precision: Precision,
    checkpoint: Rc<Checkpoint>,
}

/// What all scopes of a checkpoint share.
struct Checkpoint {
    arrays: BTreeMap<String, Array>,
    quantization: Option<QuantizationConfig>,
    /// What parameters are drawn with, where there is no checkpoint.
    seed: Option<Key>,
    /// Keys that were asked for, and those to ignore.
    taken: RefCell<BTreeSet<String>>,
    faults: RefCell<Faults>,
}

#[derive(Default)]
struct Faults {
    missing: Vec<String>,
    misshapen: Vec<Misshapen>,
}

/// What an array may hold.
#[derive(Clone, Copy)]
enum Elements {
    Any,
    Floats,
    Only(Dtype),
}

impl Weights {
    /// The arrays by name, and what the checkpoint's config says of their quantization.
    pub fn new(arrays: BTreeMap<String, Array>, quantization: Option<QuantizationConfig>) -> Self {
        Self::of(arrays, quantization, None)
    }

    /// Weights without a checkpoint: each parameter is drawn by its layer's initialiser.
    ///
    /// The values of a parameter depend on `key` and its path alone.
    ///
    /// ```
    /// use mlx_core::random::Key;
    /// use mlx_nn::{Mlp, Weights};
    ///
    /// let mlp = Weights::init(Key::new(7)?).build(|w| Mlp::load(w, 8, 32, false))?;
    /// # Ok::<(), mlx_nn::Error>(())
    /// ```
    pub fn init(key: Key) -> Self {
        Self::of(BTreeMap::new(), None, Some(key))
    }

    fn of(
        arrays: BTreeMap<String, Array>,
        quantization: Option<QuantizationConfig>,
        seed: Option<Key>,
    ) -> Self {
        let (taken, faults) = (RefCell::default(), RefCell::default());
        let checkpoint = Rc::new(Checkpoint { arrays, quantization, seed, taken, faults });
        Self { path: String::new(), dtype: None, precision: Precision::Exact, checkpoint }
    }

    /// The same scope, from which floats are taken as `dtype`, or as they are stored if it is `None`.
    ///
    /// Packed elements of quantized layers stay as they are; their float scales and biases do not.
    #[must_use]
    pub fn with_dtype(self, dtype: Option<Dtype>) -> Self {
        Self { dtype, ..self }
    }

    /// The same scope, whose quantized matrices are multiplied with such precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Builds a model from these weights: all of it, or the error that lists what does not fit.
    ///
    /// # Errors
    /// Keys are missing, unused or misshapen, or `load` fails for another reason.
    pub fn build<M, E: From<Error>>(self, load: impl FnOnce(&Self) -> Result<M, E>) -> Result<M, E> {
        let model = load(&self)?;
        self.finish()?;
        Ok(model)
    }

    /// The scope `name` in this one.
    #[must_use]
    pub fn at(&self, name: impl Display) -> Self {
        Self { path: self.key(&name.to_string()), ..self.clone() }
    }

    /// The scopes `name.0`, `name.1` and so on.
    pub fn each(&self, name: &str, count: usize) -> impl Iterator<Item = Self> + use<> {
        let list = self.at(name);
        (0..count).map(move |index| list.at(index))
    }

    /// Whether the checkpoint has an array `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.checkpoint.arrays.contains_key(&self.key(name))
    }

    /// The shape of the array `name`, if the checkpoint has it: for layers that are stored in more than one way.
    pub fn shape(&self, name: &str) -> Option<&[i32]> {
        self.checkpoint.arrays.get(&self.key(name)).map(Array::shape)
    }

    /// The array `name`, which must have this shape.
    pub fn array(&self, name: &str, shape: impl AsRef<[i32]>) -> Result<Array> {
        self.take(name, shape.as_ref(), Elements::Any)
    }

    /// The floats `name` of this shape, from the checkpoint; without one ([`Weights::init`]) what `init` makes of
    /// the shape and a key of its own. Layers take by it all that they can start with: buffers, too.
    ///
    /// ```
    /// use mlx_core::{Dtype, random::Key};
    /// use mlx_nn::{Weights, init};
    ///
    /// let w = Weights::init(Key::new(7)?);
    /// let scale = w.parameter("scale", [4], |shape, _| init::constant(shape, 1, Dtype::Float32))?;
    /// assert_eq!(scale.to_vec::<f32>()?, [1.0; 4]);
    /// # Ok::<(), mlx_nn::Error>(())
    /// ```
    pub fn parameter(
        &self,
        name: &str,
        shape: impl AsRef<[i32]>,
        init: impl FnOnce(&[i32], &Key) -> mlx_core::Result<Array>,
    ) -> Result<Array> {
        let shape = shape.as_ref();
        match &self.checkpoint.seed {
            Some(seed) => self.drawn(name, shape, init(shape, &of_path(seed, &self.key(name))?)?),
            None => self.take(name, shape, Elements::Floats),
        }
    }

    /// Lets the keys of this scope that `predicate` accepts be left over. It sees whole keys.
    pub fn ignore(&self, predicate: impl Fn(&str) -> bool) {
        let scope = self.key("");
        let keys = self.checkpoint.arrays.keys().filter(|key| key.starts_with(&scope) && predicate(key));
        self.checkpoint.taken.borrow_mut().extend(keys.cloned());
    }

    /// Checks that all that was taken from the checkpoint, in any scope, was there, and that nothing is left.
    ///
    /// # Errors
    /// [`Error::Weights`] lists every missing, unused and misshapen key.
    pub fn finish(&self) -> Result<()> {
        let Checkpoint { arrays, taken, faults, .. } = &*self.checkpoint;
        let (taken, faults) = (taken.borrow(), faults.borrow());
        let report = Report {
            missing: faults.missing.clone(),
            unused: arrays.keys().filter(|key| !taken.contains(*key)).cloned().collect(),
            misshapen: faults.misshapen.clone(),
        };
        if report.is_empty() { Ok(()) } else { Err(report.into()) }
    }

    /// The array `name`, or zeros if it is not there or not as expected.
    fn take(&self, name: &str, shape: &[i32], elements: Elements) -> Result<Array> {
        let Some(array) = self.find(name) else {
            self.checkpoint.faults.borrow_mut().missing.push(self.key(name));
            return Ok(Array::zeros(shape, Dtype::Float32)?);
        };
        if array.shape() != shape || !elements.include(array.dtype()) {
            self.misfit(name, described(array), format!("{shape:?}{elements}"));
            return Ok(Array::zeros(shape, Dtype::Float32)?);
        }
        Ok(self.cast(array.clone())?)
    }

    /// `array` as the initial value of `name`.
    fn drawn(&self, name: &str, shape: &[i32], array: Array) -> Result<Array> {
        if array.shape() == shape {
            return Ok(self.cast(array)?);
        }
        let problem = format!("its initial value is {}, not of shape {shape:?}", described(&array));
        Err(Error::config(self.key(name), problem))
    }

    /// `array` in the type that was asked for, if it holds floats.
    fn cast(&self, array: Array) -> mlx_core::Result<Array> {
        match self.dtype {
            Some(dtype) if array.dtype().is_float() && array.dtype() != dtype => array.astype(dtype),
            _ => Ok(array),
        }
    }

    /// The array `name`, which from now on counts as used.
    fn find(&self, name: &str) -> Option<&Array> {
        let key = self.key(name);
        let array = self.checkpoint.arrays.get(&key)?;
        self.checkpoint.taken.borrow_mut().insert(key);
        Some(array)
    }

    /// Notes that `name` is not what it should be.
    fn misfit(&self, name: &str, found: String, expected: String) {
        let misshapen = Misshapen { name: self.key(name), found, expected };
        self.checkpoint.faults.borrow_mut().misshapen.push(misshapen);
    }

    /// The whole key of `name`; the scope's prefix for an empty one.
    fn key(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

/// The key of the parameter at `path`, whichever parameters are drawn before it.
fn of_path(seed: &Key, path: &str) -> mlx_core::Result<Key> {
    let hash = fnv(path.as_bytes());
    let hash = Array::from_slice(&[(hash >> 32) as u32, hash as u32], [2])?;
    Key::from_array((seed.array() ^ &hash)?)
}

/// The hash FNV-1a of 64 bits, of Fowler, Noll and Vo.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// An array in a report: `[64, 32] float32`.
pub(crate) fn described(array: &Array) -> String {
    format!("{:?} {}", array.shape(), array.dtype())
}

impl Elements {
    fn include(self, dtype: Dtype) -> bool {
        match self {
            Self::Any => true,
            Self::Floats => dtype.is_float(),
            Self::Only(only) => dtype == only,
        }
    }
}

/// What follows a shape.
impl Display for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Floats => f.write_str(" float"),
            Self::Only(dtype) => write!(f, " {dtype}"),
        }
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights(`{}` of {} arrays)", self.path, self.checkpoint.arrays.len())
    }
}
