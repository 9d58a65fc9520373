//! Layers against their Python twins: outputs, and gradients with respect to inputs and parameters.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, transform};
use mlx_nn::{Parameters, Weights};
use mlx_testkit::{Golden, cases, max_abs};
use serde_json::Value;

use crate::fixture;

/// How far a result may be from Python's, relative to the greatest magnitude of an array.
const BOUND: f64 = 5e-5;

/// A case of a topic of `xtask/golden`.
pub(crate) struct LayerCase {
    golden: Golden,
    json: Value,
}

impl LayerCase {
    /// The cases of `topic`, which are at least one.
    pub(crate) fn all(topic: &str) -> Vec<Self> {
        let golden = Golden::open(fixture::golden("mlx-nn", &format!("{topic}.safetensors")));
        let cases = cases(fixture::golden("mlx-nn", &format!("{topic}.json")));
        cases.into_iter().map(|json| Self { golden: golden.clone(), json }).collect()
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_else(|| panic!("{key} of {}", self.json))
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        serde_json::from_value(self.json[key].clone()).unwrap()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.optional_flag(key).unwrap_or_else(|| panic!("{key} of {}", self.json))
    }

    pub(crate) fn optional_flag(&self, key: &str) -> Option<bool> {
        self.json[key].as_bool()
    }

    pub(crate) fn int(&self, key: &str) -> i32 {
        self.optional_int(key).unwrap_or_else(|| panic!("{key} of {}", self.json))
    }

    pub(crate) fn optional_int(&self, key: &str) -> Option<i32> {
        self.json[key].as_i64().map(|int| int as i32)
    }

    pub(crate) fn ints<const N: usize>(&self, key: &str) -> [i32; N] {
        serde_json::from_value::<Vec<i32>>(self.json[key].clone()).unwrap().try_into().unwrap()
    }

    pub(crate) fn float(&self, key: &str) -> f32 {
        self.optional_float(key).unwrap_or_else(|| panic!("{key} of {}", self.json))
    }

    pub(crate) fn optional_float(&self, key: &str) -> Option<f32> {
        self.json[key].as_f64().map(|float| float as f32)
    }

    pub(crate) fn floats(&self, key: &str) -> Vec<f64> {
        serde_json::from_value(self.json[key].clone()).unwrap()
    }

    /// The arrays of a kind by name.
    pub(crate) fn arrays(&self, kind: &str) -> BTreeMap<String, Array> {
        let prefix = format!("{}/{kind}/", self.text("name"));
        let names = self.golden.names().filter_map(|name| name.strip_prefix(&prefix));
        names
            .map(|name| (name.to_owned(), fixture::array(&self.golden, &format!("{prefix}{name}"))))
            .collect()
    }

    /// Builds the layer from the case's parameters, and compares all that it gives with Python's.
    ///
    /// `call` takes the layer and the inputs in order.
    pub(crate) fn check<M>(
        &self,
        load: impl Fn(&Weights) -> mlx_nn::Result<M>,
        call: impl Fn(&M, &[Array]) -> mlx_core::Result<Vec<Array>>,
    ) {
        let primals = (self.arrays("parameter"), self.arrays("input"));
        let cotangents: Vec<_> = self.arrays("cotangent").into_values().collect();
        let run = |(parameters, inputs): &(BTreeMap<String, Array>, BTreeMap<String, Array>)| {
            let layer = Weights::new(parameters.clone(), None).build(|w| load(w)).unwrap();
            call(&layer, &inputs.values().cloned().collect::<Vec<_>>())
        };
        let (outputs, (parameters, inputs)) = transform::vjp(run, &primals, &cotangents).unwrap();
        let outputs = (0..).map(|at: i32| at.to_string()).zip(outputs).collect();
        let worst = [
            self.compare("output", &outputs),
            self.compare("gradient/parameter", &parameters),
            self.compare("gradient/input", &inputs),
        ];
        eprintln!("{}: {:.1e}", self.text("name"), worst.into_iter().fold(0.0, f64::max));
    }

    /// The worst error of the arrays of a kind; Python has none for those that are no floats.
    fn compare(&self, kind: &str, actual: &BTreeMap<String, Array>) -> f64 {
        let expected = self.arrays(kind);
        let missing: Vec<_> = expected.keys().filter(|name| !actual.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{}: {kind} has no {missing:?}", self.text("name"));
        // A gradient that is zero but for rounding is measured by the others.
        let least = BOUND * expected.values().map(greatest).fold(0.0, f64::max);
        let errors = expected.iter().map(|(name, expected)| {
            let scale = greatest(expected);
            let error = error(&actual[name], expected, if scale < least { least / BOUND } else { scale });
            assert!(error <= BOUND, "{}/{kind}/{name} is off by {error:.1e}", self.text("name"));
            error
        });
        errors.fold(0.0, f64::max)
    }
}

/// The greatest difference over the greatest magnitude of `expected`.
#[track_caller]
pub(crate) fn relative_error(actual: &Array, expected: &Array) -> f64 {
    error(actual, expected, greatest(expected))
}

/// The greatest difference in units of `scale`.
#[track_caller]
fn error(actual: &Array, expected: &Array, scale: f64) -> f64 {
    assert_eq!(actual.shape(), expected.shape());
    let error = max_abs(&floats(actual), &floats(expected));
    if error == 0.0 { 0.0 } else { error / scale }
}

fn greatest(array: &Array) -> f64 {
    floats(array).into_iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max)
}

fn floats(array: &Array) -> Vec<f32> {
    array.astype(Dtype::Float32).unwrap().to_vec().unwrap()
}

/// The shape, least and greatest value of each parameter that a fresh tree has.
pub(crate) fn extents(parameters: &Parameters) -> BTreeMap<String, (Vec<i32>, f32, f32)> {
    let extent = |array: &Array| {
        let item = |array: mlx_core::Result<Array>| array.unwrap().item::<f32>().unwrap();
        (array.shape().to_vec(), item(array.min(..)), item(array.max(..)))
    };
    parameters.iter().map(|(name, array)| (name.to_owned(), extent(array))).collect()
}
