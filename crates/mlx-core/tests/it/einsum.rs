//! Einstein's notation: values, the order of the products, and subscripts that name nothing.

use mlx_core::{Array, Dtype, Kind, einsum, einsum_path};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::{random, values};

#[track_caller]
fn assert_same(subscripts: &str, operands: &[&Array], expected: &Array) {
    let actual = einsum(subscripts, operands.iter().copied()).unwrap();
    assert_eq!(actual.shape(), expected.shape(), "{subscripts}");
    assert_close(&values(&actual), &values(expected), Tolerance::F32);
}

#[test]
fn subscripts_say_what_other_ops_do() {
    let (a, b, square) = (random([3, 4], 9), random([4, 5], 9), random([4, 4], 9));
    assert_same("ij,jk->ik", &[&a, &b], &a.matmul(&b).unwrap());
    assert_same("ij,jk", &[&a, &b], &a.matmul(&b).unwrap());
    assert_same("ij->ji", &[&a], &a.t().unwrap());
    assert_same("ij->", &[&a], &a.sum(..).unwrap());
    assert_same("ba", &[&a], &a.t().unwrap());
    assert_same("i j -> j", &[&a], &a.sum(0).unwrap());
    let diagonal: Vec<_> = (0..4).map(|at| values(&square.index((at, at)).unwrap())[0]).collect();
    assert_close(&values(&einsum("ii->i", [&square]).unwrap()), &diagonal, Tolerance::F32);
    let trace = diagonal.iter().sum::<f64>();
    assert_close(&values(&einsum("ii", [&square]).unwrap()), &[trace], Tolerance::F32);
    let (x, y) = (random([3], 9), random([4], 9));
    assert_same("i,j->ij", &[&x, &y], &x.outer(&y).unwrap());
    assert_same("i,i", &[&x, &x], &x.inner(&x).unwrap());
    assert_same("ij,j->i", &[&a, &y], &a.matmul(&y).unwrap());
}

#[test]
fn three_arrays_are_multiplied_in_any_order() {
    let (a, b, c) = (random([2, 3], 9), random([3, 4], 9), random([4, 5], 9));
    let expected = a.matmul(&b).unwrap().matmul(&c).unwrap();
    assert_same("ij,jk,kl->il", &[&a, &b, &c], &expected);
    assert_same("kl,ij,jk->il", &[&c, &a, &b], &expected);
    assert_same("kl,ij,jk->li", &[&c, &a, &b], &expected.t().unwrap());
}

#[test]
fn an_ellipsis_stands_for_axes_that_broadcast() {
    let (a, b) = (random([2, 1, 3, 4], 9), random([5, 4, 6], 9));
    let product = a.matmul(&b).unwrap();
    assert_same("...ij,...jk->...ik", &[&a, &b], &product);
    assert_same("...ij,...jk", &[&a, &b], &product);
    assert_same("i...->...", &[&a], &a.sum(0).unwrap());
    assert_same("...", &[&a], &a);
    assert_same("ij...,j->i...", &[&random([2, 3, 4], 9), &random([3], 9)], &{
        random([2, 3, 4], 9).tensordot(random([3], 9), ([1], [0])).unwrap()
    });
}

#[test]
fn the_order_and_its_cost_are_those_of_python() {
    type Case = (&'static str, &'static [&'static [i32]], &'static [&'static [usize]], [usize; 4]);
    let cases: [Case; 7] = [
        ("ij,jk,kl->il", &[&[2, 3], &[3, 4], &[4, 5]], &[&[1, 2], &[0, 1]], [4, 3, 360, 180]),
        (
            "ij,jk,kl,lm",
            &[&[8, 2], &[2, 9], &[9, 3], &[3, 7]],
            &[&[1, 2], &[1, 2], &[0, 1]],
            [5, 3, 12096, 416],
        ),
        ("i,j->ij", &[&[2], &[3]], &[&[0, 1]], [2, 2, 6, 6]),
        ("a...,...b,bc->a...c", &[&[2, 3, 4], &[3, 4, 5], &[5, 2]], &[&[1, 2], &[0, 1]], [5, 4, 720, 288]),
        ("ij,kl,mn->", &[&[2, 2], &[3, 3], &[4, 4]], &[&[1, 2], &[0, 1]], [6, 4, 1728, 296]),
        (
            "abc,bd,dc,ca->ad",
            &[&[2, 3, 4], &[3, 5], &[5, 4], &[4, 2]],
            &[&[0, 3], &[0, 1, 2]],
            [4, 4, 480, 384],
        ),
        ("ijij->ij", &[&[2, 3, 2, 3]], &[&[0]], [2, 2, 6, 6]),
    ];
    for (subscripts, shapes, steps, numbers) in cases {
        let operands: Vec<_> = shapes.iter().map(|shape| random(shape, 9)).collect();
        let path = einsum_path(subscripts, &operands).unwrap();
        assert_eq!(path.steps, steps, "{subscripts}");
        let found = [path.naive_scaling, path.optimized_scaling, path.naive_cost, path.optimized_cost];
        assert_eq!(found, numbers, "{subscripts}");
    }
}

#[test]
fn a_path_prints_as_in_python() {
    let path = einsum_path("i,j->ij", [&random([2], 9), &random([3], 9)]).unwrap();
    let expected = "  Complete contraction:  i,j->ij\n         Naive scaling:  2\n     Optimized scaling:  2\n      \
                    Naive FLOP count:  6\n  Optimized FLOP count:  6\n";
    assert_eq!(path.to_string(), expected);
}

#[test]
fn subscripts_that_do_not_fit_are_refused() {
    let (a, b) = (random([2, 3], 9), random([3, 4], 9));
    for subscripts in [
        "",
        "ij",
        "ij,jk,kl",
        "i,jk",
        "ijk,jk",
        "ij,jk->iz",
        "ij,jk->ii",
        "i1,jk",
        "ij;jk",
        "ij,jk->i.k",
        "i..j,jk",
        "i...j...,jk",
        "ij,ik->jk",
        "ii,jk",
        "ij,jk->...->",
        "ïj,jk",
        "ij\0,jk",
        "ij,jk->->ik",
        "ijk...,jk",
    ] {
        for error in [einsum(subscripts, [&a, &b]).err(), einsum_path(subscripts, [&a, &b]).err()] {
            assert_eq!(error.map(|e| e.kind()), Some(Kind::Shape), "{subscripts:?}");
        }
    }
    assert!(einsum("ij", []).is_err() && einsum_path("", []).is_err());
}

#[test]
fn more_axes_than_the_alphabet_has_letters_are_refused() {
    let wide = Array::ones([1; 53], Dtype::Float32).unwrap();
    for subscripts in ["...", "...->...", "a...->..."] {
        let error = einsum(subscripts, [&wide]).unwrap_err();
        assert!(error.message().ends_with("are more than 52"), "{error}");
    }
    let narrow = Array::ones([1; 52], Dtype::Float32).unwrap();
    assert_eq!(einsum("...", [&narrow]).unwrap().ndim(), 52);
}
