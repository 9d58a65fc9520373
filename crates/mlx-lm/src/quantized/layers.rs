//! The layers of a checkpoint while they change their form.

use std::collections::BTreeSet;

use mlx_core::{Array, Dtype, Quantized};
use mlx_nn::{Misshapen, Report};

use crate::tensors::Arrays;
use crate::{Error, Result};

/// A checkpoint's arrays, and what floats made of several arrays become.
pub(super) struct Layers<'a> {
    arrays: &'a mut Arrays,
    dtype: Option<Dtype>,
    /// Keys that a model may leave unused.
    pub(super) idle: BTreeSet<String>,
}

/// The arrays at one path.
pub(super) struct Layer<'a> {
    pub(super) path: String,
    arrays: &'a mut Arrays,
    dtype: Option<Dtype>,
}

/// A layer's weight as models take it.
pub(super) enum Form {
    Dense(Array),
    Quantized(Quantized),
}

impl<'a> Layers<'a> {
    pub(super) fn new(arrays: &'a mut Arrays, dtype: Option<Dtype>) -> Self {
        Self { arrays, dtype, idle: BTreeSet::new() }
    }

    /// The paths that have an array `part`.
    pub(super) fn with(&self, part: &str) -> Vec<String> {
        let paths = self.arrays.keys().filter_map(|key| key.strip_suffix(part)?.strip_suffix('.'));
        paths.map(str::to_owned).collect()
    }

    pub(super) fn at(&mut self, path: String) -> Layer<'_> {
        Layer { path, arrays: self.arrays, dtype: self.dtype }
    }

    /// Forgets the arrays with these last names, wherever they are: what only integer activations need.
    pub(super) fn forget(&mut self, parts: &[&str]) {
        self.arrays.retain(|key, _| !parts.iter().any(|&part| key.rsplit('.').next() == Some(part)));
    }

    /// Lets the bias of the layer at `path` be left over if it is zeros: some programs store one for every layer.
    pub(super) fn let_zero_bias_idle(&mut self, path: &str) -> Result<()> {
        let key = format!("{path}.bias");
        if let Some(bias) = self.arrays.get(&key)
            && !bias.any(..)?.item::<bool>()?
        {
            self.idle.insert(key);
        }
        Ok(())
    }

    /// Gives each array another key, and other contents.
    pub(super) fn rename(&mut self, change: impl Fn(String, Array) -> Result<(String, Array)>) -> Result<()> {
        let old = std::mem::take(self.arrays);
        *self.arrays = old.into_iter().map(|(key, array)| change(key, array)).collect::<Result<_>>()?;
        Ok(())
    }
}

impl Layer<'_> {
    /// The type of the array `part`, if there is one.
    pub(super) fn dtype_of(&self, part: &str) -> Option<Dtype> {
        self.arrays.get(&self.key(part)).map(Array::dtype)
    }

    /// Takes the array `part` out.
    pub(super) fn take(&mut self, part: &str) -> Option<Array> {
        self.arrays.remove(&self.key(part))
    }

    /// Takes out an array that has to be there, with a type of the right size and this number of axes.
    pub(super) fn need(&mut self, part: &str, dtypes: &[Dtype], axes: usize) -> Result<Array> {
        let Some(array) = self.take(part) else {
            let report = Report { missing: vec![self.key(part)], ..Report::default() };
            return Err(Error::Weights(report.into()));
        };
        if dtypes.contains(&array.dtype()) && array.ndim() == axes {
            return Ok(array);
        }
        let names: Vec<_> = dtypes.iter().map(ToString::to_string).collect();
        Err(self.misfit(part, &array, format!("{} of {axes} axes", names.join(" or "))))
    }

    /// Words of 32 bits `[rows, words]`, whatever their sign.
    pub(super) fn words(&mut self, part: &str) -> Result<Array> {
        Ok(self.need(part, &[Dtype::Int32, Dtype::Uint32], 2)?.view(Dtype::Uint32)?)
    }

    /// The float scales `[_, _]`.
    pub(super) fn scales(&mut self, part: &str) -> Result<Array> {
        self.need(part, &FLOATS, 2)
    }

    pub(super) fn put(&mut self, form: Form) {
        match form {
            Form::Dense(weight) => self.insert("weight", weight),
            Form::Quantized(Quantized { weight, scales, biases, .. }) => {
                self.insert("weight", weight);
                self.insert("scales", scales);
                if let Some(biases) = biases {
                    self.insert("biases", biases);
                }
            }
        }
    }

    pub(super) fn insert(&mut self, part: &str, array: Array) {
        self.arrays.insert(self.key(part), array);
    }

    /// What floats of this layer become.
    pub(super) fn dtype(&self, scales: &Array) -> Dtype {
        let own = scales.dtype();
        self.dtype.unwrap_or(if own.is_float() { own } else { Dtype::Float32 })
    }

    /// The error about an array that is not as the format has it.
    pub(super) fn misfit(&self, part: &str, found: &Array, expected: impl Into<String>) -> Error {
        let found = format!("{:?} {}", found.shape(), found.dtype());
        let misshapen = Misshapen { name: self.key(part), found, expected: expected.into() };
        Error::Weights(Report { misshapen: vec![misshapen], ..Report::default() }.into())
    }

    fn key(&self, part: &str) -> String {
        format!("{}.{part}", self.path)
    }
}

pub(super) const FLOATS: [Dtype; 3] = [Dtype::Float16, Dtype::Bfloat16, Dtype::Float32];
