//! Products with quantized matrices.

use std::borrow::Cow;
use std::sync::Arc;

use mlx_cpu::quantized::{self, Coding, Scales};
use mlx_cpu::{Level, Pairs};

use super::numbers::{Floats, fits, results};
use crate::ffi::raw;
use crate::kernel::{self, Failure, Input, Output, Primitive, Spec};
use crate::{
    Array, Dtype, Error, Kind, Precision, Quantization, QuantizationMode, Quantized, QuantizedFactor, Result,
    broadcast_shapes,
};

/// How a matrix is stored, and multiplied.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Form {
    scheme: Quantization,
    precision: Precision,
}

/// Products of `x`, words, scales, and biases if the scheme has them.
#[derive(PartialEq)]
struct QuantizedMatmul {
    form: Form,
    transpose: bool,
}

/// Products of `x` with each of some matrices, transposed, whose parts stand behind each other.
#[derive(PartialEq)]
pub(super) struct EachProduct(Vec<Form>);

/// Products of chosen matrices: behind those inputs, the numbers of the left ones and those of the right ones.
#[derive(PartialEq)]
struct GatherQmm(Form);

/// Whether there are kernels for `x` and the matrix.
pub(super) fn suit(x: &Array, w: &Quantized) -> bool {
    let scales = w.scheme.mode != QuantizationMode::Affine || fits(w.scales.dtype());
    fits(x.dtype()) && scales && w.biases.as_ref().is_none_or(|biases| fits(biases.dtype())) && super::is_on()
}

/// The parts of a matrix.
pub(super) fn parts(w: &Quantized) -> impl Iterator<Item = &Array> {
    [Some(&w.weight), Some(&w.scales), w.biases.as_ref()].into_iter().flatten()
}

/// The product with a single matrix; none if there is no kernel for it.
#[track_caller]
pub(crate) fn quantized_matmul(x: &Array, factor: QuantizedFactor<'_>) -> Option<Result<Array>> {
    let QuantizedFactor { weight: w, transpose } = factor;
    let op = QuantizedMatmul { form: Form::of(w), transpose };
    if w.weight.ndim() == 2 && x.ndim() > 0 && suit(x, w) {
        Some(super::apply(op, std::iter::once(x).chain(parts(w))))
    } else {
        None
    }
}

/// The products with several single matrices, transposed; none if there are no kernels for them.
#[track_caller]
pub(crate) fn quantized_matmul_each(x: &Array, matrices: &[&Quantized]) -> Option<Result<Vec<Array>>> {
    let suits = |w: &&Quantized| w.weight.ndim() == 2 && suit(x, w);
    if x.ndim() > 0 && matrices.iter().all(suits) {
        let op = EachProduct::of(matrices);
        let inputs = std::iter::once(x).chain(matrices.iter().flat_map(|w| parts(w)));
        Some(kernel::apply(&Arc::new(op), inputs))
    } else {
        None
    }
}

/// The products with matrices of a stack, transposed; none if there is no kernel for it.
#[track_caller]
pub(crate) fn gather_qmm(
    x: &Array,
    w: &Quantized,
    left: Option<&Array>,
    right: Option<&Array>,
) -> Option<Result<Array>> {
    if x.ndim() < 2 || w.weight.ndim() < 3 || !suit(x, w) {
        return None;
    }
    let (left, right) = match chosen(x, &w.weight, left, right) {
        Ok(numbers) => numbers,
        Err(error) => return Some(Err(error)),
    };
    let inputs = std::iter::once(x).chain(parts(w)).chain([&left, &right]);
    Some(super::apply(GatherQmm(Form::of(w)), inputs))
}

/// The numbers of matrices on both sides, of one shape.
#[track_caller]
pub(super) fn chosen(
    x: &Array,
    w: &Array,
    left: Option<&Array>,
    right: Option<&Array>,
) -> Result<(Array, Array)> {
    let left = match left {
        Some(left) => left.astype(Dtype::Uint32)?,
        None => numbered(x)?,
    };
    let right = match right {
        Some(right) => right.astype(Dtype::Uint32)?,
        None => numbered(w)?,
    };
    let shape = broadcast_shapes([left.shape(), right.shape()])?;
    Ok((left.broadcast_to(&shape)?, right.broadcast_to(&shape)?))
}

/// The number of each matrix of a stack.
#[track_caller]
fn numbered(stack: &Array) -> Result<Array> {
    let leading = stack.shape().split_last_chunk::<2>().map_or(&[][..], |(leading, _)| leading);
    Array::arange(0..leading.iter().product::<i32>())?.reshape(leading)?.astype(Dtype::Uint32)
}

impl Form {
    fn of(w: &Quantized) -> Self {
        Self { scheme: w.scheme, precision: w.precision }
    }
}

/// The type of products.
fn product_type(scheme: Quantization, x: &Array, parts: &[&Array]) -> Dtype {
    match scheme.mode {
        QuantizationMode::Affine => parts.iter().fold(x.dtype(), |dtype, part| dtype.promote(part.dtype())),
        _ => x.dtype(),
    }
}

/// A matrix that runs.
pub(super) struct Matrix<'a> {
    words: Cow<'a, [u32]>,
    scales: Stored<'a>,
    biases: Option<Floats<'a>>,
    form: Form,
    columns: usize,
}

enum Stored<'a> {
    Floats(Floats<'a>),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Matrix<'a> {
    fn of(form: Form, inputs: &'a [Input<'_>]) -> Result<Self, Failure> {
        let Quantization { mode, bits, .. } = form.scheme;
        let [weight, scales, biases @ ..] = inputs else { return Err("an input is missing".into()) };
        let scales = match mode {
            QuantizationMode::Affine => Stored::Floats(Floats::of(scales)?),
            _ => Stored::Bytes(scales.values()?),
        };
        let biases = biases.first().map(Floats::of).transpose()?;
        let words_of_row = weight.shape().last().map_or(0, |words| words.unsigned_abs() as usize);
        let columns = words_of_row * 32 / bits.unsigned_abs().max(1) as usize;
        Ok(Self { words: weight.values()?, scales, biases, form, columns })
    }

    pub(super) fn quantized(&self) -> Result<quantized::Quantized<'_>, Failure> {
        let Quantization { mode, bits, group_size } = self.form.scheme;
        let (bits, group) = (bits.unsigned_abs(), group_size.unsigned_abs() as usize);
        let scales = match (&self.scales, mode) {
            (Stored::Floats(floats), _) => Scales::Numbers(floats.numbers()),
            (Stored::Bytes(bytes), QuantizationMode::Nvfp4) => Scales::E4m3(bytes, 1.0),
            (Stored::Bytes(bytes), _) => Scales::E8m0(bytes),
        };
        let coding = match mode {
            QuantizationMode::Affine => Coding::Affine(bits),
            QuantizationMode::Mxfp4 | QuantizationMode::Nvfp4 => Coding::E2m1,
            QuantizationMode::Mxfp8 => Coding::E4m3,
        };
        let biases = self.biases.as_ref().map(Floats::numbers);
        let matrix = quantized::Quantized::new(&self.words, scales, biases, self.columns, group, coding);
        let matrix = matrix.ok_or("the parts of the matrix do not fit together")?;
        Ok(matrix.with_precision(self.form.precision))
    }
}

/// The elements that a matrix has along its last two axes, where they fit `x`.
#[track_caller]
fn columns_of(
    scheme: Quantization,
    transpose: bool,
    op: &'static str,
    [x, weight, scales]: [&Array; 3],
) -> Result<i32> {
    let (rows, groups) = match scales.shape().split_last_chunk() {
        Some((_, &[rows, groups])) => (rows, groups.saturating_mul(scheme.group_size)),
        None => (0, 0),
    };
    let (depth, columns) = if transpose { (groups, rows) } else { (rows, groups) };
    if x.shape().last() == Some(&depth) {
        return Ok(columns);
    }
    let message = format!("the last axes differ (given x: {x:?}, w: {weight:?} as {scheme})");
    Err(Error::new(Kind::Shape, op, message))
}

impl Primitive for QuantizedMatmul {
    const NAME: &'static str = "quantized_matmul";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let &[x, weight, scales, ref biases @ ..] = inputs else { return Ok(Vec::new()) };
        let columns = columns_of(self.form.scheme, self.transpose, Self::NAME, [x, weight, scales])?;
        let mut shape = x.shape().to_vec();
        shape.pop();
        shape.push(columns);
        let parts = [&[scales], biases].concat();
        Ok(vec![Spec::new(shape, product_type(self.form.scheme, x, &parts))])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, parts @ ..], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let (x, w) = (Floats::of(x)?, Matrix::of(self.form, parts)?);
        let (w, out) = (w.quantized()?, results(out)?);
        let multiply = if self.transpose { quantized::multiply } else { quantized::multiply_plain };
        super::checked(multiply(Level::best(), x.numbers(), &w, out))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, parts @ ..] = inputs else { return Ok(Vec::new()) };
        Ok(vec![product(self.form.scheme, self.transpose, x, parts)?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

/// The product of `x` with the matrix of these parts, in MLX's ops.
fn product(scheme: Quantization, transpose: bool, x: &Array, parts: &[Array]) -> Result<Array> {
    let [weight, scales, biases @ ..] = parts else { return Ok(x.clone()) };
    let Quantization { mode, bits, group_size } = scheme;
    let (group_size, bits, biases) = (Some(group_size), Some(bits), biases.first());
    raw::quantized_matmul(x, weight, scales, biases, transpose, group_size, bits, mode.text())
}

impl EachProduct {
    pub(super) fn of(matrices: &[&Quantized]) -> Self {
        Self(matrices.iter().map(|&w| Form::of(w)).collect())
    }

    /// The matrices that run.
    pub(super) fn stored<'a>(&self, parts: &'a [Input<'_>]) -> Result<Vec<Matrix<'a>>, Failure> {
        self.matrices(parts).map(|(form, parts)| Matrix::of(form, parts)).collect()
    }

    /// The product of `x` with matrix number `at`, in MLX's ops.
    pub(super) fn product(&self, at: usize, x: &Array, parts: &[Array]) -> Result<Array> {
        match self.matrices(parts).nth(at) {
            Some((form, parts)) => product(form.scheme, true, x, parts),
            None => Ok(x.clone()),
        }
    }

    /// The form and the parts of each matrix.
    pub(super) fn matrices<'a, T>(&self, mut parts: &'a [T]) -> impl Iterator<Item = (Form, &'a [T])> {
        self.0.iter().map(move |&form| {
            let count = if form.scheme.mode == QuantizationMode::Affine { 3 } else { 2 };
            let (of_this, rest) = parts.split_at_checked(count).unwrap_or((parts, &[]));
            parts = rest;
            (form, of_this)
        })
    }
}

impl Primitive for EachProduct {
    const NAME: &'static str = "quantized_matmul_each";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let [x, parts @ ..] = inputs else { return Ok(Vec::new()) };
        let product = |form| QuantizedMatmul { form, transpose: true };
        let specs = self.matrices(parts).map(|(form, parts)| product(form).outputs(&[&[*x], parts].concat()));
        Ok(specs.collect::<Result<Vec<_>>>()?.concat())
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let [x, parts @ ..] = inputs else { return Err("an input is missing".into()) };
        let x = Floats::of(x)?;
        let matrices = self.stored(parts)?;
        let matrices = matrices.iter().map(Matrix::quantized).collect::<Result<Vec<_>, _>>()?;
        let outs = outputs.iter_mut().map(results).collect::<Result<_, _>>()?;
        super::checked(quantized::multiply_each(Level::best(), x.numbers(), &matrices, outs))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, parts @ ..] = inputs else { return Ok(Vec::new()) };
        self.matrices(parts).map(|(form, parts)| product(form.scheme, true, x, parts)).collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Primitive for GatherQmm {
    const NAME: &'static str = "gather_qmm";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let &[x, weight, scales, ref others @ .., left, _] = inputs else { return Ok(Vec::new()) };
        let columns = columns_of(self.0.scheme, true, Self::NAME, [x, weight, scales])?;
        let shape = [left.shape(), &[x.dim(-2)?, columns]].concat();
        let parts = [&[scales], others].concat();
        Ok(vec![Spec::new(shape, product_type(self.0.scheme, x, &parts))])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, parts @ .., left, right], [out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let stack = parts.first().map_or(&[][..], Input::shape).split_last_chunk::<2>();
        let stack =
            stack.map_or(0, |(leading, _)| leading.iter().map(|n| n.unsigned_abs() as usize).product());
        let rows = x.shape().iter().nth_back(1).map_or(0, |rows| rows.unsigned_abs() as usize);
        let (left, right) = (left.values::<u32>()?, right.values::<u32>()?);
        let pairs = Pairs { left: &left, right: &right, rows, stack };
        let (x, w) = (Floats::of(x)?, Matrix::of(self.0, parts)?);
        super::checked(quantized::gather(Level::best(), x.numbers(), &w.quantized()?, pairs, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, weight, scales, biases @ .., left, right] = inputs else { return Ok(Vec::new()) };
        let Quantization { mode, bits, group_size } = self.0.scheme;
        let (group_size, bits, biases) = (Some(group_size), Some(bits), biases.first());
        let mode = mode.text();
        let (left, right) = (Some(left), Some(right));
        Ok(vec![raw::gather_qmm(
            x, weight, scales, biases, left, right, true, group_size, bits, mode, false,
        )?])
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}
