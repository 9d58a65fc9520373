//! The rules for derivatives and batches of ops that are more than a kernel, for all of them together.

use std::panic::{self, AssertUnwindSafe};

use mlx_core::transform::vmap;
use mlx_core::{Array, Device, Result, stack};

use crate::derivative::{self, numbers};
use crate::rule_element::{ELEMENTS, FAST, PLACES, SHAPES};
use crate::rule_matrix::{CONVOLUTIONS, FFT, GRADIENTS, LINALG, PRODUCTS};
use crate::vmap::{self as batch, moved_to_end};

/// What there is of derivatives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derivative {
    /// Both are exact.
    Exact,
    /// Both are those of `float32` kernels.
    Single,
    /// Gradients are exact, tangents are refused.
    Backward,
    /// Gradients are those of `float32` kernels, tangents are refused.
    SingleBackward,
    /// Both are refused.
    Refused,
}

/// What there is of batches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Each row is computed as it would be alone.
    Rows,
    /// At least a batch of all arguments is refused.
    NoBatch,
}

/// A name, the shapes of the arguments, the op, and its rules.
pub(crate) type Op =
    (&'static str, &'static [&'static [i32]], fn(&[Array]) -> Result<Array>, Derivative, Batch);

fn ops() -> impl Iterator<Item = Op> {
    let tables = [LINALG, FFT, CONVOLUTIONS, GRADIENTS, PRODUCTS, ELEMENTS, SHAPES, PLACES, FAST];
    tables.into_iter().flatten().copied()
}

/// What is wrong with an op, if anything.
fn check_all(of: impl Fn(Op) -> Result<(), String>) {
    let named = |op: Op| {
        let run = panic::catch_unwind(AssertUnwindSafe(|| of(op)));
        run.unwrap_or_else(|_| Err(format!("{}: a panic, see above", op.0)))
    };
    let wrong = || Ok(ops().filter_map(|op| named(op).err()).collect::<Vec<_>>());
    let wrong = Device::Cpu.scope(wrong).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_derivative_is_the_limit_of_differences_or_refused() {
    check_all(|(name, shapes, op, derivative, _)| {
        let (tolerance, step) = match derivative {
            Derivative::Exact | Derivative::Backward => (2e-6, 1e-5),
            _ => (5e-3, 1e-2),
        };
        let refused = match derivative {
            Derivative::Exact | Derivative::Single => {
                return derivative::check(name, shapes, op, tolerance, step);
            }
            Derivative::Backward | Derivative::SingleBackward => ": jvp: ",
            Derivative::Refused => ": grad: ",
        };
        match derivative::check(name, shapes, op, tolerance, step) {
            Err(error) if error.contains(refused) && !error.contains("MLX gave") => Ok(()),
            other => Err(format!("{name} should be refused: {other:?}")),
        }
    });
}

/// A batch of arguments, no two rows alike.
fn batches(shapes: &[&[i32]]) -> Vec<Array> {
    (1..).zip(shapes).map(|(seed, shape)| numbers(&[&[3], *shape].concat(), seed)).collect()
}

fn rows(batches: &[Array], at: i32) -> Vec<Array> {
    batches.iter().map(|batch| batch.index(at).unwrap()).collect()
}

/// The op on each row, stacked.
fn each(op: fn(&[Array]) -> Result<Array>, rows: impl Fn(i32) -> Vec<Array>) -> Array {
    stack(&(0..3).map(|at| op(&rows(at)).unwrap()).collect::<Vec<_>>(), 0).unwrap()
}

fn compare(name: &str, kind: Batch, found: Result<Array>, expected: &Array) -> Result<(), String> {
    match (kind, found) {
        (_, Ok(found)) => batch::compare(name, &found, expected),
        (Batch::NoBatch, Err(error)) if error.op() == "vmap" => Ok(()),
        (_, Err(error)) => Err(format!("{name}: {error}")),
    }
}

#[test]
fn every_op_on_a_batch_is_the_op_on_each_row() {
    check_all(|(name, shapes, op, _, batch)| {
        let batches = batches(shapes);
        let expected = each(op, |at| rows(&batches, at));
        let run = |rows: &Vec<Array>| op(rows);
        compare(name, batch, vmap(run, 0, 0)(&batches), &expected)?;
        let last: Vec<Array> = batches.iter().map(moved_to_end).collect();
        compare(name, batch, vmap(run, -1, -1)(&last), &moved_to_end(&expected))
    });
}

#[test]
fn every_op_of_a_batch_and_one_row_is_the_op_on_each_row() {
    check_all(|(name, shapes, op, _, batch)| {
        let batches = batches(shapes);
        (0..shapes.len()).filter(|_| shapes.len() > 1).try_for_each(|which| {
            let mut one: Vec<Array> = rows(&batches, 0);
            let expected = each(op, |at| {
                let mut row = rows(&batches, 0);
                row[which] = batches[which].index(at).unwrap();
                row
            });
            one[which] = batches[which].clone();
            let axes: Vec<_> = (0..shapes.len()).map(|at| (at == which).then_some(0)).collect();
            let name = format!("{name} by x{which}");
            compare(&name, batch, vmap(|rows: &Vec<Array>| op(rows), axes, 0)(&one), &expected)
        })
    });
}
