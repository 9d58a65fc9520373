//! Products of matrices against loops, and indices outside a batch.

use mlx_core::random::{Key, normal};
use mlx_core::{Array, BlockMasks, Contraction, Dtype, Kind, MatrixIndices, stack};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::{assert_same, on_cpu, random, values};

#[test]
fn inner_and_outer_are_sums_and_pairs() {
    let (a, b) = (random([2, 3], 4), random([4, 3], 4));
    assert_same(&a.inner(&b).unwrap(), &a.matmul(b.t()).unwrap());
    let column = a.reshape([-1, 1]).unwrap();
    assert_same(&a.outer(&b).unwrap(), &(&column * &b.reshape([1, -1]).unwrap()).unwrap());
    assert_same(&a.inner(2.0).unwrap(), &(&a * 2.0).unwrap());
    assert!(a.inner(random([4, 2], 4)).is_err());
}

#[test]
fn kron_repeats_the_right_side() {
    let (a, b) = (Array::from([[1, 2], [3, 4]]), Array::from([[0, 1]]));
    let product = a.kron(&b).unwrap();
    assert_eq!((product.shape(), values(&product)), (&[2, 4][..], vec![0., 1., 0., 2., 0., 3., 0., 4.]));
    assert_eq!(Array::from([1, 2]).kron(&a).unwrap().shape(), [2, 4]);
    assert!(a.kron(Array::zeros([0], Dtype::Int32).unwrap()).is_err());
}

#[test]
fn vecdot_conjugates_the_left_side() {
    let (a, b) = (random([2, 3, 4], 4), random([1, 3, 4], 4));
    assert_same(&a.vecdot(&b, -1).unwrap(), &(&a * &b).unwrap().sum(-1).unwrap());
    let z = normal([5], Dtype::Complex64, &Key::new(4).unwrap()).unwrap();
    let square = z.vecdot(&z, 0).unwrap().item::<mlx_core::Complex64>().unwrap();
    let expected =
        values(&z.abs().unwrap().astype(Dtype::Float32).unwrap().square().unwrap().sum(..).unwrap());
    assert!((f64::from(square.re) - expected[0]).abs() < 1e-4 && square.im.abs() < 1e-5);
    for axis in [3, -4, i32::MAX, i32::MIN] {
        assert!(b.vecdot(&b, axis).is_err(), "{axis}");
    }
    assert!(Array::from(1.0).vecdot(1.0, 0).is_err() && b.vecdot(random([1, 3, 5], 4), 2).is_err());
    assert!(a.vecdot(random([3, 4], 4), -1).is_err(), "another rank");
}

#[test]
fn sums_over_no_elements_are_zero_whatever_their_order() {
    let none = Array::zeros([0, 6, 6], Dtype::Float32).unwrap().swapaxes(1, 2).unwrap();
    for _ in 0..50 {
        assert_eq!(values(&none.vecdot(&none, 0).unwrap()), [0.0; 36]);
        assert_eq!(values(&mlx_core::einsum("abc->cb", [&none]).unwrap()), [0.0; 36]);
        let sums = mlx_core::linalg::norm(&none, f64::INFINITY, 0);
        assert!(sums.is_err(), "the greatest of nothing");
        assert_eq!(values(&mlx_core::linalg::norm(&none, 1.0, 0).unwrap()), [0.0; 36]);
    }
}

#[test]
fn tensordot_sums_over_the_axes_named() {
    let (a, b) = (random([2, 3, 4], 4), random([4, 3, 5], 4));
    let one = a.reshape([6, 4]).unwrap().matmul(b.reshape([4, 15])).unwrap();
    assert_same(&a.tensordot(&b, 1).unwrap(), &one.reshape([2, 3, 3, 5]).unwrap());
    let moved = a.transpose([0, 2, 1]).unwrap().reshape([2, 12]).unwrap();
    let both = moved.matmul(b.reshape([12, 5])).unwrap();
    assert_same(&a.tensordot(&b, ([2, -2], [0, 1])).unwrap(), &both);
    assert_eq!(a.tensordot(&b, 0).unwrap().shape(), [2, 3, 4, 4, 3, 5]);
    for count in [-1, 2, 4, i32::MIN, i32::MAX] {
        assert!(a.tensordot(&b, count).is_err(), "{count}");
    }
    for axes in [([2], [1]), ([3], [0]), ([i32::MIN], [0]), ([-4], [0])] {
        assert!(a.tensordot(&b, axes).is_err(), "{axes:?}");
    }
    assert!(
        a.tensordot(&b, ([2, 2], [0, 0])).is_err()
            && a.tensordot(&b, Contraction::Axes(vec![1, 2], vec![0])).is_err()
    );
}

#[test]
fn addmm_adds_what_it_scales() {
    let (c, a, b) = (random([2, 5], 4), random([2, 3], 4), random([3, 5], 4));
    let expected = ((&c * 0.5).unwrap() + (a.matmul(&b).unwrap() * 2.0).unwrap()).unwrap();
    assert_same(&c.addmm(&a, &b, 2.0, 0.5).unwrap(), &expected);
}

#[test]
fn masked_blocks_count_as_zero() {
    let (a, b) = (random([40, 70], 4), random([70, 33], 4));
    let (on, off) = (Array::from([[true, false]]), Array::from([[false], [true]]));
    let rows = |x: &Array, keep: std::ops::Range<i32>| {
        let at = Array::arange(0..x.dim(0).unwrap()).unwrap().reshape([-1, 1]).unwrap();
        let kept = at.greater_equal(keep.start).unwrap().logical_and(at.less(keep.end)).unwrap();
        (x * &kept.astype(Dtype::Float32).unwrap()).unwrap()
    };
    let out = a.block_masked_mm(&b, 32, BlockMasks { out: Some(&off), ..BlockMasks::default() }).unwrap();
    assert_same(&out, &rows(&a.matmul(&b).unwrap(), 32..40));
    let first = Array::from([[true, true, false]]);
    let masks = BlockMasks { lhs: Some(&first), ..BlockMasks::default() };
    let expected = a.matmul(rows(&b, 0..64)).unwrap();
    assert_same(&a.block_masked_mm(&b, 32, masks).unwrap(), &expected);
    let columns = BlockMasks { rhs: Some(&on), ..BlockMasks::default() };
    let half =
        a.astype(Dtype::Bfloat16).unwrap().block_masked_mm(&b.astype(Dtype::Bfloat16).unwrap(), 32, columns);
    assert_eq!(
        half.unwrap().index((.., 32)).unwrap().to_vec::<mlx_core::bf16>().unwrap(),
        [mlx_core::bf16::ZERO; 40]
    );
    for size in [0, -32, 16, i32::MIN] {
        assert!(a.block_masked_mm(&b, size, columns).is_err(), "{size}");
    }
    let wrong = Array::from([[true, true, true]]);
    assert!(a.block_masked_mm(&b, 32, BlockMasks { rhs: Some(&wrong), ..BlockMasks::default() }).is_err());
}

#[test]
fn masks_of_a_batch_are_those_of_each_matrix() {
    let (a, b) = (random([2, 32, 64], 4), random([64, 32], 4));
    let masks = Array::from_slice(&[true, false, false, true], [2, 2, 1]).unwrap();
    let whole = |rhs| a.block_masked_mm(&b, 32, BlockMasks { rhs, ..BlockMasks::default() }).unwrap();
    let halves = [(0..32), (32..64)].map(|part| {
        let matrix = i32::from(part.start == 32);
        a.index((matrix, .., part.clone())).unwrap().matmul(b.index(part)).unwrap()
    });
    assert_same(&whole(Some(&masks)), &stack(&halves, 0).unwrap());
    assert_same(&whole(None), &a.matmul(&b).unwrap());
}

#[test]
fn segments_are_products_of_parts() {
    let (a, b) = (random([3, 6], 4), random([6, 2], 4));
    let parts = [(0, 4), (4, 6), (2, 2), (5, 1)];
    let segments = Array::from(parts.map(|(from, to)| [from, to]));
    let product = |(from, to): (i32, i32)| {
        a.index((.., from..to.max(from))).unwrap().matmul(b.index(from..to.max(from))).unwrap()
    };
    let expected: Vec<_> = parts.into_iter().map(product).collect();
    assert_same(&a.segmented_mm(&b, &segments).unwrap(), &stack(&expected, 0).unwrap());
}

#[test]
fn segments_out_of_range_are_clamped() {
    let (a, b) = (random([3, 6], 4), random([6, 2], 4));
    let whole = a.matmul(&b).unwrap();
    // Alone and first: for the others, BLAS would end the process as if all were well.
    let negative = a.segmented_mm(&b, &Array::from([[-1, 6]])).unwrap();
    assert_same(&negative, &whole.expand_dims(0).unwrap());
    let far = Array::from([[i64::MIN, i64::MAX], [-1, 6], [0, 7]]);
    let found = a.segmented_mm(&b, &far).unwrap();
    assert_same(&found, &stack([&whole, &whole, &whole], 0).unwrap());
    let unsigned = Array::from_slice(&[0, u64::MAX], [1, 2]).unwrap();
    assert_same(&a.segmented_mm(&b, &unsigned).unwrap(), &whole.expand_dims(0).unwrap());
    let small = Array::from_slice(&[-128_i8, 127], [2]).unwrap();
    assert_same(&a.segmented_mm(&b, &small).unwrap(), &whole);
    let none = Array::zeros([0, 6], Dtype::Float32).unwrap().segmented_mm(&b, &far).unwrap();
    assert_eq!((none.shape(), values(&none)), (&[3, 0, 2][..], vec![]));
    assert_eq!(a.segmented_mm(&b, &Array::from([[0.0, 1.0]])).unwrap_err().kind(), Kind::Dtype);
    assert!(a.segmented_mm(&b, &Array::from([0, 1, 2])).is_err());
}

#[test]
fn gathered_products_are_those_of_the_matrices_named() {
    let (a, b) = (random([2, 3, 2, 4], 4), random([5, 4, 3], 4));
    let (left, right) = (Array::from([[0, 5], [-1, 2]]), Array::from([4, -5]));
    let indices = MatrixIndices { lhs: Some(&left), rhs: Some(&right), sorted: false };
    let found = a.gather_mm(&b, indices).unwrap();
    assert_eq!(found.shape(), [2, 2, 2, 3]);
    let flat = a.reshape([6, 2, 4]).unwrap();
    let product = |i: i32, j: i32| flat.index(i).unwrap().matmul(b.index(j).unwrap()).unwrap();
    let expected = stack([&product(0, 4), &product(5, 0), &product(5, 4), &product(2, 0)], 0).unwrap();
    assert_same(&found.reshape([4, 2, 3]).unwrap(), &expected);
    let sorted = Array::from([0, 0, 1, 3, 4, 4]).reshape([2, 3]).unwrap();
    let right = MatrixIndices { rhs: Some(&sorted), sorted: true, ..MatrixIndices::default() };
    let expected = a.matmul(b.take(&sorted, 0)).unwrap();
    assert_same(&a.gather_mm(&b, right).unwrap(), &expected);
    assert_same(&a.gather_mm(b.index(0).as_ref().unwrap(), MatrixIndices::default()).unwrap(), &{
        a.matmul(b.index(0)).unwrap()
    });
}

#[test]
fn matrix_indices_out_of_range_are_clamped() {
    let (a, b) = (random([3, 2, 4], 4), random([5, 4, 3], 4));
    let all = [i32::MIN, -6, -5, 4, 5, i32::MAX];
    let (far, near) = (Array::from(all), Array::from([0, 0, 0, 4, 4, 4]));
    let zero = Array::from([0]);
    let gathered = |rhs: &Array| {
        a.gather_mm(&b, MatrixIndices { lhs: Some(&zero), rhs: Some(rhs), sorted: false }).unwrap()
    };
    assert_same(&gathered(&far), &gathered(&near));
    assert_same(&gathered(&Array::from_slice(&[u64::MAX, 0], [2]).unwrap()), &gathered(&Array::from([4, 0])));
    assert_same(
        &gathered(&Array::from_slice(&[i8::MIN, i8::MAX], [2]).unwrap()),
        &gathered(&Array::from([0, 4])),
    );
    assert_same(&gathered(&Array::from([u32::MAX])), &gathered(&Array::from([4])));
    let unsorted = Array::from([3, 1, 4]);
    let rising = MatrixIndices { rhs: Some(&unsorted), sorted: true, ..MatrixIndices::default() };
    assert_same(&a.gather_mm(&b, rising).unwrap(), &a.matmul(b.take(&Array::from([3, 3, 4]), 0)).unwrap());
}

#[test]
fn matrix_indices_that_name_nothing_are_refused() {
    let (a, b) = (random([3, 2, 4], 4), random([5, 4, 3], 4));
    let none = Array::zeros([0, 4, 3], Dtype::Float32).unwrap();
    let one = Array::from([0]);
    fn rhs(index: &Array) -> MatrixIndices<'_> {
        MatrixIndices { rhs: Some(index), ..MatrixIndices::default() }
    }
    assert_eq!(a.gather_mm(&none, rhs(&one)).unwrap_err().kind(), Kind::Index);
    for index in [Array::from([0.0]), Array::from([true])] {
        let error = a.gather_mm(&b, rhs(&index)).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Dtype, "gather_mm"));
    }
    let empty = Array::zeros([0], Dtype::Int32).unwrap();
    let picked = MatrixIndices { lhs: Some(&empty), rhs: Some(&empty), sorted: true };
    assert_eq!(a.gather_mm(&b, picked).unwrap().shape(), [0, 2, 3]);
    assert!(
        a.gather_mm(&random([5, 3, 3], 4), rhs(&one)).is_err()
            && a.gather_mm(&b, rhs(&Array::from([0, 1]))).is_err()
    );
    let whole = a.astype(Dtype::Int32).unwrap();
    assert!(whole.gather_mm(&whole, rhs(&one)).is_err());
}

#[test]
fn half_types_are_gathered_in_single_precision() {
    on_cpu(|| {
        let (a, b) = (random([3, 2, 4], 4), random([5, 4, 3], 4));
        let (half, other) = (a.astype(Dtype::Float16).unwrap(), b.astype(Dtype::Float16).unwrap());
        let index = Array::from([4, 0, 2]);
        let indices = MatrixIndices { rhs: Some(&index), ..MatrixIndices::default() };
        let found = half.gather_mm(&other, indices).unwrap();
        assert_eq!(found.dtype(), Dtype::Float16);
        assert_close(&values(&found), &values(&a.gather_mm(&b, indices).unwrap()), Tolerance::F16);
        let double = a.astype(Dtype::Float64).unwrap();
        assert_eq!(double.gather_mm(&b, indices).unwrap_err().kind(), Kind::Dtype);
    });
}

#[test]
fn a_hadamard_matrix_is_its_own_inverse() {
    for size in [1, 2, 16, 12, 24, 20, 28, 56] {
        let x = random([3, size], 4);
        let there = x.hadamard_transform(None).unwrap();
        if [1, 2, 16].contains(&size) {
            assert_same(&there.hadamard_transform(None).unwrap(), &x);
        }
        let energy = |x: &Array| values(&x.square().unwrap().sum(-1).unwrap());
        assert_close(&energy(&there), &energy(&x), Tolerance::F32);
    }
    let sums = Array::from([1.0, 2.0]).hadamard_transform(Some(1.0)).unwrap();
    assert_eq!(values(&sums), [3.0, -1.0]);
}

#[test]
fn a_size_without_a_hadamard_matrix_is_refused() {
    for size in [3, 5, 7, 36, 60, 100, 140, 240] {
        let error = random([2, size], 4).hadamard_transform(None).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "hadamard_transform"), "{size}");
    }
    assert!(Array::zeros([2, 0], Dtype::Float32).unwrap().hadamard_transform(None).is_err());
    on_cpu(|| {
        let double = Array::ones([4], Dtype::Float64).unwrap();
        assert_eq!(double.hadamard_transform(None).unwrap_err().kind(), Kind::Dtype);
    });
}
