//! Products, factors, transforms and convolutions whose rules [`rule`](crate::rule) tests.

use mlx_core::fft::{self, Fft, FftN, Norm};
use mlx_core::linalg::{self, Order, Triangle};
use mlx_core::transform::grad;
use mlx_core::{
    Array, BlockMasks, Conv, ConvGeneral, ConvTranspose, ConvolveMode, Dtype, MatrixIndices, Quantization,
    Quantized, QuantizedFactor, Result, einsum,
};

use crate::rule::Batch::{NoBatch, Rows};
use crate::rule::Derivative::{Exact, Refused, Single, SingleBackward};
use crate::rule::Op;

/// A matrix that is far from singular.
fn regular(x: &Array) -> Result<Array> {
    x + &Array::identity(x.dim(-1)?, x.dtype())? * 3.0
}

fn symmetric(x: &Array) -> Result<Array> {
    let x = regular(x)?;
    (&x + &x.swapaxes(-1, -2)?)? * 0.5
}

fn single(x: &Array) -> Result<Array> {
    x.astype(Dtype::Float32)
}

/// A matrix of blocks of 32 equal elements.
fn blocks(x: &Array) -> Result<Array> {
    single(x)?.repeat(32, -1)?.repeat(32, -2)
}

fn quantized(rows: i32) -> Result<Quantized> {
    let n = Array::arange(0..rows * 32)?.astype(Dtype::Float32)?;
    Quantized::of(&n.sin()?.reshape([rows, 32])?, Quantization::affine(8, 32))
}

fn complex(x: &Array, y: &Array) -> Result<Array> {
    let i = Array::from(mlx_core::Complex64 { re: 0.0, im: 1.0 });
    single(x)? + (single(y)? * &i)?
}

fn parts(x: &Array) -> Result<Array> {
    x.real()? + (x.imag()? * 2.0)?
}

/// The gradients of a convolution by both its arrays.
fn gradients(x: &[Array], conv: Conv<1>) -> Result<(Array, Array)> {
    let loss = |(x, w): &(Array, Array)| x.conv1d(w, conv)?.square()?.sum(..);
    grad(loss)(&(single(&x[0])?, single(&x[1])?))
}

pub(crate) const LINALG: &[Op] = &[
    ("inv", &[&[3, 3]], |x| linalg::inv(&regular(&x[0])?), Refused, Rows),
    ("inv of a stack", &[&[2, 3, 3]], |x| linalg::inv(&regular(&x[0])?), Refused, Rows),
    ("tri_inv", &[&[3, 3]], |x| linalg::tri_inv(&regular(&x[0])?.tril(0)?, Triangle::Lower), Refused, Rows),
    ("cholesky", &[&[3, 3]], |x| linalg::cholesky(&symmetric(&x[0])?, Triangle::Lower), Refused, Rows),
    ("cholesky upper", &[&[3, 3]], |x| linalg::cholesky(&symmetric(&x[0])?, Triangle::Upper), Refused, Rows),
    (
        "cholesky_inv",
        &[&[3, 3]],
        |x| linalg::cholesky_inv(&regular(&x[0])?.tril(0)?, Triangle::Lower),
        Refused,
        Rows,
    ),
    ("solve", &[&[3, 3], &[3, 2]], |x| linalg::solve(&regular(&x[0])?, &x[1]), Refused, NoBatch),
    ("solve of a vector", &[&[3, 3], &[3]], |x| linalg::solve(&regular(&x[0])?, &x[1]), Refused, NoBatch),
    (
        "solve_triangular",
        &[&[3, 3], &[3, 2]],
        |x| linalg::solve_triangular(&regular(&x[0])?.triu(0)?, &x[1], Triangle::Upper),
        Refused,
        Rows,
    ),
    ("det", &[&[3, 3]], |x| linalg::det(&regular(&x[0])?), Exact, Rows),
    (
        "slogdet",
        &[&[3, 3]],
        |x| {
            let [sign, log] = linalg::slogdet(&regular(&x[0])?)?;
            sign * &log
        },
        Exact,
        Rows,
    ),
    ("eigvalsh", &[&[3, 3]], |x| linalg::eigvalsh(&symmetric(&x[0])?, Triangle::Lower), Refused, Rows),
    (
        "eigh",
        &[&[3, 3]],
        |x| {
            let [values, vectors] = linalg::eigh(&symmetric(&x[0])?, Triangle::Lower)?;
            vectors.square()? * &values
        },
        Refused,
        Rows,
    ),
    ("eig", &[&[3, 3]], |x| linalg::eigvals(&single(&symmetric(&x[0])?)?)?.abs(), Refused, Rows),
    ("svdvals", &[&[3, 2]], |x| linalg::svdvals(&x[0]), Refused, Rows),
    ("svd", &[&[3, 2]], |x| linalg::svd(&x[0])?[2].square(), Refused, Rows),
    ("pinv", &[&[3, 2]], |x| linalg::pinv(&x[0]), Refused, Rows),
    ("qr", &[&[3, 3]], |x| linalg::qr(&regular(&x[0])?)?[1].square(), Refused, NoBatch),
    ("lu", &[&[3, 3]], |x| linalg::lu(&regular(&x[0])?)?[2].square(), Refused, NoBatch),
    ("lu_factor", &[&[3, 3]], |x| linalg::lu_factor(&regular(&x[0])?)?[0].square(), Refused, NoBatch),
    ("norm", &[&[2, 3]], |x| linalg::norm(&x[0], Order::Euclidean, ..), Exact, Rows),
    ("norm of an axis", &[&[2, 3]], |x| linalg::norm(&x[0], Order::Euclidean, 1), Exact, Rows),
    ("norm of p 1", &[&[2, 3]], |x| linalg::norm(&x[0], 1.0, 1), Exact, Rows),
    ("norm of p 3", &[&[2, 3]], |x| linalg::norm(&x[0], 3.0, 0), Exact, Rows),
    ("norm of infinity", &[&[2, 3]], |x| linalg::norm(&x[0], f64::INFINITY, 0), Exact, Rows),
    ("matrix_norm", &[&[2, 3]], |x| linalg::matrix_norm(&x[0], Order::Frobenius), Exact, Rows),
    ("matrix_norm of p 1", &[&[2, 3]], |x| linalg::matrix_norm(&x[0], 1.0), Exact, Rows),
    ("matrix_norm of p 2", &[&[2, 3]], |x| linalg::matrix_norm(&x[0], 2.0), Refused, Rows),
    ("nuclear norm", &[&[2, 3]], |x| linalg::matrix_norm(&x[0], Order::Nuclear), Refused, Rows),
    ("cross", &[&[2, 3], &[2, 3]], |x| linalg::cross(&x[0], &x[1], -1), Exact, Rows),
    ("matrix_transpose", &[&[2, 3]], |x| linalg::matrix_transpose(&x[0]), Exact, Rows),
];

pub(crate) const FFT: &[Op] = &[
    ("fft", &[&[2, 4]], |x| parts(&fft::fft(&single(&x[0])?, 1)?), Single, Rows),
    ("fft of complex", &[&[4], &[4]], |x| parts(&fft::fft(&complex(&x[0], &x[1])?, 0)?), Single, Rows),
    (
        "fft padded",
        &[&[3]],
        |x| parts(&fft::fft(&single(&x[0])?, Fft { axis: 0, n: Some(5), norm: Norm::Ortho })?),
        Single,
        Rows,
    ),
    (
        "fft cut",
        &[&[5]],
        |x| parts(&fft::fft(&single(&x[0])?, Fft { axis: 0, n: Some(3), norm: Norm::Forward })?),
        Single,
        Rows,
    ),
    ("ifft", &[&[4], &[4]], |x| parts(&fft::ifft(&complex(&x[0], &x[1])?, 0)?), Single, Rows),
    ("rfft", &[&[2, 5]], |x| parts(&fft::rfft(&single(&x[0])?, 0)?), Single, Rows),
    ("rfft of an odd length", &[&[5]], |x| parts(&fft::rfft(&single(&x[0])?, 0)?), Single, Rows),
    ("rfft of an even length", &[&[6]], |x| parts(&fft::rfft(&single(&x[0])?, 0)?), Single, Rows),
    ("irfft", &[&[4], &[4]], |x| fft::irfft(&complex(&x[0], &x[1])?, 0), Single, Rows),
    (
        "irfft of an odd length",
        &[&[3], &[3]],
        |x| fft::irfft(&complex(&x[0], &x[1])?, Fft { axis: 0, n: Some(5), norm: Norm::Backward }),
        SingleBackward,
        Rows,
    ),
    ("fft2", &[&[3, 2]], |x| parts(&fft::fft2(&single(&x[0])?, ..)?), Single, Rows),
    ("ifftn", &[&[2, 3], &[2, 3]], |x| parts(&fft::ifftn(&complex(&x[0], &x[1])?, ..)?), Single, Rows),
    ("rfft2", &[&[3, 4]], |x| parts(&fft::rfft2(&single(&x[0])?, ..)?), Single, Rows),
    ("rfftn of axes", &[&[3, 2, 4]], |x| parts(&fft::rfftn(&single(&x[0])?, [2, 0])?), Single, Rows),
    ("irfft2", &[&[3, 3], &[3, 3]], |x| fft::irfft2(&complex(&x[0], &x[1])?, ..), Single, Rows),
    (
        "irfftn",
        &[&[2, 3], &[2, 3]],
        |x| {
            fft::irfftn(
                &complex(&x[0], &x[1])?,
                FftN { axes: [0, 1].into(), n: Some(vec![2, 5]), norm: Norm::Ortho },
            )
        },
        SingleBackward,
        Rows,
    ),
    ("fftshift", &[&[2, 5]], |x| fft::fftshift(&x[0], 1)?.square(), Exact, Rows),
    ("ifftshift", &[&[5, 3]], |x| fft::ifftshift(&x[0], ..)?.square(), Exact, Rows),
];

pub(crate) const CONVOLUTIONS: &[Op] = &[
    (
        "conv1d",
        &[&[2, 5, 2], &[3, 2, 2]],
        |x| single(&x[0])?.conv1d(&single(&x[1])?, Conv::default()),
        SingleBackward,
        Rows,
    ),
    (
        "conv1d far",
        &[&[1, 5, 2], &[2, 3, 2]],
        |x| {
            single(&x[0])?
                .conv1d(&single(&x[1])?, Conv { stride: [2], padding: [3], dilation: [2], groups: 1 })
        },
        SingleBackward,
        Rows,
    ),
    (
        "conv1d in groups",
        &[&[1, 5, 4], &[4, 2, 2]],
        |x| single(&x[0])?.conv1d(&single(&x[1])?, Conv { padding: [1], groups: 2, ..Conv::default() }),
        SingleBackward,
        Rows,
    ),
    (
        "conv1d of each channel",
        &[&[1, 5, 2], &[2, 2, 1]],
        |x| single(&x[0])?.conv1d(&single(&x[1])?, Conv { groups: 2, ..Conv::default() }),
        SingleBackward,
        Rows,
    ),
    (
        "conv2d",
        &[&[1, 4, 3, 2], &[3, 2, 2, 2]],
        |x| {
            single(&x[0])?
                .conv2d(&single(&x[1])?, Conv { stride: [2, 1], padding: [1, 0], ..Conv::default() })
        },
        SingleBackward,
        Rows,
    ),
    (
        "conv2d in groups",
        &[&[2, 3, 3, 4], &[2, 2, 2, 2]],
        |x| single(&x[0])?.conv2d(&single(&x[1])?, Conv { padding: [1, 2], groups: 2, ..Conv::default() }),
        SingleBackward,
        Rows,
    ),
    (
        "conv3d",
        &[&[1, 3, 2, 3, 1], &[2, 2, 2, 2, 1]],
        |x| single(&x[0])?.conv3d(&single(&x[1])?, Conv { padding: [0, 1, 0], ..Conv::default() }),
        SingleBackward,
        Rows,
    ),
    (
        "conv_transpose1d",
        &[&[1, 3, 2], &[2, 3, 2]],
        |x| {
            single(&x[0])?.conv_transpose1d(
                &single(&x[1])?,
                ConvTranspose { stride: [2], padding: [1], output_padding: [1], ..ConvTranspose::default() },
            )
        },
        SingleBackward,
        Rows,
    ),
    (
        "conv_transpose1d in groups",
        &[&[1, 3, 4], &[4, 2, 2]],
        |x| {
            single(&x[0])?.conv_transpose1d(
                &single(&x[1])?,
                ConvTranspose { stride: [3], groups: 2, ..ConvTranspose::default() },
            )
        },
        SingleBackward,
        Rows,
    ),
    (
        "conv_transpose2d",
        &[&[1, 2, 3, 2], &[2, 2, 3, 2]],
        |x| {
            single(&x[0])?.conv_transpose2d(
                &single(&x[1])?,
                ConvTranspose { stride: [1, 2], dilation: [2, 1], ..ConvTranspose::default() },
            )
        },
        SingleBackward,
        Rows,
    ),
    (
        "conv_transpose3d",
        &[&[1, 2, 2, 2, 1], &[1, 2, 2, 1, 1]],
        |x| {
            single(&x[0])?.conv_transpose3d(
                &single(&x[1])?,
                ConvTranspose { padding: [1, 0, 0], ..ConvTranspose::default() },
            )
        },
        SingleBackward,
        Rows,
    ),
    (
        "causal",
        &[&[1, 4, 2], &[2, 3, 2]],
        |x| {
            single(&x[0])?
                .conv_general(&single(&x[1])?, ConvGeneral { padding_lo: [2], ..ConvGeneral::default() })
        },
        SingleBackward,
        Rows,
    ),
    (
        "dilated and cut",
        &[&[1, 5, 2], &[2, 2, 2]],
        |x| {
            single(&x[0])?.conv_general(
                &single(&x[1])?,
                ConvGeneral {
                    padding_lo: [-1],
                    padding_hi: [2],
                    input_dilation: [2],
                    stride: [2],
                    flip: true,
                    ..ConvGeneral::default()
                },
            )
        },
        SingleBackward,
        Rows,
    ),
    (
        "convolve",
        &[&[5], &[3]],
        |x| single(&x[0])?.convolve(&single(&x[1])?, ConvolveMode::Full),
        SingleBackward,
        Rows,
    ),
    (
        "convolve same",
        &[&[4], &[4]],
        |x| single(&x[0])?.convolve(&single(&x[1])?, ConvolveMode::Same),
        SingleBackward,
        Rows,
    ),
];

pub(crate) const GRADIENTS: &[Op] = &[
    (
        "conv1d by the input",
        &[&[1, 6, 2], &[2, 3, 2]],
        |x| Ok(gradients(x, Conv { stride: [2], padding: [1], ..Conv::default() })?.0),
        SingleBackward,
        Rows,
    ),
    (
        "conv1d by the kernel",
        &[&[1, 6, 2], &[2, 3, 2]],
        |x| Ok(gradients(x, Conv { stride: [2], padding: [1], dilation: [2], groups: 1 })?.1),
        Refused,
        Rows,
    ),
    (
        "conv1d in groups by the input",
        &[&[1, 6, 4], &[2, 3, 2]],
        |x| Ok(gradients(x, Conv { padding: [4], groups: 2, ..Conv::default() })?.0),
        SingleBackward,
        Rows,
    ),
    (
        "conv1d in groups by the kernel",
        &[&[1, 6, 4], &[2, 3, 2]],
        |x| Ok(gradients(x, Conv { stride: [2], padding: [1], groups: 2, ..Conv::default() })?.1),
        Refused,
        Rows,
    ),
];

pub(crate) const PRODUCTS: &[Op] = &[
    ("einsum", &[&[2, 3], &[3, 4]], |x| einsum("ij,jk->ki", [&x[0], &x[1]]), Exact, Rows),
    ("einsum of three", &[&[2, 3], &[3], &[2]], |x| einsum("ij,j,i->", &x[..3]), Exact, Rows),
    ("einsum of a diagonal", &[&[3, 3]], |x| einsum("ii->i", &x[..1]), Exact, Rows),
    ("tensordot", &[&[2, 3], &[3, 2]], |x| x[0].tensordot(&x[1], 1), Exact, Rows),
    (
        "tensordot of axes",
        &[&[2, 3, 2], &[3, 2, 2]],
        |x| x[0].tensordot(&x[1], ([1, 2], [0, 1])),
        Exact,
        Rows,
    ),
    ("inner", &[&[2, 3], &[4, 3]], |x| x[0].inner(&x[1]), Exact, Rows),
    ("outer", &[&[2, 2], &[3]], |x| x[0].outer(&x[1]), Exact, Rows),
    ("kron", &[&[2, 2], &[1, 3]], |x| x[0].kron(&x[1]), Exact, Rows),
    ("vecdot", &[&[2, 3], &[2, 3]], |x| x[0].vecdot(&x[1], 1), Exact, Rows),
    (
        "gather_mm",
        &[&[2, 2, 3], &[3, 3, 2]],
        |x| {
            let (l, r) = (Array::from([1, 0, 1, 1]), Array::from([2, 0, 0, 2]));
            single(&x[0])?
                .gather_mm(&single(&x[1])?, MatrixIndices { lhs: Some(&l), rhs: Some(&r), sorted: false })
        },
        SingleBackward,
        NoBatch,
    ),
    (
        "gather_mm of a sorted side",
        &[&[4, 1, 3], &[3, 3, 2]],
        |x| {
            let r = Array::from([0, 0, 1, 2]);
            single(&x[0])?
                .gather_mm(&single(&x[1])?, MatrixIndices { lhs: None, rhs: Some(&r), sorted: true })
        },
        SingleBackward,
        NoBatch,
    ),
    (
        "block_masked_mm",
        &[&[2, 1], &[1, 2]],
        |x| {
            let mask = Array::from([[true, false], [false, true]]);
            blocks(&x[0])?.block_masked_mm(
                &blocks(&x[1])?,
                32,
                BlockMasks { out: Some(&mask), ..BlockMasks::default() },
            )? / 32.0
        },
        SingleBackward,
        NoBatch,
    ),
    (
        "block_masked_mm of numbers",
        &[&[2, 1], &[1, 2], &[2, 2]],
        |x| {
            let mask = single(&x[2])?;
            blocks(&x[0])?.block_masked_mm(
                &blocks(&x[1])?,
                32,
                BlockMasks { out: Some(&mask), ..BlockMasks::default() },
            )? / 32.0
        },
        Single,
        Rows,
    ),
    (
        "block_masked_mm of sides",
        &[&[2, 1], &[1, 2], &[2, 1], &[1, 2]],
        |x| {
            let (l, r) = (single(&x[2])?, single(&x[3])?);
            blocks(&x[0])?.block_masked_mm(
                &blocks(&x[1])?,
                32,
                BlockMasks { out: None, lhs: Some(&l), rhs: Some(&r) },
            )? / 32.0
        },
        SingleBackward,
        NoBatch,
    ),
    (
        "segmented_mm",
        &[&[2, 5], &[5, 3]],
        |x| {
            let parts = Array::from([[0, 2], [2, 5], [1, 4]]);
            single(&x[0])?.segmented_mm(&single(&x[1])?, &parts)
        },
        Refused,
        NoBatch,
    ),
    ("quantized_matmul", &[&[2, 32]], |x| single(&x[0])?.quantized_matmul(&quantized(4)?), Single, NoBatch),
    (
        "quantized_matmul not transposed",
        &[&[2, 4]],
        |x| single(&x[0])?.quantized_matmul(QuantizedFactor { weight: &quantized(4)?, transpose: false }),
        Single,
        NoBatch,
    ),
    (
        "gather_qmm",
        &[&[3, 1, 32]],
        |x| {
            let one = quantized(8)?;
            let (r, l) = (Array::from([1, 0]), Array::from([2, 0]));
            let stack = Quantized {
                weight: one.weight.unflatten(0, [2, 4])?,
                scales: one.scales.unflatten(0, [2, 4])?,
                biases: one.biases.as_ref().map(|b| b.unflatten(0, [2, 4])).transpose()?,
                ..one.clone()
            };
            single(&x[0])?.gather_qmm(&stack, MatrixIndices { lhs: Some(&l), rhs: Some(&r), sorted: false })
        },
        SingleBackward,
        NoBatch,
    ),
    ("hadamard_transform", &[&[2, 4]], |x| single(&x[0])?.hadamard_transform(None), Single, Rows),
    ("hadamard_transform of 12", &[&[12]], |x| single(&x[0])?.hadamard_transform(Some(0.5)), Single, Rows),
];
