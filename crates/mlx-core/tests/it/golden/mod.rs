//! Every case of `tests/golden/ops`, which MLX's Python interface computed; `xtask/golden/ops.py` says how.

mod args;
mod binary;
mod chance;
mod create;
mod fast;
mod fourier;
mod index;
mod linalg;
mod product;
mod promotion;
mod quantized;
mod recipe;
mod reduce;
mod shape;
mod sort;
mod unary;
mod values;

use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, Result, eval};
use mlx_testkit::{Tolerance, cases, judge};
use serde_json::Value;

use self::args::{Args, dtype, lengths};
use self::values::Values;
use crate::values::{on_cpu, shape};

/// The outputs of an op by its name in Python; `None` if the family has no such op.
type Run = fn(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>>;

/// What a failed family says at most.
const SHOWN: usize = 12;

fn one(output: Result<Array>) -> Result<Vec<Array>> {
    Ok(vec![output?])
}

fn file(family: &str, extension: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ops");
    folder.join(family).with_extension(extension)
}

/// Runs all `count` cases of a family, and stops the test with those that are wrong.
fn holds(family: &str, count: usize, run: Run) {
    let blob = std::fs::read(file(family, "bin")).unwrap();
    let cases = cases(file(family, "json"));
    assert_eq!(cases.len(), count, "the number of cases of {family}");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| complaint(case, &blob, run).map(|why| format!("{case}\n  {why}")))
        .collect();
    let shown = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {count} cases of {family} are wrong:\n{shown}", wrong.len());
}

/// What is wrong with a case. Those with `float64` run on the CPU.
fn complaint(case: &Value, blob: &[u8], run: Run) -> Option<String> {
    let mut why = None;
    if case.to_string().contains("f64") {
        on_cpu(|| why = complaint_here(case, blob, run));
    } else {
        why = complaint_here(case, blob, run);
    }
    why
}

fn complaint_here(case: &Value, blob: &[u8], run: Run) -> Option<String> {
    let recipes = case["in"].as_array().unwrap().iter().map(|recipe| recipe.as_str().unwrap());
    let inputs: Vec<Array> = (0..).zip(recipes).map(|(seed, recipe)| recipe::build(recipe, seed)).collect();
    let outputs = match run(case["op"].as_str().unwrap(), &inputs, Args::of(case)) {
        None => return Some("the op is not tested".into()),
        Some(outputs) => outputs.and_then(|outputs| eval(&outputs).map(|()| outputs)),
    };
    match (case["out"].as_array(), outputs) {
        (None, Err(_)) => None,
        (None, Ok(outputs)) => Some(format!("MLX refuses this, but here is {outputs:?}")),
        (Some(_), Err(error)) => Some(error.to_string()),
        (Some(expected), Ok(outputs)) if expected.len() != outputs.len() => {
            Some(format!("{} outputs instead of {}", outputs.len(), expected.len()))
        }
        (Some(expected), Ok(outputs)) => expected.iter().zip(&outputs).find_map(|(expected, output)| {
            let single = case["single"].as_bool() == Some(true);
            difference(expected.as_str().unwrap(), output, blob, single).err()
        }),
    }
}

/// Compares an output with `dtype shape @offset`. What is `single`, MLX computes in `float32` for `float64` too.
fn difference(expected: &str, output: &Array, blob: &[u8], single: bool) -> Result<(), String> {
    let parts: Vec<&str> = expected.split(' ').collect();
    let (dtype, shape_wanted) = (dtype(parts[0]), lengths(parts[1]));
    if output.dtype() != dtype || output.shape() != shape_wanted {
        return Err(format!(
            "is {} of shape {:?} instead of {dtype} of shape {shape_wanted:?}",
            output.dtype(),
            output.shape()
        ));
    }
    let offset: usize = parts[2].trim_start_matches('@').parse().unwrap();
    let size = shape_wanted.iter().product::<i32>() as usize * dtype.size();
    let wanted = Values::stored(dtype, &blob[offset..offset + size]);
    match (Values::computed(output), wanted) {
        (Values::Real(got), Values::Real(wanted)) => {
            let parts_of_a_number = (dtype == Dtype::Complex64).then_some(2);
            let shape: Vec<usize> = shape(output).into_iter().chain(parts_of_a_number).collect();
            judge(&shape, &got, &wanted, tolerance(dtype, single))
        }
        (Values::Whole(got), Values::Whole(wanted)) => {
            match got.iter().zip(&wanted).position(|(a, b)| a != b) {
                Some(at) => Err(format!("differs at element {at}: {} instead of {}", got[at], wanted[at])),
                None => Ok(()),
            }
        }
        _ => unreachable!("one type has one kind of values"),
    }
}

fn tolerance(dtype: Dtype, single: bool) -> Tolerance {
    match dtype {
        Dtype::Float16 => Tolerance::F16,
        Dtype::Bfloat16 => Tolerance::BF16,
        Dtype::Float64 if !single => Tolerance::F64,
        _ => Tolerance::F32,
    }
}
