//! Every case of `tests/golden/ops`, which MLX's Python interface computed; `xtask/golden/ops.py` says how.

mod args;
mod binary;
mod chance;
mod create;
mod fast;
mod fourier;
mod index;
mod linalg;
mod places;
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
use mlx_testkit::{Tolerance, judge};
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

/// A line of the data.
struct Case<'a> {
    op: &'a str,
    inputs: Vec<&'a str>,
    args: Value,
    /// Absent where MLX refuses.
    outputs: Option<Vec<&'a str>>,
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let [op, inputs, args, outputs] = fields.as_slice() else { panic!("{line:?} has not four fields") };
        let list = |text: &'a str| text.split_terminator(';').collect();
        Case {
            op,
            inputs: list(inputs),
            args: serde_json::from_str(args).unwrap(),
            outputs: (*outputs != "refused").then(|| list(outputs)),
        }
    }
}

/// Runs all `count` cases of a family, and stops the test with those that are wrong.
fn holds(family: &str, count: usize, run: Run) {
    let blob = std::fs::read(file(family, "bin")).unwrap();
    let text = std::fs::read_to_string(file(family, "tsv")).unwrap();
    assert_eq!(text.lines().count(), count, "the number of cases of {family}");
    let wrong: Vec<String> = text
        .lines()
        .filter_map(|line| complaint(line, &blob, run).map(|why| format!("{line}\n  {why}")))
        .collect();
    let shown = wrong.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {count} cases of {family} are wrong:\n{shown}", wrong.len());
}

/// What is wrong with a case. Those with `float64` run on the CPU.
fn complaint(line: &str, blob: &[u8], run: Run) -> Option<String> {
    let case = Case::parse(line);
    let mut why = None;
    if line.contains("f64") {
        on_cpu(|| why = case.complaint(blob, run));
    } else {
        why = case.complaint(blob, run);
    }
    why
}

impl Case<'_> {
    fn complaint(&self, blob: &[u8], run: Run) -> Option<String> {
        let recipes = (0..).zip(&self.inputs);
        let inputs: Vec<Array> = recipes.map(|(seed, recipe)| recipe::build(recipe, seed)).collect();
        let outputs = match run(self.op, &inputs, Args::new(&self.args)) {
            None => return Some("the op is not tested".into()),
            Some(outputs) => outputs.and_then(|outputs| eval(&outputs).map(|()| outputs)),
        };
        match (&self.outputs, outputs) {
            (None, Err(_)) => None,
            (None, Ok(outputs)) => Some(format!("MLX refuses this, but here is {outputs:?}")),
            (Some(_), Err(error)) => Some(error.to_string()),
            (Some(expected), Ok(outputs)) if expected.len() != outputs.len() => {
                Some(format!("{} outputs instead of {}", outputs.len(), expected.len()))
            }
            (Some(expected), Ok(outputs)) => {
                let pairs = expected.iter().zip(&outputs);
                pairs.map(|(expected, output)| difference(expected, output, blob)).find_map(Result::err)
            }
        }
    }
}

/// Compares an output with `dtype shape @offset`. What is `single`, MLX computes in `float32` for `float64` too.
fn difference(expected: &str, output: &Array, blob: &[u8]) -> Result<(), String> {
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
            let halves = (dtype == Dtype::Complex64).then_some(2);
            let shape: Vec<usize> = shape(output).into_iter().chain(halves).collect();
            judge(&shape, &got, &wanted, tolerance(dtype, parts.contains(&"single")))
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
    let folder = file("unary", "tsv").parent().unwrap().read_dir().unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let mut found: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
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
        "places",
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

/// What is said of `op` of -1 and -2, where the data has `outputs` and the numbers 1 and 2 as `int32`.
fn said(op: &str, outputs: &str) -> Option<String> {
    let run: Run = |op, inputs, _| (op == "negative").then(|| one(-&inputs[0]));
    complaint(&format!("{op}\ti32 =-1,-2 2\t{{}}\t{outputs}"), &[1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0], run)
}

#[test]
fn a_case_that_is_right_passes_and_one_without_an_op_does_not() {
    assert_eq!(said("negative", "i32 2 @0"), None);
    assert_eq!(said("positive", "i32 2 @0").unwrap(), "the op is not tested");
}

#[test]
fn a_wrong_output_is_told_by_number_type_shape_and_element() {
    for (outputs, why) in [
        ("i32 2 @0;i32 2 @0", "1 outputs instead of 2"),
        ("u32 2 @0", "is int32 of shape [2] instead of uint32 of shape [2]"),
        ("i32 1 @0", "is int32 of shape [2] instead of int32 of shape [1]"),
        ("i32 2 @4", "differs at element 0: 1 instead of 2"),
        ("refused", "MLX refuses this, but here is [Array([2], int32)]"),
    ] {
        assert_eq!(said("negative", outputs).unwrap(), why);
    }
}
