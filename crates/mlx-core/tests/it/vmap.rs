//! Functions of one row on whole batches: values against rows one by one, axes, refusals.

use mlx_core::random::{self, Key};
use mlx_core::transform::{BatchAxes, custom_function, grad, vmap};
use mlx_core::{Array, Dtype, Kind, Result, Slice, Tree, concatenate, fast, select, stack};

use crate::values::floats;

/// 1 to `n` in a `shape`, as `float32`.
fn count(shape: &[i32]) -> Array {
    let n: i32 = shape.iter().product();
    Array::arange(1..n + 1).unwrap().astype(Dtype::Float32).unwrap().reshape(shape).unwrap()
}

#[test]
fn each_row_of_a_batch_is_summed() {
    let sums = vmap(|x: &Array| x.sum(..), 0, 0)(&count(&[3, 2])).unwrap();
    assert_eq!(floats(&sums), [3.0, 7.0, 11.0]);
}

#[test]
fn the_batch_may_be_along_any_axis() {
    let x = count(&[2, 3, 4]);
    for axis in [-3_i32, -2, -1, 0, 1, 2] {
        let at = axis.rem_euclid(3);
        let sums = vmap(|x: &Array| x.sum(0), axis, 0)(&x).unwrap();
        let expected = x.sum(if at == 0 { 1 } else { 0 }).unwrap();
        let expected = if at == 2 { expected.t().unwrap() } else { expected };
        assert_eq!(sums.shape(), expected.shape(), "{axis}");
        assert_eq!(floats(&sums), floats(&expected), "{axis}");
    }
}

#[test]
fn the_batch_goes_to_the_axis_that_is_asked_for() {
    let x = count(&[4, 2, 3]);
    for (axis, shape) in [(0, [4, 2, 3]), (1, [2, 4, 3]), (2, [2, 3, 4]), (-1, [2, 3, 4]), (-3, [4, 2, 3])] {
        let y = vmap(|x: &Array| x * 2.0, 0, axis)(&x).unwrap();
        assert_eq!(y.shape(), shape, "{axis}");
        let back = vmap(|x: &Array| x / 2.0, axis, 0)(&y).unwrap();
        assert_eq!(floats(&back), floats(&x), "{axis}");
    }
}

#[test]
fn an_array_without_an_axis_is_the_same_in_all_rows() {
    let (rows, one) = (count(&[3, 2]), Array::from([10.0, 100.0]));
    let f = |(x, y): &(Array, Array)| (x * y)?.sum(..);
    let first = vmap(f, [Some(0), None], 0)(&(rows.clone(), one.clone())).unwrap();
    assert_eq!(floats(&first), [210.0, 430.0, 650.0]);
    let second = vmap(f, [None, Some(0)], 0)(&(one, rows)).unwrap();
    assert_eq!(floats(&second), [210.0, 430.0, 650.0]);
}

#[test]
fn each_array_has_its_own_axis() {
    let (a, b) = (count(&[2, 3]), count(&[3, 2]));
    let dot = |(a, b): &(Array, Array)| (a * b)?.sum(..);
    let rows = vmap(dot, [0, 1], 0)(&(a.clone(), b.clone())).unwrap();
    assert_eq!(floats(&rows), [22.0, 64.0]);
    let axes: Vec<Option<i32>> = vec![Some(1), Some(0)];
    let columns = vmap(dot, axes, 0)(&(a, b)).unwrap();
    assert_eq!(floats(&columns), [9.0, 26.0, 51.0]);
}

#[test]
fn each_value_has_its_own_axis() {
    let x = count(&[2, 3]);
    let f = |x: &Array| Ok((x.clone(), (x * 2.0)?, x.sum(..)?));
    let (a, b, c) = vmap(f, 0, [1, 0, 0])(&x).unwrap();
    assert_eq!((a.shape(), floats(&a)), (&[3, 2][..], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    assert_eq!((b.shape(), c.shape()), (&[2, 3][..], &[2][..]));
}

#[test]
fn one_value_that_is_returned_twice_is_moved_once() {
    let x = count(&[2, 3]);
    let (a, b) = vmap(|x: &Array| Ok((x.clone(), x.clone())), 0, 1)(&x).unwrap();
    assert_eq!((a.shape(), b.shape()), (&[3, 2][..], &[3, 2][..]));
    assert_eq!(floats(&a), floats(&b));
    let twice = |x: &Array| {
        let y = x.exp()?;
        Ok([y.clone(), y])
    };
    let [a, b] = vmap(twice, 0, [1, 0])(&x).unwrap();
    assert_eq!((a.shape(), b.shape()), (&[3, 2][..], &[2, 3][..]));
}

#[test]
fn what_does_not_depend_on_the_batch_is_repeated() {
    let constant = Array::from([7.0, 8.0]);
    let f = |(x, y): &(Array, Array)| Ok((x.clone(), y.clone(), constant.clone(), (&constant * y)?));
    let (_, y, c, cy) = vmap(f, [Some(0), None], [0, 0, 1, 0])(&(count(&[3]), Array::from(2.0))).unwrap();
    assert_eq!(floats(&y), [2.0; 3]);
    assert_eq!((c.shape(), floats(&c)), (&[2, 3][..], vec![7.0, 7.0, 7.0, 8.0, 8.0, 8.0]));
    assert_eq!(floats(&cy), [14.0, 16.0, 14.0, 16.0, 14.0, 16.0]);
}

#[derive(Tree)]
struct Layer {
    weight: Array,
    bias: Option<Array>,
    heads: i32,
}

#[test]
fn batches_of_structs_keep_their_form() {
    let layers = Layer { weight: count(&[4, 2, 3]), bias: Some(count(&[4, 2])), heads: 3 };
    let f = |l: &Layer| Ok(Layer { weight: l.weight.sum(1)?, bias: l.bias.clone(), heads: l.heads + 1 });
    let out = vmap(f, 0, 0)(&layers).unwrap();
    assert_eq!((out.weight.shape(), out.heads), (&[4, 2][..], 4));
    assert_eq!(floats(&out.bias.unwrap()), floats(layers.bias.as_ref().unwrap()));
}

#[test]
fn batches_of_batches_are_batches() {
    let (a, b) = (count(&[2]), count(&[3]));
    let product = |(x, y): &(Array, Array)| x * y;
    let outer = vmap(vmap(product, [None, Some(0)], 0), [Some(0), None], 0)(&(a, b)).unwrap();
    assert_eq!((outer.shape(), floats(&outer)), (&[2, 3][..], vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0]));
}

#[test]
fn a_row_may_capture_a_row_of_the_batch_around_it() {
    let (a, b) = (count(&[2]), count(&[3]));
    let outer = vmap(|x: &Array| vmap(|y: &Array| x - y, 0, 0)(&b), 0, 0)(&a).unwrap();
    assert_eq!((outer.shape(), floats(&outer)), (&[2, 3][..], vec![0.0, -1.0, -2.0, 1.0, 0.0, -1.0]));
}

#[test]
fn gradients_of_each_row_come_from_a_batch_of_gradients() {
    let (x, w) = (count(&[4, 2]), Array::from([3.0, -1.0]));
    let loss = |(x, w): &(Array, Array)| (x * w)?.sum(..)?.square();
    let (_, dw) = vmap(grad(loss), [Some(0), None], 0)(&(x.clone(), w.clone())).unwrap();
    assert_eq!(dw.shape(), [4, 2]);
    for row in 0..4 {
        let one = grad(loss)(&(x.index(row).unwrap(), w.clone())).unwrap().1;
        assert_eq!(floats(&dw.index(row).unwrap()), floats(&one));
    }
}

#[test]
fn more_rows_than_an_index_type_can_count_are_kept_apart() {
    let x = count(&[300, 3]);
    for indices in [Array::from([2_u8, 0, 2]), Array::from_slice(&[2_i8, 0, -1], [3]).unwrap()] {
        let picked = |x: &Array| x.take(&indices, 0)?.square()?.sum(..);
        let found = vmap(grad(picked), 0, 0)(&x).unwrap();
        let expected = (&x * &Array::from([2.0, 0.0, 4.0])).unwrap();
        assert_eq!(floats(&found), floats(&expected));
    }
}

#[test]
fn a_gradient_goes_through_a_batch() {
    let x = count(&[2, 3]);
    let f = |x: &Array| vmap(|r: &Array| r.square()?.sum(..), 0, 0)(x)?.sum(..);
    assert_eq!(floats(&grad(f)(&x).unwrap()), floats(&(&x * 2.0).unwrap()));
}

#[test]
fn batches_without_rows_are_empty() {
    let none = Array::zeros([0, 3], Dtype::Float32).unwrap();
    let out = vmap(|x: &Array| Ok((x.exp()?, x.sum(..)?)), 0, 0)(&none).unwrap();
    assert_eq!((out.0.shape(), out.1.shape()), (&[0, 3][..], &[0][..]));
    assert!(floats(&out.0).is_empty() && floats(&out.1).is_empty());
}

#[test]
fn axes_that_are_not_there_are_refused() {
    let x = count(&[2, 3]);
    let id = |x: &Array| Ok(x.clone());
    for axis in [2, -3, i32::MAX, i32::MIN] {
        for error in [vmap(id, axis, 0)(&x), vmap(id, 0, axis)(&x), vmap(id, [Some(axis)], 0)(&x)] {
            let error = error.unwrap_err();
            assert_eq!((error.kind(), error.op()), (Kind::Shape, "vmap"));
            assert!(error.message().contains(&axis.to_string()), "{error}");
        }
    }
    assert!(vmap(id, 0, 0)(&Array::from(1.0)).is_err());
}

#[test]
fn lists_of_axes_must_fit() {
    let x = (count(&[2]), count(&[2]));
    let f = |x: &(Array, Array)| Ok((x.0.clone(), x.1.clone()));
    let cases: [(BatchAxes, BatchAxes, &str); 5] = [
        ([0].into(), 0.into(), "1 axes are given for 2 arrays of the argument"),
        (vec![].into(), 0.into(), "0 axes are given for 2 arrays of the argument"),
        ([None, None].into(), 0.into(), "no array of the argument has an axis of the batch"),
        (0.into(), [0, 0, 0].into(), "3 axes are given for 2 arrays of the value"),
        (0.into(), [Some(0), None].into(), "an array of the value needs an axis for the batch"),
    ];
    for (inputs, outputs, message) in cases {
        let line = line!() + 1;
        let error = vmap(f, inputs, outputs)(&x).unwrap_err();
        assert_eq!((error.kind(), error.message(), error.at().line()), (Kind::Shape, message, line));
    }
}

#[test]
fn batches_of_different_lengths_are_refused() {
    let f = |x: &(Array, Array)| &x.0 + &x.1;
    let error = vmap(f, 0, 0)(&(count(&[2]), count(&[3]))).unwrap_err();
    assert_eq!(error.message(), "one batch is 2 long and another 3");
    assert!(vmap(f, 0, 0)(&(count(&[2]), count(&[1]))).is_err());
}

#[test]
fn values_cannot_be_read_in_a_row() {
    let error = vmap(|x: &Array| x * x.item::<f32>()?, 0, 0)(&count(&[3])).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Mlx, "eval"));
    assert!(error.message().contains("vmap"), "{error}");
    assert_eq!(floats(&vmap(|x: &Array| x + 1.0, 0, 0)(&count(&[1])).unwrap()), [2.0]);
}

#[test]
fn a_batch_whose_inner_arrays_do_not_fit_in_memory_is_refused() {
    let rows = Array::from(true).broadcast_to([i32::MAX]).unwrap();
    let wide = |x: &Array| {
        let one = x.reshape([1, 1])?.broadcast_to([1 << 23, 1 << 23])?;
        one.any(..)
    };
    let error = vmap(wide, 0, 0)(&rows).unwrap_err();
    assert!(error.message().contains("does not fit in memory"), "{error}");
}

type Draw<'a> = &'a dyn Fn(&Key) -> Result<Array>;

#[test]
fn a_batch_of_keys_draws_rows_of_their_own() {
    let weights = Array::from([0.1, 0.7, 0.2]);
    let mean_and_covariance = (Array::from([1.0, 2.0]), Array::from([[2.0, 0.5], [0.5, 1.0]]));
    let (mean, covariance) = &mean_and_covariance;
    let draws: [(&str, Draw<'_>); 13] = [
        ("bits", &|key| random::bits([2, 2], 4, key)),
        ("uniform", &|key| random::uniform([2, 2], 1.0, 3.0, Dtype::Float32, key)),
        ("normal", &|key| random::normal([2, 2], Dtype::Float32, key)),
        ("multivariate_normal", &|key| random::multivariate_normal(mean, covariance, [3], key)),
        ("truncated_normal", &|key| random::truncated_normal([3], -1.0, 1.0, Dtype::Float32, key)),
        ("gumbel", &|key| random::gumbel([3], Dtype::Float32, key)),
        ("laplace", &|key| random::laplace([3], Dtype::Float32, key)),
        ("randint", &|key| random::randint([5], 0, 100, Dtype::Int32, key)),
        ("bernoulli", &|key| random::bernoulli([9], 0.5, key)),
        ("categorical", &|key| random::categorical(&weights, 0, key)),
        ("permutation", &|key| random::permutation(&weights, 0, key)),
        ("permutation_arange", &|key| random::permutation_arange(5, key)),
        ("split", &|key| random::uniform([2], 0.0, 1.0, Dtype::Float32, &key.split()?.1)),
    ];
    let mut key = Key::new(1).unwrap();
    let keys = [key.next().unwrap(), key.next().unwrap(), key.next().unwrap()];
    let batch = stack(keys.iter().flat_map(Tree::leaves), 0).unwrap();
    for (name, draw) in draws {
        let rows = vmap(|x: &Array| draw(&keys[0].with_leaves([x.clone()])?), 0, 0)(&batch);
        let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected: Vec<_> = keys.iter().map(|key| draw(key).unwrap()).collect();
        assert_same(name, &rows, &stack(&expected, 0).unwrap());
        let last = vmap(|x: &Array| draw(&keys[0].with_leaves([x.clone()])?), -1, 0)(&batch.t().unwrap());
        assert_same(name, &last.unwrap(), &stack(&expected, 0).unwrap());
    }
}

type Op = fn(&[Array]) -> Result<Array>;

/// What is run on batches: its name, the shapes of one row of its arguments, and the op.
const OPS: &[(&str, &[&[i32]], Op)] = &[
    ("abs", &[&[3]], |x| x[0].abs()),
    ("arccosh", &[&[3]], |x| x[0].arccosh()),
    ("arcsinh", &[&[3]], |x| x[0].arcsinh()),
    ("arctan", &[&[3]], |x| x[0].arctan()),
    ("arctan2", &[&[3], &[3]], |x| x[0].arctan2(&x[1])),
    ("add", &[&[2, 3], &[3]], |x| &x[0] + &x[1]),
    ("add a number", &[&[]], |x| &x[0] + 1.5),
    ("subtract", &[&[3], &[2, 1]], |x| &x[0] - &x[1]),
    ("multiply", &[&[1, 3], &[2, 1]], |x| &x[0] * &x[1]),
    ("divide", &[&[], &[4]], |x| &x[0] / &x[1]),
    ("remainder", &[&[4], &[4]], |x| &x[0] % &x[1]),
    ("floor_divide", &[&[4], &[]], |x| x[0].floor_divide(&x[1])),
    ("divmod", &[&[4], &[]], |x| {
        let (quotient, rest) = x[0].astype(Dtype::Int32)?.divmod(&x[1].astype(Dtype::Int32)?)?;
        (quotient * 100)? + rest
    }),
    ("power", &[&[4], &[]], |x| (&x[0] * 0.1)?.power(&x[1])),
    ("maximum", &[&[4], &[1]], |x| x[0].maximum(&x[1])),
    ("minimum", &[&[4], &[4]], |x| x[0].minimum(&x[1])),
    ("logaddexp", &[&[4], &[4]], |x| x[0].logaddexp(&x[1])),
    ("greater", &[&[4], &[4]], |x| x[0].greater(&x[1])),
    ("equal", &[&[4], &[4]], |x| x[0].equal(&x[1])),
    ("logical_and", &[&[4], &[4]], |x| x[0].logical_and(&x[1])),
    ("bitwise", &[&[4], &[4]], |x| x[0].astype(Dtype::Int32)?.bitwise_xor(x[1].astype(Dtype::Int32)?)),
    ("shift", &[&[4]], |x| x[0].astype(Dtype::Uint32)?.left_shift(2)),
    ("ceil", &[&[3]], |x| (&x[0] / 2.0)?.ceil()),
    ("round", &[&[3]], |x| (&x[0] / 3.0)?.round(1)),
    ("cosh", &[&[3]], |x| (&x[0] * 0.1)?.cosh()),
    ("erfinv", &[&[3]], |x| (&x[0] * 0.01)?.erfinv()),
    ("exp", &[&[2, 2]], |x| (&x[0] * 0.1)?.exp()),
    ("isnan", &[&[3]], |x| x[0].isnan()),
    ("log2", &[&[3]], |x| x[0].log2()),
    ("logical_not", &[&[3]], |x| x[0].logical_not()),
    ("negative", &[&[3]], |x| -&x[0]),
    ("rsqrt", &[&[3]], |x| x[0].rsqrt()),
    ("sigmoid", &[&[3]], |x| x[0].sigmoid()),
    ("square", &[&[3]], |x| x[0].square()),
    ("stop_gradient", &[&[3]], |x| x[0].stop_gradient()),
    ("astype", &[&[3]], |x| x[0].astype(Dtype::Int8)),
    ("view", &[&[2, 4]], |x| x[0].view(Dtype::Uint8)),
    ("view wider", &[&[2, 4]], |x| x[0].view(Dtype::Complex64)?.abs()),
    ("sum", &[&[2, 3]], |x| x[0].sum(..)),
    ("sum of an axis", &[&[2, 3]], |x| x[0].sum(0)),
    ("sum kept", &[&[2, 3]], |x| x[0].sum(mlx_core::keep(-1))),
    ("mean", &[&[2, 3]], |x| x[0].mean(1)),
    ("var", &[&[2, 3]], |x| x[0].var([0, 1], 1)),
    ("prod", &[&[2, 2]], |x| (&x[0] * 0.1)?.prod(1)),
    ("min", &[&[2, 3]], |x| x[0].min(0)),
    ("max", &[&[2, 3]], |x| x[0].max(..)),
    ("all", &[&[2, 3]], |x| x[0].greater(5.0)?.all(1)),
    ("any", &[&[2, 3]], |x| x[0].greater(5.0)?.any(..)),
    ("logsumexp", &[&[2, 3]], |x| x[0].logsumexp(-1)),
    ("softmax", &[&[2, 3]], |x| x[0].softmax(0)),
    ("cumsum", &[&[2, 3]], |x| x[0].cumsum(0)),
    ("argmax", &[&[2, 3]], |x| (&x[0] * &x[0].sin()?)?.argmax(1)),
    ("argmin of all", &[&[2, 3]], |x| x[0].sin()?.argmin(..)),
    ("matmul", &[&[2, 3], &[3, 4]], |x| x[0].matmul(&x[1])),
    ("matrix times vector", &[&[2, 3], &[3]], |x| x[0].matmul(&x[1])),
    ("vector times matrix", &[&[3], &[3, 2]], |x| x[0].matmul(&x[1])),
    ("matmul of stacks", &[&[5, 2, 3], &[3, 2]], |x| x[0].matmul(&x[1])),
    ("addmm", &[&[2, 2], &[2, 3], &[3, 2]], |x| x[0].addmm(&x[1], &x[2], 0.5, 2.0)),
    ("reshape", &[&[2, 3]], |x| x[0].reshape([3, 2])),
    ("transpose", &[&[2, 3, 4]], |x| x[0].transpose([2, 0, 1])),
    ("t", &[&[2, 3]], |x| x[0].t()),
    ("swapaxes", &[&[2, 3, 4]], |x| x[0].swapaxes(0, -1)),
    ("expand_dims", &[&[2, 3]], |x| x[0].expand_dims([0, -1])),
    ("squeeze", &[&[2, 1, 3]], |x| x[0].squeeze(1)),
    ("flatten", &[&[2, 3, 4]], |x| x[0].flatten(0, 1)),
    ("broadcast_to", &[&[3]], |x| x[0].broadcast_to([2, 3])),
    ("repeat", &[&[2, 3]], |x| x[0].repeat(2, 1)),
    ("split", &[&[4, 3]], |x| x[0].split(2, 0)?.remove(1).exp()),
    ("split_at", &[&[5]], |x| concatenate(x[0].split_at([1, 3], 0)?.iter().rev(), 0)),
    ("pad", &[&[2, 3]], |x| x[0].pad([(1, 1, 2)], 9.0)),
    ("tril", &[&[3, 3]], |x| x[0].tril(0)),
    ("triu", &[&[3, 3]], |x| x[0].triu(1)),
    ("slice", &[&[5, 4]], |x| x[0].index((1..3, Slice::step_by(.., 2)))),
    ("slice backwards", &[&[5]], |x| x[0].index(Slice::step_by(.., -2))),
    ("index", &[&[5, 4]], |x| x[0].index((-1, 2))),
    ("slice_update", &[&[3, 3], &[2, 2]], |x| x[0].slice_update(&x[1], [1, 0])),
    ("take", &[&[5, 2]], |x| x[0].take(&Array::from([[4, 0], [1, 1]]), 0)),
    ("take by rows", &[&[5, 2], &[3]], |x| x[0].take(&(&x[1] % 5.0)?.astype(Dtype::Int32)?, 0)),
    ("take from one", &[&[3]], |x| Array::from([5.0, 6.0, 7.0]).take(&x[0].astype(Dtype::Int32)?, 0)),
    ("take_along_axis", &[&[2, 3]], |x| x[0].take_along_axis(&Array::from([[2, 0], [1, 1]]), 1)),
    ("take_along_axis by rows", &[&[2, 3]], |x| x[0].take_along_axis(&x[0].sin()?.argsort(1)?, 1)),
    ("sort", &[&[2, 5]], |x| x[0].sin()?.sort(0)),
    ("argsort", &[&[2, 5]], |x| x[0].sin()?.argsort(1)),
    ("partition", &[&[5]], |x| x[0].sin()?.partition(2, 0)?.index(2)),
    ("argpartition", &[&[5]], |x| x[0].sin()?.argpartition(0, 0)?.index(0)),
    ("topk", &[&[6]], |x| x[0].sin()?.topk(1, 0)),
    ("concatenate", &[&[2, 3], &[1, 3]], |x| concatenate([&x[0], &x[1]], 0)),
    ("concatenate with one", &[&[2]], |x| concatenate([&Array::from([9.0]), &x[0]], 0)),
    ("stack", &[&[2], &[2]], |x| stack([&x[0], &x[1]], 1)),
    ("select", &[&[3], &[3]], |x| select(&x[0].greater(4.0)?, &x[1], 0.0)),
    ("rms_norm", &[&[2, 4]], |x| fast::rms_norm(&x[0], Some(&Array::from([1.0, 2.0, 3.0, 4.0])), 1e-5)),
    ("layer_norm", &[&[2, 4]], |x| fast::layer_norm(&x[0], None, None, 1e-5)),
];

#[test]
fn every_op_on_a_batch_is_the_op_on_each_row() {
    for &(name, shapes, op) in OPS {
        let batches: Vec<Array> = shapes.iter().map(|shape| count(&[&[4], *shape].concat())).collect();
        let run = |rows: &Vec<Array>| op(rows);
        let rows = |at: i32| batches.iter().map(|batch| batch.index(at).unwrap()).collect::<Vec<_>>();
        let expected: Vec<Array> = (0..4).map(|at| run(&rows(at)).unwrap()).collect();
        let expected = stack(&expected, 0).unwrap();

        let found = vmap(run, 0, 0)(&batches).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_same(name, &found, &expected);

        // The batch at the end of each argument and value.
        let last: Vec<Array> = batches.iter().map(moved_to_end).collect();
        let found = vmap(run, -1, -1)(&last).unwrap_or_else(|error| panic!("{name} at the end: {error}"));
        assert_same(name, &found, &moved_to_end(&expected));
    }
}

#[test]
fn every_op_of_a_batch_and_one_row_is_the_op_on_each_row() {
    for &(name, shapes, op) in OPS.iter().filter(|(_, shapes, _)| shapes.len() == 2) {
        let (batch, one) = (count(&[&[4], shapes[0]].concat()), count(shapes[1]));
        let run = |rows: &Vec<Array>| op(rows);
        let expected: Vec<Array> =
            (0..4).map(|at| op(&[batch.index(at).unwrap(), one.clone()]).unwrap()).collect();
        let found = vmap(run, [Some(0), None], 0)(&vec![batch, one]);
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_same(name, &found, &stack(&expected, 0).unwrap());
    }
}

pub(crate) fn moved_to_end(x: &Array) -> Array {
    let rank = x.ndim() as i32;
    x.transpose((1..rank).chain([0]).collect::<Vec<_>>()).unwrap()
}

/// What tells the two arrays apart, if anything.
pub(crate) fn compare(name: &str, found: &Array, expected: &Array) -> Result<(), String> {
    if (found.shape(), found.dtype()) != (expected.shape(), expected.dtype()) {
        return Err(format!("{name}: {found:?} has not the form of {expected:?}"));
    }
    let [found, expected] = [found, expected].map(|x| floats(&x.astype(Dtype::Float32).unwrap()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
    if found.iter().zip(&expected).all(near) {
        return Ok(());
    }
    Err(format!("{name}: {found:?} is not {expected:?}"))
}

#[track_caller]
fn assert_same(name: &str, found: &Array, expected: &Array) {
    compare(name, found, expected).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_function_with_its_own_rule_for_batches_uses_it() {
    let f = custom_function(|x: &Array| x.sum(..)).vmap(|x: &Array, axes: &[Option<i32>]| {
        assert_eq!(axes, [Some(0)]);
        Ok(((x.sum(1)? * 100.0)?, 0))
    });
    assert_eq!(f.call(&count(&[2])).unwrap().item::<f32>().unwrap(), 3.0);
    let rows = vmap(|x: &Array| f.call(x), 0, 0)(&count(&[2, 2])).unwrap();
    assert_eq!(floats(&rows), [300.0, 700.0]);
}
