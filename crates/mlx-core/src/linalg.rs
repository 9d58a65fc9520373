//! Factorizations, inverses and norms of matrices; leading axes are a batch.
//!
//! MLX has the factorizations on the CPU only, so they run there whatever the current device is. They take
//! `float32` and `float64`; those of eigenvalues and singular values take `complex64` too.
//!
//! ```
//! use mlx_core::{Array, Closeness, linalg};
//!
//! let a = Array::from([[4.0, 1.0], [1.0, 3.0]]);
//! let x = linalg::solve(&a, &Array::from([1.0, 2.0]))?;
//! assert!(a.matmul(&x)?.allclose(Array::from([1.0, 2.0]), Closeness::default())?);
//! # Ok::<(), mlx_core::Error>(())
//! ```
//!
//! Eigenvalues and singular values of a matrix that holds NaN or infinity are NaN. The inverse of a singular matrix
//! is an error when it is read.

use std::ffi::CStr;

use crate::ffi::raw;
use crate::ops::select;
use crate::{Array, Axes, Device, Dtype, Error, Kind, Result, stream};

/// The half of a matrix that is read, or that is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Triangle {
    /// The diagonal and what is below.
    #[default]
    Lower,
    /// The diagonal and what is above.
    Upper,
}

impl Triangle {
    fn is_upper(self) -> bool {
        self == Self::Upper
    }

    fn name(self) -> &'static CStr {
        if self.is_upper() { c"U" } else { c"L" }
    }
}

/// A norm of vectors or matrices; a number alone is [`Order::P`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// The root of the sum of squares, of any number of axes.
    Euclidean,
    /// Of one axis, `(Σ |x|^p)^(1/p)`. Of two, 1 and -1 are the greatest and the least sum of a column, the
    /// infinities those of a row, 2 and -2 the greatest and the least singular value.
    P(f64),
    /// The root of the sum of squares of a matrix.
    Frobenius,
    /// The sum of the singular values of a matrix.
    Nuclear,
}

impl From<f64> for Order {
    fn from(p: f64) -> Self {
        Self::P(p)
    }
}

/// Runs ops of this module on the CPU: on the current stream if that is there.
#[track_caller]
pub(crate) fn on_cpu<R>(f: impl FnOnce() -> Result<R>) -> Result<R> {
    let _guard = if Device::current().is_cpu() { None } else { Some(stream::enter_device(Device::Cpu)?) };
    match f() {
        Ok(value) => Ok(value),
        Err(error) => Err(error.at_caller()),
    }
}

/// `l` with `a = l · lᵀ` of a symmetric positive definite `a`; or the upper `u` with `a = uᵀ · u`.
///
/// One triangle of `a` is read. The result for an `a` that is not positive definite means nothing.
#[track_caller]
pub fn cholesky(a: &Array, triangle: Triangle) -> Result<Array> {
    refuse_large(a, "linalg.cholesky")?;
    on_cpu(|| raw::linalg_cholesky(a, triangle.is_upper()))
}

/// The inverse of `a`, given its [`cholesky`] factor.
#[track_caller]
pub fn cholesky_inv(factor: &Array, triangle: Triangle) -> Result<Array> {
    if is_empty(factor) {
        return square(factor, "linalg.cholesky_inv").cloned();
    }
    on_cpu(|| raw::linalg_cholesky_inv(factor, triangle.is_upper()))
}

/// The cross product of vectors of length 2 or 3 along an axis; other axes broadcast.
#[track_caller]
pub fn cross(a: &Array, b: &Array, axis: i32) -> Result<Array> {
    raw::linalg_cross(a, b, axis)
}

/// The determinant.
#[track_caller]
pub fn det(a: &Array) -> Result<Array> {
    refuse_large(a, "linalg.det")?;
    on_cpu(|| raw::linalg_det(a))
}

/// The sign of the determinant, and the logarithm of its magnitude.
#[track_caller]
pub fn slogdet(a: &Array) -> Result<[Array; 2]> {
    refuse_large(a, "linalg.slogdet")?;
    on_cpu(|| raw::linalg_slogdet(a))
}

/// The eigenvalues `[…, n]` and the eigenvectors, in columns, as `complex64`.
#[track_caller]
pub fn eig(a: &Array) -> Result<[Array; 2]> {
    let (a, finite) = finite(a, "linalg.eig")?;
    let [values, vectors] = on_cpu(|| raw::linalg_eig(&a))?;
    Ok([or_nan(&finite.squeeze(-1)?, &values)?, or_nan(&finite, &vectors)?])
}

/// The eigenvalues `[…, n]` as `complex64`; see [`eig`].
#[track_caller]
pub fn eigvals(a: &Array) -> Result<Array> {
    let (a, finite) = finite(a, "linalg.eigvals")?;
    or_nan(&finite.squeeze(-1)?, &on_cpu(|| raw::linalg_eigvals(&a))?)
}

/// The eigenvalues `[…, n]`, ascending, and the eigenvectors, in columns, of a symmetric or Hermitian matrix, of which
/// one triangle is read.
#[track_caller]
pub fn eigh(a: &Array, triangle: Triangle) -> Result<[Array; 2]> {
    let (a, finite) = finite(a, "linalg.eigh")?;
    let [values, vectors] = on_cpu(|| raw::linalg_eigh(&a, triangle.name()))?;
    Ok([or_nan(&finite.squeeze(-1)?, &values)?, or_nan(&finite, &vectors)?])
}

/// The eigenvalues `[…, n]`, ascending, of a symmetric or Hermitian matrix, of which one triangle is read.
#[track_caller]
pub fn eigvalsh(a: &Array, triangle: Triangle) -> Result<Array> {
    let (a, finite) = finite(a, "linalg.eigvalsh")?;
    or_nan(&finite.squeeze(-1)?, &on_cpu(|| raw::linalg_eigvalsh(&a, triangle.name()))?)
}

/// The inverse.
#[track_caller]
pub fn inv(a: &Array) -> Result<Array> {
    if is_empty(a) {
        return square(a, "linalg.inv").cloned();
    }
    on_cpu(|| raw::linalg_inv(a))
}

/// The inverse of a triangular matrix.
#[track_caller]
pub fn tri_inv(a: &Array, triangle: Triangle) -> Result<Array> {
    if is_empty(a) {
        return square(a, "linalg.tri_inv").cloned();
    }
    on_cpu(|| raw::linalg_tri_inv(a, triangle.is_upper()))
}

/// Rows `p` `[…, m]` as `uint32`, and triangular `l` and `u`, with `a = (l · u)[p]`.
///
/// # Errors
/// A side of the matrix has length 0, besides those of the module.
#[track_caller]
pub fn lu(a: &Array) -> Result<[Array; 3]> {
    refuse_empty(a, "linalg.lu")?;
    match <[Array; 3]>::try_from(on_cpu(|| raw::linalg_lu(a))?) {
        Ok(parts) => Ok(parts),
        Err(_) => Err(Error::new(Kind::Mlx, "linalg.lu", "MLX returned another number of arrays")),
    }
}

/// `l` and `u` in one matrix, and for each step the row that it was exchanged with, as `uint32`.
///
/// # Errors
/// A side of the matrix has length 0, besides those of the module.
#[track_caller]
pub fn lu_factor(a: &Array) -> Result<[Array; 2]> {
    refuse_empty(a, "linalg.lu_factor")?;
    on_cpu(|| raw::linalg_lu_factor(a))
}

/// The norm over all axes, or those named: `norm(&x, 1.0, -1)`, `norm(&x, Order::Euclidean, ..)`.
#[track_caller]
pub fn norm(a: &Array, order: impl Into<Order>, axes: impl Into<Axes>) -> Result<Array> {
    let Axes { list, keep } = axes.into();
    let (a, list) = (&straight(a)?, list.as_deref());
    match order.into() {
        Order::Euclidean => raw::linalg_norm_l2(a, list, keep),
        Order::Frobenius => raw::linalg_norm_matrix(a, c"fro", list, keep),
        Order::Nuclear => {
            let (a, finite) = finite_over(a, list, keep)?;
            or_nan(&finite, &on_cpu(|| raw::linalg_norm_matrix(&a, c"nuc", list, keep))?)
        }
        Order::P(p) if p.abs() == 2.0 && list.map_or(a.ndim(), <[i32]>::len) == 2 => {
            let (a, finite) = finite_over(a, list, keep)?;
            or_nan(&finite, &on_cpu(|| raw::linalg_norm(&a, p, list, keep))?)
        }
        Order::P(p) => raw::linalg_norm(a, p, list, keep),
    }
}

/// The norm of the matrices in the last two axes.
#[track_caller]
pub fn matrix_norm(a: &Array, order: impl Into<Order>) -> Result<Array> {
    norm(a, order, [-2, -1])
}

/// The last two axes exchanged.
#[track_caller]
pub fn matrix_transpose(a: &Array) -> Result<Array> {
    if a.ndim() < 2 {
        let message = format!("shape {:?} is no matrix", a.shape());
        return Err(Error::new(Kind::Shape, "linalg.matrix_transpose", message));
    }
    a.swapaxes(-1, -2)
}

/// The Moore-Penrose inverse, without singular values that are rounding errors.
#[track_caller]
pub fn pinv(a: &Array) -> Result<Array> {
    let (a, finite) = finite(a, "linalg.pinv")?;
    or_nan(&finite, &on_cpu(|| raw::linalg_pinv(&a))?)
}

/// `q` with orthonormal columns and upper triangular `r`, with `a = q · r`.
#[track_caller]
pub fn qr(a: &Array) -> Result<[Array; 2]> {
    refuse_large(a, "linalg.qr")?;
    on_cpu(|| raw::linalg_qr(a))
}

/// `x` with `a · x = b`, for `b` `[…, n, k]` or `[n]`.
#[track_caller]
pub fn solve(a: &Array, b: &Array) -> Result<Array> {
    refuse_empty(a, "linalg.solve")?;
    on_cpu(|| raw::linalg_solve(a, b))
}

/// `x` with `a · x = b`, for triangular `a` and `b` `[…, n, k]` or `[n]`.
#[track_caller]
pub fn solve_triangular(a: &Array, b: &Array, triangle: Triangle) -> Result<Array> {
    refuse_empty(a, "linalg.solve_triangular")?;
    on_cpu(|| raw::linalg_solve_triangular(a, b, triangle.is_upper()))
}

/// Orthonormal `u` `[…, m, m]`, descending singular values `s` `[…, min(m, n)]`, and orthonormal `vᵀ` `[…, n, n]`,
/// with `a = u · diag(s) · vᵀ`.
#[track_caller]
pub fn svd(a: &Array) -> Result<[Array; 3]> {
    let (a, finite) = finite(a, "linalg.svd")?;
    match <[Array; 3]>::try_from(on_cpu(|| raw::linalg_svd(&a, true))?) {
        Ok([u, s, vt]) => {
            Ok([or_nan(&finite, &u)?, or_nan(&finite.squeeze(-1)?, &s)?, or_nan(&finite, &vt)?])
        }
        Err(_) => Err(Error::new(Kind::Mlx, "linalg.svd", "MLX returned another number of arrays")),
    }
}

/// The singular values alone, descending.
#[track_caller]
pub fn svdvals(a: &Array) -> Result<Array> {
    let (a, finite) = finite(a, "linalg.svd")?;
    match on_cpu(|| raw::linalg_svd(&a, false))?.pop() {
        Some(values) => or_nan(&finite.squeeze(-1)?, &values),
        None => Err(Error::new(Kind::Mlx, "linalg.svd", "MLX returned no array")),
    }
}

/// Whether a side of the matrices has length 0, which MLX divides by.
fn is_empty(a: &Array) -> bool {
    matches!(a.shape(), [.., m, n] if *m == 0 || *n == 0)
}

/// An empty matrix that is square and of a type with an inverse: its own.
#[track_caller]
fn square<'a>(a: &'a Array, op: &'static str) -> Result<&'a Array> {
    match a.shape() {
        [.., m, n] if m == n && matches!(a.dtype(), Dtype::Float32 | Dtype::Float64) => Ok(a),
        _ => Err(Error::new(Kind::Shape, op, format!("takes square matrices of real numbers, not {a:?}"))),
    }
}

#[track_caller]
fn refuse_empty(a: &Array, op: &'static str) -> Result<()> {
    refuse_large(a, op)?;
    if is_empty(a) {
        return Err(Error::new(Kind::Shape, op, format!("shape {:?} has no elements to factor", a.shape())));
    }
    Ok(())
}

/// LAPACK counts the elements of a matrix in 32 bits.
#[track_caller]
fn refuse_large(a: &Array, op: &'static str) -> Result<()> {
    match a.shape() {
        [.., m, n] if i64::from(*m) * i64::from(*n) > i32::MAX.into() => {
            Err(Error::new(Kind::Shape, op, format!("a matrix of {m} by {n} is too large for LAPACK")))
        }
        _ => Ok(()),
    }
}

/// The array with zeros for matrices that hold NaN or infinity, and which do not: LAPACK ends the process on those, or
/// fails, which makes MLX wait for ever after a while.
#[track_caller]
fn finite(a: &Array, op: &'static str) -> Result<(Array, Array)> {
    refuse_large(a, op)?;
    if a.ndim() < 2 {
        return Err(Error::new(Kind::Shape, op, format!("shape {:?} is no matrix", a.shape())));
    }
    finite_over(a, Some(&[-2, -1]), true)
}

/// The same for matrices in these axes, or in all.
#[track_caller]
fn finite_over(a: &Array, axes: Option<&[i32]>, keep: bool) -> Result<(Array, Array)> {
    let over = |keep| Axes { list: axes.map(Into::into), keep };
    let a = &straight(a)?;
    let finite = raw::isfinite(a)?;
    let zero = raw::zeros(&[], a.dtype())?;
    Ok((select(&finite.all(over(true))?, a, &zero)?, finite.all(over(keep))?))
}

/// The array, in order if it is empty: sums of empty arrays that are transposed may never end.
#[track_caller]
fn straight(a: &Array) -> Result<Array> {
    if a.size() == 0 { Array::zeros(a.shape(), a.dtype()) } else { Ok(a.clone()) }
}

#[track_caller]
fn or_nan(finite: &Array, values: &Array) -> Result<Array> {
    select(finite, values, Array::from(f32::NAN))
}
