//! Factorizations: what they multiply to, and matrices that LAPACK must not see.

use mlx_core::linalg::{self, Order, Triangle, norm};
use mlx_core::{Array, Dtype, Kind, Result, keep};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::{on_cpu, random, values};

/// Random symmetric positive definite matrices.
fn definite(batch: i32, n: i32) -> Array {
    let a = random([batch, n, n], 3);
    (a.matmul(linalg::matrix_transpose(&a)).unwrap() + identity(n)).unwrap()
}

fn identity(n: i32) -> Array {
    let places = Array::arange(0..n).unwrap();
    let rows = places.reshape([-1, 1]).unwrap();
    rows.equal(&places).unwrap().astype(Dtype::Float32).unwrap()
}

#[track_caller]
fn assert_same(actual: Result<Array>, expected: &Array) {
    let actual = actual.unwrap();
    assert_eq!(actual.shape(), expected.shape());
    assert!(
        actual
            .allclose(expected, mlx_core::Closeness { rtol: 1e-4, atol: 1e-4, ..Default::default() })
            .unwrap(),
        "{actual} is not {expected}"
    );
}

#[test]
fn q_times_r_is_the_matrix_and_q_is_orthonormal() {
    for (m, n) in [(4, 4), (5, 3), (3, 5), (1, 1)] {
        let a = random([2, m, n], 3);
        let [q, r] = linalg::qr(&a).unwrap();
        assert_same(q.matmul(&r), &a);
        let k = m.min(n);
        let eye = identity(k).broadcast_to([2, k, k]).unwrap();
        assert_same(linalg::matrix_transpose(&q).unwrap().matmul(&q), &eye);
        assert_same(r.triu(0), &r);
    }
}

#[test]
fn singular_vectors_and_values_multiply_to_the_matrix() {
    for (m, n) in [(4, 4), (5, 3), (3, 5)] {
        let a = random([2, m, n], 3);
        let [u, s, vt] = linalg::svd(&a).unwrap();
        let k = m.min(n);
        assert_eq!((u.shape(), s.shape(), vt.shape()), (&[2, m, m][..], &[2, k][..], &[2, n, n][..]));
        let (u, vt) = (u.index((.., .., ..k)).unwrap(), vt.index((.., ..k)).unwrap());
        let scaled = (&u * &s.expand_dims(1).unwrap()).unwrap();
        assert_same(scaled.matmul(&vt), &a);
        assert_same(linalg::svdvals(&a), &s);
        let sums = norm(&a, Order::Nuclear, [1, 2]);
        assert_same(sums, &s.sum(-1).unwrap());
        assert_same(norm(&a, 2.0, [-2, -1]), &s.max(-1).unwrap());
    }
}

#[test]
fn an_inverse_undoes_its_matrix() {
    let a = definite(3, 4);
    let eye = identity(4).broadcast_to([3, 4, 4]).unwrap();
    assert_same(linalg::inv(&a).unwrap().matmul(&a), &eye);
    assert_same(linalg::pinv(&a), &linalg::inv(&a).unwrap());
    let lower = a.tril(0).unwrap();
    assert_same(linalg::tri_inv(&lower, Triangle::Lower).unwrap().matmul(&lower), &eye);
    let upper = a.triu(0).unwrap();
    assert_same(linalg::tri_inv(&upper, Triangle::Upper).unwrap().matmul(&upper), &eye);
}

#[test]
fn a_pseudo_inverse_meets_its_definition() {
    for (m, n) in [(5, 3), (3, 5)] {
        let a = random([m, n], 3);
        let p = linalg::pinv(&a).unwrap();
        assert_eq!(p.shape(), [n, m]);
        assert_same(a.matmul(&p).unwrap().matmul(&a), &a);
        assert_same(p.matmul(&a).unwrap().matmul(&p), &p);
    }
    let empty = linalg::pinv(&Array::zeros([0, 3], Dtype::Float32).unwrap()).unwrap();
    assert_eq!((empty.shape(), values(&empty)), (&[3, 0][..], vec![]));
}

#[test]
fn a_cholesky_factor_times_its_transpose_is_the_matrix() {
    let a = definite(2, 4);
    let l = linalg::cholesky(&a, Triangle::Lower).unwrap();
    assert_same(l.matmul(linalg::matrix_transpose(&l)), &a);
    let u = linalg::cholesky(&a, Triangle::Upper).unwrap();
    assert_same(Ok(u.clone()), &linalg::matrix_transpose(&l).unwrap());
    let inverse = linalg::inv(&a).unwrap();
    assert_same(linalg::cholesky_inv(&l, Triangle::Lower), &inverse);
    assert_same(linalg::cholesky_inv(&u, Triangle::Upper), &inverse);
}

#[test]
fn rows_of_l_times_u_are_those_of_the_matrix() {
    for (m, n) in [(4, 4), (5, 3), (3, 5)] {
        let a = random([m, n], 3);
        let [p, l, u] = linalg::lu(&a).unwrap();
        assert_same(l.matmul(&u).unwrap().take(&p, 0), &a);
        let [packed, pivots] = linalg::lu_factor(&a).unwrap();
        assert_eq!((packed.shape(), pivots.shape()), (&[m, n][..], &[m.min(n)][..]));
        assert_eq!((p.dtype(), pivots.dtype()), (Dtype::Uint32, Dtype::Uint32));
    }
}

#[test]
fn a_solution_solves() {
    let a = definite(2, 4);
    for b in [random([2, 4, 3], 3), random([4, 1], 3).broadcast_to([2, 4, 1]).unwrap()] {
        assert_same(a.matmul(linalg::solve(&a, &b)), &b);
        for (part, triangle) in [(a.tril(0), Triangle::Lower), (a.triu(0), Triangle::Upper)] {
            let part = part.unwrap();
            assert_same(part.matmul(linalg::solve_triangular(&part, &b, triangle)), &b);
        }
    }
    let (one, b) = (a.index(0).unwrap(), random([4], 3));
    assert_same(one.matmul(linalg::solve(&one, &b)), &b);
    assert!(linalg::solve(&a, &random([3, 1], 3)).is_err() && linalg::solve(&random([2, 3], 3), &b).is_err());
}

#[test]
fn eigenvectors_are_scaled_by_their_eigenvalues() {
    let a = definite(2, 4);
    for triangle in [Triangle::Lower, Triangle::Upper] {
        let half = if triangle == Triangle::Lower { a.tril(0) } else { a.triu(0) }.unwrap();
        let [w, v] = linalg::eigh(&half, triangle).unwrap();
        assert_same(a.matmul(&v), &(&v * &w.expand_dims(1).unwrap()).unwrap());
        assert_same(linalg::eigvalsh(&half, triangle), &w);
        assert!(
            w.sort(-1)
                .unwrap()
                .allclose(&w, mlx_core::Closeness { rtol: 0.0, atol: 0.0, ..Default::default() })
                .unwrap()
        );
    }
    let a = random([3, 3], 3);
    let [w, v] = linalg::eig(&a).unwrap();
    assert_eq!(w.dtype(), Dtype::Complex64);
    let complex = a.astype(Dtype::Complex64).unwrap();
    assert_same(complex.matmul(&v), &(&v * &w).unwrap());
    assert_same(linalg::eigvals(&a), &w);
}

#[test]
fn a_rotation_has_complex_eigenvalues() {
    let turn = Array::from([[0.0, -1.0], [1.0, 0.0]]);
    let mut parts: Vec<_> = linalg::eigvals(&turn).unwrap().to_vec::<mlx_core::Complex64>().unwrap();
    parts.sort_by(|a, b| a.im.total_cmp(&b.im));
    let near = |at: usize, im: f32| parts[at].re.abs() < 1e-6 && (parts[at].im - im).abs() < 1e-6;
    assert!(near(0, -1.0) && near(1, 1.0), "{parts:?}");
}

#[test]
fn determinants_have_the_sign_of_their_permutation() {
    for n in [1, 2, 3, 4, 6] {
        let a = identity(n);
        let reversed = a.index(mlx_core::Slice::step_by(.., -1)).unwrap();
        let sign = if (n * (n - 1) / 2) % 2 == 0 { 2.0 } else { -2.0 };
        let doubled = (&reversed * &Array::from(2.0_f32)).unwrap();
        let expected = 2_f32.powi(n) * sign / 2.0;
        assert_close(&values(&linalg::det(&doubled).unwrap()), &[expected], Tolerance::F32);
        let [signs, logs] = linalg::slogdet(&doubled).unwrap();
        assert_close(&values(&signs), &[sign / 2.0], Tolerance::F32);
        assert_close(&values(&logs), &[n as f32 * 2_f32.ln()], Tolerance::F32);
    }
    let singular = Array::zeros([4, 4], Dtype::Float32).unwrap();
    let [sign, log] = linalg::slogdet(&singular).unwrap();
    assert_eq!((values(&sign), values(&log)), (vec![0.0], vec![f64::NEG_INFINITY]));
    assert_eq!(values(&linalg::det(&Array::zeros([0, 0], Dtype::Float32).unwrap()).unwrap()), [1.0]);
}

#[test]
fn norms_of_vectors_are_their_formulas() {
    let x = Array::from([3.0, 0.0, -4.0]);
    let cases: [(Order, f64); 7] = [
        (Order::Euclidean, 5.0),
        (Order::P(0.0), 2.0),
        (Order::P(1.0), 7.0),
        (Order::P(2.0), 5.0),
        (Order::P(3.0), 91_f64.cbrt()),
        (Order::P(f64::INFINITY), 4.0),
        (Order::P(f64::NEG_INFINITY), 0.0),
    ];
    for (order, expected) in cases {
        assert_close(&values(&norm(&x, order, 0).unwrap()), &[expected], Tolerance::F32);
        assert_eq!(norm(&x, order, keep(..)).unwrap().shape(), [1], "{order:?}");
    }
    assert!(norm(&x, Order::Frobenius, ..).is_err() && norm(&x, 1.0, 1).is_err());
}

#[test]
fn norms_of_matrices_are_their_formulas() {
    let x = Array::from([[1.0, -2.0], [3.0, 4.0]]);
    let largest = (15.0 + 125_f64.sqrt()).sqrt();
    let cases: [(Order, f64); 8] = [
        (Order::Frobenius, 30_f64.sqrt()),
        (Order::Euclidean, 30_f64.sqrt()),
        (Order::P(1.0), 6.0),
        (Order::P(-1.0), 4.0),
        (Order::P(f64::INFINITY), 7.0),
        (Order::P(f64::NEG_INFINITY), 3.0),
        (Order::P(2.0), largest),
        (Order::Nuclear, largest + 10.0 / largest),
    ];
    for (order, expected) in cases {
        assert_close(&values(&linalg::matrix_norm(&x, order).unwrap()), &[expected], Tolerance::F32);
        assert_eq!(norm(&x, order, keep([0, 1])).unwrap().shape(), [1, 1], "{order:?}");
    }
    assert!(linalg::matrix_norm(&x, 3.0).is_err() && norm(&x, Order::Nuclear, [0, 9]).is_err());
    let cube = random([2, 3, 4], 3);
    assert_same(norm(&cube, Order::Euclidean, ..), &cube.square().unwrap().sum(..).unwrap().sqrt().unwrap());
}

#[test]
fn a_cross_product_is_at_right_angles_to_both() {
    let (a, b) = (random([5, 3], 3), random([3], 3));
    let c = linalg::cross(&a, &b, -1).unwrap();
    let zero = Array::zeros([5], Dtype::Float32).unwrap();
    assert_same(c.vecdot(&a, -1), &zero);
    assert_same((&c * &b).unwrap().sum(-1), &zero);
    let flat = linalg::cross(&Array::from([1.0, 2.0]), &Array::from([3.0, 4.0]), 0).unwrap();
    assert_eq!(values(&flat), [0.0, 0.0, -2.0]);
    assert!(linalg::cross(&random([4], 3), &random([4], 3), 0).is_err());
    assert!(linalg::cross(&a, &b, 2).is_err());
}

#[test]
fn types_without_a_kernel_are_errors() {
    for dtype in [Dtype::Float16, Dtype::Bfloat16, Dtype::Int32, Dtype::Bool] {
        let a = identity(3).astype(dtype).unwrap();
        let t = Triangle::Lower;
        assert!(linalg::inv(&a).is_err() && linalg::qr(&a).is_err() && linalg::svd(&a).is_err(), "{dtype}");
        assert!(linalg::cholesky(&a, t).is_err() && linalg::eigh(&a, t).is_err() && linalg::lu(&a).is_err());
        assert!(
            linalg::eig(&a).is_err() && linalg::solve(&a, &a).is_err() && linalg::tri_inv(&a, t).is_err()
        );
    }
    let complex = identity(3).astype(Dtype::Complex64).unwrap();
    assert!(linalg::svd(&complex).is_ok() && linalg::eigh(&complex, Triangle::Lower).is_ok());
    assert!(linalg::inv(&complex).is_err() && linalg::det(&complex).is_err());
}

#[test]
fn double_precision_is_kept() {
    on_cpu(|| {
        let a = definite(1, 3).astype(Dtype::Float64).unwrap();
        let product = linalg::inv(&a).unwrap().matmul(&a).unwrap();
        assert_eq!(product.dtype(), Dtype::Float64);
        let eye = identity(3).expand_dims(0).unwrap();
        assert!(
            product
                .allclose(&eye, mlx_core::Closeness { rtol: 1e-12, atol: 1e-12, ..Default::default() })
                .unwrap()
        );
        let [u, s, vt] = linalg::svd(&a).unwrap();
        assert_eq!([u, s, vt].map(|part| part.dtype()), [Dtype::Float64; 3]);
    });
}

#[test]
fn matrices_without_elements_do_not_reach_lapack() {
    let none = |shape: [i32; 2]| Array::zeros(shape, Dtype::Float32).unwrap();
    let (square, t) = (none([0, 0]), Triangle::Lower);
    for inverse in [linalg::inv(&square), linalg::tri_inv(&square, t), linalg::cholesky_inv(&square, t)] {
        assert!(values(&inverse.unwrap()).is_empty());
    }
    for shape in [[0, 3], [3, 0], [0, 0]] {
        let a = none(shape);
        assert_eq!(linalg::lu(&a).unwrap_err().kind(), Kind::Shape);
        assert_eq!(linalg::lu_factor(&a).unwrap_err().kind(), Kind::Shape);
        let [q, r] = linalg::qr(&a).unwrap();
        assert_eq!((values(&q), values(&r)), (vec![], vec![]));
        let [u, s, _] = linalg::svd(&a).unwrap();
        assert_eq!((u.shape(), values(&s)), (&[shape[0], shape[0]][..], vec![]));
    }
    assert!(linalg::inv(&none([0, 3])).is_err());
    assert_eq!(linalg::solve(&square, &none([0, 2])).unwrap_err().op(), "linalg.solve");
    assert_eq!(linalg::solve_triangular(&square, &none([0, 2]), t).unwrap_err().kind(), Kind::Shape);
    let no_batch = Array::zeros([0, 3, 3], Dtype::Float32).unwrap();
    assert!(values(&linalg::inv(&no_batch).unwrap()).is_empty());
    linalg::eig(&no_batch).unwrap()[0].eval().unwrap();
}

#[test]
fn a_matrix_that_is_not_finite_has_no_eigenvalues_and_the_others_keep_theirs() {
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let a = Array::from_slice(&[2.0, 0.0, 0.0, 3.0, 1.0, wrong, 0.0, 1.0], [2, 2, 2]).unwrap();
        let real = |x: Array| x.abs().unwrap().astype(Dtype::Float32).unwrap();
        let [w, v] = linalg::eig(&a).unwrap();
        let [s, u] = linalg::eigh(&a, Triangle::Upper).unwrap();
        let all = [w, linalg::eigvals(&a).unwrap(), s, linalg::eigvalsh(&a, Triangle::Upper).unwrap()];
        let all = all.into_iter().chain([linalg::svdvals(&a).unwrap(), linalg::svd(&a).unwrap()[1].clone()]);
        for found in all {
            let found = values(&real(found));
            assert!(
                (found[0] * found[1] - 6.0).abs() < 1e-4 && found[2..].iter().all(|x| x.is_nan()),
                "{wrong}"
            );
        }
        for vectors in [v, u, linalg::pinv(&a).unwrap()] {
            let found = values(&real(vectors));
            assert!(found[..4].iter().all(|x| x.is_finite()) && found[4..].iter().all(|x| x.is_nan()));
        }
        let sums = values(&norm(&a, Order::Nuclear, [1, 2]).unwrap());
        assert!((sums[0] - 5.0).abs() < 1e-4 && sums[1].is_nan(), "{sums:?}");
    }
}

#[test]
fn the_inverse_of_a_singular_matrix_is_an_error_when_it_is_read() {
    let inverse = linalg::inv(&Array::zeros([2, 2], Dtype::Float32).unwrap()).unwrap();
    assert_eq!(inverse.eval().unwrap_err().op(), "eval");
}

#[test]
fn what_is_no_square_matrix_has_no_inverse() {
    for a in [random([3], 3), random([2, 3], 3)] {
        let t = Triangle::Lower;
        assert!(linalg::inv(&a).is_err() && linalg::det(&a).is_err() && linalg::eig(&a).is_err());
        assert!(linalg::cholesky(&a, t).is_err() && linalg::tri_inv(&a, t).is_err());
        assert!(linalg::eigh(&a, t).is_err() && linalg::slogdet(&a).is_err());
    }
    assert!(linalg::svd(&random([3], 3)).is_err() && linalg::matrix_transpose(&random([3], 3)).is_err());
    let wide = Array::from(1.0_f32).broadcast_to([65_536, 65_536]).unwrap();
    assert_eq!(linalg::qr(&wide).unwrap_err().kind(), Kind::Shape);
}
