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
use serde_json::{Value, json};

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

#[test]
fn every_family_of_the_data_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(file("", "").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let known = [
        "binary",
        "chance",
        "create",
        "fast",
        "fourier",
        "index",
        "linalg",
        "product",
        "promotion",
        "quantized",
        "reduce",
        "shape",
        "sort",
        "unary",
    ];
    assert_eq!(found, known);
}

/// What is said of a case of `negative` whose recorded output is `out`, 1 and 2 as `int32`.
fn said(op: &str, out: &Value) -> Option<String> {
    let case = json!({"op": op, "in": ["i32 =-1,-2 2"], "out": out});
    complaint(&case, &[1, 0, 0, 0, 2, 0, 0, 0], |op, inputs, _| (op == "negative").then(|| one(-&inputs[0])))
}

#[test]
fn a_case_that_is_right_passes_and_one_without_an_op_does_not() {
    assert_eq!(said("negative", &json!(["i32 2 @0"])), None);
    assert_eq!(said("positive", &json!(["i32 2 @0"])).unwrap(), "the op is not tested");
}

#[test]
fn a_wrong_output_is_told_by_type_shape_number_and_element() {
    assert!(
        said("negative", &json!(["u32 2 @0"]))
            .unwrap()
            .starts_with("is int32 of shape [2] instead of uint32")
    );
    assert!(said("negative", &json!(["i32 1 @0"])).unwrap().ends_with("instead of int32 of shape [1]"));
    assert_eq!(said("negative", &json!(["i32 2 @0", "i32 2 @0"])).unwrap(), "1 outputs instead of 2");
    assert!(said("negative", &Value::Null).unwrap().starts_with("MLX refuses this"));
    let case = json!({"op": "negative", "in": ["i32 =-1,-3 2"], "out": ["i32 2 @0"]});
    let run: Run = |_, inputs, _| Some(one(-&inputs[0]));
    let why = complaint(&case, &[1, 0, 0, 0, 2, 0, 0, 0], run);
    assert_eq!(why.unwrap(), "differs at element 1: 3 instead of 2");
}
