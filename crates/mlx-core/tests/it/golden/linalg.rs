//! Linear algebra; `xtask/golden/families/linalg.py` says what is recorded of what is not unique.

use mlx_core::linalg::{self, Order, Triangle};
use mlx_core::{Array, Index, Result};

use super::{Args, holds, one};

#[test]
fn linear_algebra_agrees_with_python() {
    holds("linalg", 544, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    factored(op, &inputs[0], args).or_else(|| single(op, inputs, args).map(one))
}

fn single(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    let x = &inputs[0];
    let side = triangle(args);
    Some(match op {
        "det" => linalg::det(x),
        "inv" => linalg::inv(x),
        "pinv" => linalg::pinv(x),
        "solve" => linalg::solve(x, &inputs[1]),
        "solve_triangular" => cut(x, side).and_then(|x| linalg::solve_triangular(&x, &inputs[1], side)),
        "tri_inv" => cut(x, side).and_then(|x| linalg::tri_inv(&x, side)),
        "cholesky" => definite(x).and_then(|x| linalg::cholesky(&x, side)),
        "cholesky_inv" => definite(x)
            .and_then(|x| linalg::cholesky(&x, side))
            .and_then(|factor| linalg::cholesky_inv(&factor, side)),
        "eigvalsh" => linalg::eigvalsh(x, side),
        "svdvals" => linalg::svdvals(x),
        "matrix_norm" => linalg::matrix_norm(x, order(args)),
        "matrix_transpose" => linalg::matrix_transpose(x),
        "norm" => linalg::norm(x, order(args), args.axes()),
        "cross" => linalg::cross(x, &inputs[1], args.int_or("axis", -1)),
        _ => return None,
    })
}

fn factored(op: &str, x: &Array, args: Args<'_>) -> Option<Result<Vec<Array>>> {
    Some(match op {
        "slogdet" => linalg::slogdet(x).map(Vec::from),
        "lu" => linalg::lu(x).map(Vec::from),
        "lu_factor" => linalg::lu_factor(x).map(Vec::from),
        "eigvals" => linalg::eigvals(x).and_then(|values| parts(&values)),
        "eig" => eig(x),
        "eigh" => eigh(x, triangle(args)),
        "qr" => qr(x),
        "svd" => svd(x),
        _ => return None,
    })
}

fn triangle(args: Args<'_>) -> Triangle {
    let is_upper = args.flag("upper") || args.get("UPLO").is_some_and(|side| side == "U");
    if is_upper { Triangle::Upper } else { Triangle::Lower }
}

fn order(args: Args<'_>) -> Order {
    match args.get("ord") {
        None => Order::Euclidean,
        Some(name) if name == "fro" => Order::Frobenius,
        Some(name) if name == "nuc" => Order::Nuclear,
        Some(name) if name == "inf" => Order::P(f64::INFINITY),
        Some(name) if name == "-inf" => Order::P(f64::NEG_INFINITY),
        Some(_) => Order::P(args.float("ord")),
    }
}

fn twice_identity(x: &Array) -> Result<Array> {
    Array::identity(x.dim(-1)?, x.dtype())? * 2
}

fn definite(x: &Array) -> Result<Array> {
    x.matmul(x.swapaxes(-1, -2)?)? + twice_identity(x)?
}

fn cut(x: &Array, side: Triangle) -> Result<Array> {
    let part = if side == Triangle::Upper { x.triu(1)? } else { x.tril(-1)? };
    (part * 0.25)? + twice_identity(x)?
}

fn parts(values: &Array) -> Result<Vec<Array>> {
    Ok(vec![values.real()?.sort(-1)?, values.imag()?.sort(-1)?])
}

fn eig(x: &Array) -> Result<Vec<Array>> {
    let [values, vectors] = linalg::eig(x)?;
    let mut outputs = parts(&values)?;
    outputs.push(vectors.abs()?.sum(-1)?);
    Ok(outputs)
}

fn eigh(x: &Array, side: Triangle) -> Result<Vec<Array>> {
    let [values, vectors] = linalg::eigh(x, side)?;
    let back = (&vectors * values.expand_dims(-2)?)?.matmul(vectors.swapaxes(-1, -2)?.conjugate()?)?;
    Ok(vec![values, vectors.abs()?, back])
}

fn qr(x: &Array) -> Result<Vec<Array>> {
    let [q, r] = linalg::qr(x)?;
    Ok(vec![q.abs()?, r.abs()?, q.matmul(&r)?])
}

fn svd(x: &Array) -> Result<Vec<Array>> {
    let [u, s, vt] = linalg::svd(x)?;
    let rank = s.dim(-1)?;
    let (u, vt) = (u.index((Index::Ellipsis, ..rank))?, vt.index((Index::Ellipsis, ..rank, ..))?);
    let back = (&u * s.expand_dims(-2)?)?.matmul(&vt)?;
    Ok(vec![u.abs()?, s, vt.abs()?, back])
}
