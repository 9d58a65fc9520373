//! The arguments of a case by MLX's Python names.

use mlx_core::{Axes, Dtype, Scalar, keep};
use serde_json::Value;

/// What is absent is the default of Python.
#[derive(Clone, Copy)]
pub(super) struct Args<'a>(&'a Value);

/// The type of a short name.
pub(super) fn dtype(name: &str) -> Dtype {
    let long = match name {
        "u8" => "uint8",
        "u16" => "uint16",
        "u32" => "uint32",
        "u64" => "uint64",
        "i8" => "int8",
        "i16" => "int16",
        "i32" => "int32",
        "i64" => "int64",
        "f16" => "float16",
        "bf16" => "bfloat16",
        "f32" => "float32",
        "f64" => "float64",
        "c64" => "complex64",
        other => other,
    };
    long.parse().unwrap()
}

/// The lengths of `2,3`; `-` has none.
pub(super) fn lengths(text: &str) -> Vec<i32> {
    if text == "-" { Vec::new() } else { text.split(',').map(|length| length.parse().unwrap()).collect() }
}

fn whole(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap_or_else(|| panic!("{value} is not a whole number"))).unwrap()
}

impl<'a> Args<'a> {
    pub(super) fn new(args: &'a Value) -> Self {
        Self(args)
    }

    /// The argument, unless it is absent or `null`.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn expect(self, name: &str) -> &'a Value {
        self.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    pub(super) fn int(self, name: &str) -> i32 {
        whole(self.expect(name))
    }

    pub(super) fn int_or(self, name: &str, default: i32) -> i32 {
        self.get(name).map_or(default, whole)
    }

    pub(super) fn float(self, name: &str) -> f64 {
        self.expect(name).as_f64().unwrap()
    }

    pub(super) fn float_or(self, name: &str, default: f64) -> f64 {
        self.get(name).map_or(default, |value| value.as_f64().unwrap())
    }

    pub(super) fn seed(self) -> u64 {
        self.expect("seed").as_u64().unwrap()
    }

    /// A truth value; false if absent.
    pub(super) fn flag(self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.as_bool().unwrap())
    }

    pub(super) fn text(self, name: &str) -> &'a str {
        self.expect(name).as_str().unwrap()
    }

    pub(super) fn dtype(self) -> Dtype {
        dtype(self.text("dtype"))
    }

    pub(super) fn ints(self, name: &str) -> Vec<i32> {
        self.expect(name).as_array().unwrap().iter().map(whole).collect()
    }

    /// One number for each of `N` axes; a single one stands for all.
    pub(super) fn each<const N: usize>(self, name: &str, default: i32) -> [i32; N] {
        match self.get(name) {
            Some(Value::Array(_)) => self.ints(name).try_into().unwrap(),
            Some(value) => [whole(value); N],
            None => [default; N],
        }
    }

    /// A number of Python.
    pub(super) fn scalar(self, name: &str) -> Option<Scalar> {
        self.get(name).map(|value| match value {
            Value::Bool(truth) => Scalar::Bool(*truth),
            Value::Number(number) if number.is_f64() => Scalar::Float(number.as_f64().unwrap()),
            other => Scalar::Int(other.as_i64().unwrap()),
        })
    }

    /// The axes of `name`, all of them if it is absent.
    pub(super) fn axes_of(self, name: &str) -> Axes {
        match self.get(name) {
            Some(Value::Array(list)) => list.iter().map(whole).collect::<Vec<_>>().as_slice().into(),
            Some(axis) => whole(axis).into(),
            None => (..).into(),
        }
    }

    /// `axis`, kept if `keepdims` says so.
    pub(super) fn axes(self) -> Axes {
        let axes = self.axes_of("axis");
        if self.flag("keepdims") { keep(axes) } else { axes }
    }
}
