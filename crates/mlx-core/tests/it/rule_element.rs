//! Ops on elements, places, shapes and rows whose rules [`rule`](crate::rule) tests.

use mlx_core::fast::{self, Mask, Rope};
use mlx_core::{
    Array, Diagonal, Dtype, Index, Indexing, NanToNum, PadMode, Result, Scan, Side, Slice, Update,
    broadcast_arrays, concatenate, meshgrid,
};

use crate::rule::Batch::{NoBatch, Rows};
use crate::rule::Derivative::{Backward, Exact, Refused, Single, SingleBackward};
use crate::rule::Op;

fn single(x: &Array) -> Result<Array> {
    x.astype(Dtype::Float32)
}

fn backwards(axis: i32) -> Scan {
    Scan { axis, reverse: true, inclusive: true }
}

fn exclusive(axis: i32) -> Scan {
    Scan { axis, reverse: false, inclusive: false }
}

fn rope(x: &Array, traditional: bool) -> Result<Array> {
    let how = Rope { dims: 4, traditional, base: Some(100.0), scale: 0.5, offset: 3, freqs: None };
    fast::rope(&single(x)?, how)
}

fn attention(x: &[Array], mask: Mask<'_>) -> Result<Array> {
    fast::scaled_dot_product_attention(&single(&x[0])?, &single(&x[1])?, &single(&x[2])?, 2.0, mask, None)
}

pub(crate) const ELEMENTS: &[Op] = &[
    ("degrees", &[&[3]], |x| x[0].degrees(), Exact, Rows),
    ("radians", &[&[3]], |x| x[0].radians(), Exact, Rows),
    ("trunc", &[&[3]], |x| (&x[0] * 3.0)?.trunc()? * &x[0], Exact, Rows),
    ("copy", &[&[3]], |x| x[0].copy()?.square(), Exact, Rows),
    ("conjugate", &[&[3]], |x| x[0].conjugate()?.square(), Exact, Rows),
    ("contiguous", &[&[2, 3]], |x| x[0].t()?.contiguous(false)?.square(), Exact, Rows),
    ("clip", &[&[5]], |x| x[0].clip(0.4..=0.7)? * &x[0], Exact, Rows),
    ("clip by arrays", &[&[3], &[3]], |x| x[0].clip(&x[1]..), Exact, Rows),
    ("nan_to_num", &[&[3]], |x| single(&x[0])?.nan_to_num(NanToNum::default())?.square(), Single, Rows),
    ("floor_divide", &[&[3], &[3]], |x| (&x[0] * 5.0)?.floor_divide(&x[1])? * &x[0], Exact, Rows),
    ("divmod", &[&[3], &[3]], |x| (&x[0] * 5.0)?.divmod(&x[1])?.1.square(), Exact, Rows),
    ("std", &[&[2, 3]], |x| x[0].std(1, 0), Exact, Rows),
    ("std of all", &[&[2, 3]], |x| x[0].std(.., 1), Exact, Rows),
    ("var of all", &[&[2, 3]], |x| x[0].var(.., 0), Exact, Rows),
    ("median", &[&[2, 5]], |x| x[0].median(1), Exact, Rows),
    ("median of an even number", &[&[2, 4]], |x| x[0].median(1), Exact, Rows),
    ("median of all", &[&[2, 3]], |x| x[0].median(..), Exact, Rows),
    ("sum of several axes", &[&[2, 3, 2]], |x| x[0].sum([0, 2])?.square(), Exact, Rows),
    ("prod of several axes", &[&[2, 2, 2]], |x| x[0].prod([0, 2]), Exact, Rows),
    ("max of several axes", &[&[2, 3, 2]], |x| x[0].max([0, 2]), Exact, Rows),
    ("softmax of several axes", &[&[2, 3, 2]], |x| x[0].softmax([0, 2]), Single, Rows),
    ("logsumexp of several axes", &[&[2, 3, 2]], |x| x[0].logsumexp([0, 2]), Single, Rows),
    ("number_of_elements", &[&[2, 3]], |x| x[0].number_of_elements(1, Dtype::Float64)? * &x[0], Exact, Rows),
    ("cumsum exclusive", &[&[2, 3]], |x| x[0].cumsum(exclusive(0)), Exact, Rows),
    ("cumprod", &[&[2, 3]], |x| x[0].cumprod(1), Backward, Rows),
    ("cumprod backwards", &[&[4]], |x| x[0].cumprod(backwards(0)), Backward, Rows),
    ("cumprod exclusive", &[&[4]], |x| x[0].cumprod(exclusive(0)), Backward, Rows),
    ("cummax", &[&[2, 5]], |x| x[0].cummax(1), Backward, Rows),
    ("cummax backwards", &[&[5]], |x| x[0].cummax(backwards(0)), Backward, Rows),
    ("cummin", &[&[2, 5]], |x| x[0].cummin(1), Backward, Rows),
    ("logcumsumexp", &[&[2, 4]], |x| x[0].logcumsumexp(1), SingleBackward, Rows),
    ("logcumsumexp backwards", &[&[4]], |x| x[0].logcumsumexp(backwards(0)), SingleBackward, Rows),
    ("diff", &[&[2, 4]], |x| x[0].diff(2, 1), Exact, Rows),
];

pub(crate) const SHAPES: &[Op] = &[
    ("moveaxis", &[&[2, 3, 2]], |x| x[0].moveaxis(0, 2)?.square(), Exact, Rows),
    ("unflatten", &[&[2, 6]], |x| x[0].unflatten(1, [3, -1])?.square(), Exact, Rows),
    ("atleast_3d", &[&[3]], |x| x[0].atleast_3d()?.square(), Exact, Rows),
    ("tile", &[&[2, 3]], |x| x[0].tile([2, 1, 2]), Exact, Rows),
    ("flip", &[&[2, 3]], |x| x[0].flip(1), Exact, Rows),
    ("flip of all", &[&[2, 3]], |x| x[0].flip(..), Exact, Rows),
    ("roll", &[&[2, 3]], |x| x[0].roll(1, 1), Exact, Rows),
    ("roll of several axes", &[&[2, 3]], |x| x[0].roll(-1, [0, 1]), Exact, Rows),
    ("roll of all", &[&[2, 3]], |x| x[0].roll(2, ..), Exact, Rows),
    ("pad edge", &[&[2, 3]], |x| x[0].pad([(1, 2, 1)], PadMode::Edge), Exact, Rows),
    ("pad reflect", &[&[2, 4]], |x| x[0].pad([(1, 2, 1)], PadMode::Reflect), Exact, Rows),
    ("pad symmetric", &[&[3, 2]], |x| x[0].pad([(0, 1, 4)], PadMode::Symmetric), Exact, Rows),
    ("pad by hand", &[&[2, 2]], |x| x[0].pad([(-1, 0, 2), (0, 1, 0)], 2)?.square(), Exact, Rows),
    ("as_strided", &[&[6]], |x| x[0].as_strided([2, 3], &[2, 1], 1), Exact, NoBatch),
    ("diag of a vector", &[&[3]], |x| x[0].diag(1), Backward, Rows),
    ("diag of a matrix", &[&[3, 3]], |x| x[0].diag(-1), Exact, Rows),
    ("diagonal", &[&[2, 3, 3]], |x| x[0].diagonal(Diagonal { offset: 1, axes: [2, 1] }), Exact, Rows),
    ("trace", &[&[3, 3]], |x| x[0].trace(0), Exact, Rows),
    ("unstack", &[&[2, 3]], |x| x[0].unstack(1)?.swap_remove(1).square(), Exact, Rows),
    (
        "meshgrid",
        &[&[2], &[3]],
        |x| {
            let grid = meshgrid(&x[..2], false, Indexing::Xy)?;
            &grid[0] * &grid[1]
        },
        Exact,
        Rows,
    ),
    (
        "broadcast_arrays",
        &[&[2, 1], &[3]],
        |x| {
            let both = broadcast_arrays(&x[..2])?;
            &both[0] * &both[1]
        },
        Exact,
        Rows,
    ),
    ("view", &[&[3]], |x| x[0].view(Dtype::Float64)?.square(), Exact, Rows),
    ("depends", &[&[3], &[2]], |x| x[0].depends([&x[1]])?.square(), Backward, Rows),
    (
        "concatenate of three",
        &[&[1, 2], &[2, 2]],
        |x| concatenate([&x[0], &x[1], &x[0]], 0)?.square(),
        Exact,
        Rows,
    ),
    ("full_like", &[&[2, 2], &[2]], |x| x[0].full_like(&x[1])?.square(), Exact, Rows),
];

pub(crate) const PLACES: &[Op] = &[
    ("set", &[&[4, 2], &[2]], |x| x[0].at(1).set(&x[1]), Exact, Rows),
    ("set of places", &[&[4, 2], &[2, 2]], |x| x[0].at([3, 0]).set(&x[1]), Backward, Rows),
    ("set of one number", &[&[4], &[]], |x| x[0].at(1..3).set(&x[1]), Exact, Rows),
    ("set backwards", &[&[5], &[3]], |x| x[0].at(Slice::step_by(.., -2)).set(&x[1]), Exact, Rows),
    ("set of a mask", &[&[4], &[]], |x| x[0].at(&x[0].greater(0.5)?).set(&x[1]), Exact, Rows),
    ("add", &[&[4, 2], &[3, 2]], |x| x[0].at([3, 0, 3]).add(&x[1]), Backward, Rows),
    ("add to a range", &[&[4, 2], &[2, 1]], |x| x[0].at(1..3).add(&x[1]), Exact, Rows),
    ("subtract", &[&[4], &[3]], |x| x[0].at([3, 0, 3]).subtract(&x[1]), Backward, Rows),
    ("multiply", &[&[4, 2], &[2, 2]], |x| x[0].at([3, 0]).multiply(&x[1]), Refused, Rows),
    ("multiply a range", &[&[4], &[2]], |x| x[0].at(1..3).multiply(&x[1]), Backward, Rows),
    ("multiply a place twice", &[&[4], &[2]], |x| x[0].at([3, 3]).multiply(&x[1]), Refused, Rows),
    ("divide", &[&[4], &[2]], |x| x[0].at([3, 0]).divide(&x[1]), Refused, Rows),
    ("maximum", &[&[4], &[2]], |x| x[0].at([3, 0]).maximum(&x[1]), Backward, Rows),
    ("maximum of a range", &[&[4], &[2]], |x| x[0].at(1..3).maximum(&x[1]), Backward, Rows),
    ("minimum", &[&[4], &[2]], |x| x[0].at([3, 0]).minimum(&x[1]), Backward, Rows),
    ("minimum of a range", &[&[4], &[2]], |x| x[0].at(1..3).minimum(&x[1]), Backward, Rows),
    (
        "scatter",
        &[&[3, 4], &[2, 1, 2]],
        |x| x[0].scatter([(0, &Array::from([2, 0])), (1, &Array::from([1, 2]))], &x[1], Update::Set),
        Backward,
        Rows,
    ),
    (
        "scatter of sums",
        &[&[3, 2], &[3, 1, 2]],
        |x| x[0].scatter([(0, &Array::from([2, 0, 2]))], &x[1], Update::Add),
        Backward,
        Rows,
    ),
    (
        "scatter of products",
        &[&[3, 2], &[2, 1, 2]],
        |x| x[0].scatter([(0, &Array::from([2, 0]))], &x[1], Update::Multiply),
        Refused,
        Rows,
    ),
    (
        "put_along_axis",
        &[&[2, 3], &[2, 1]],
        |x| x[0].put_along_axis(&Array::from([[2], [0]]), &x[1], 1),
        Exact,
        Rows,
    ),
    (
        "put_along_axis of all",
        &[&[2, 3], &[2]],
        |x| x[0].put_along_axis(&Array::from([5, 1]), &x[1], ..),
        Exact,
        Rows,
    ),
    (
        "scatter_add_axis",
        &[&[2, 3], &[2, 2]],
        |x| x[0].scatter_add_axis(&Array::from([[2, 2], [0, 1]]), &x[1], 1),
        Exact,
        Rows,
    ),
    ("take of all", &[&[2, 3]], |x| x[0].take(&Array::from([5, 0, 5]), ..), Exact, Rows),
    ("take of one", &[&[2, 3]], |x| x[0].take(&Array::from(-1), 1), Exact, Rows),
    (
        "take_along_axis of all",
        &[&[2, 3]],
        |x| x[0].take_along_axis(&Array::from([5, 0, 5]), ..),
        Exact,
        Rows,
    ),
    (
        "gather",
        &[&[3, 4]],
        |x| x[0].gather([(0, &Array::from([2, 0, 2])), (1, &Array::from([1, 2, 1]))], [1, 2]),
        Exact,
        Rows,
    ),
    ("gather of one axis", &[&[3, 4]], |x| x[0].gather([(1, &Array::from([1, 2, 1]))], [2, 1]), Exact, Rows),
    ("index by arrays", &[&[3, 4]], |x| x[0].index(([2, 0, 2], ..)), Exact, Rows),
    ("index by arrays and ranges", &[&[3, 4]], |x| x[0].index((Index::Ellipsis, [3, 1])), Exact, Rows),
    ("slice_dynamic", &[&[4, 2]], |x| x[0].slice_dynamic(&Array::from([1]), [0], [2, 2]), Exact, Rows),
    (
        "slice_update_dynamic",
        &[&[4, 2], &[2, 2]],
        |x| x[0].slice_update_dynamic(&x[1], &Array::from([1]), [0]),
        Exact,
        Rows,
    ),
    ("sort of rows", &[&[2, 4]], |x| x[0].sort(1), Exact, Rows),
    ("sort of all", &[&[2, 4]], |x| x[0].sort(..), Exact, Rows),
    ("argsort", &[&[2, 4]], |x| x[0].take_along_axis(&x[0].argsort(1)?, 1), Refused, Rows),
    ("partition of rows", &[&[2, 5]], |x| x[0].partition(1, 1)?.index((.., 1)), Exact, Rows),
    ("topk of rows", &[&[2, 5]], |x| x[0].topk(2, 1)?.sum(1), Exact, Rows),
    (
        "searchsorted",
        &[&[4], &[3]],
        |x| x[0].sort(0)?.searchsorted(&x[1], Side::Left)? * &x[1],
        Exact,
        NoBatch,
    ),
    (
        "searchsorted right",
        &[&[4], &[3]],
        |x| x[0].sort(0)?.searchsorted(&x[1], Side::Right)? * &x[1],
        Exact,
        NoBatch,
    ),
];

pub(crate) const FAST: &[Op] = &[
    ("rms_norm without weight", &[&[2, 4]], |x| fast::rms_norm(&single(&x[0])?, None, 1e-5), Single, Rows),
    (
        "rms_norm",
        &[&[2, 4], &[4]],
        |x| fast::rms_norm(&single(&x[0])?, Some(&single(&x[1])?), 1e-5),
        Single,
        Rows,
    ),
    (
        "layer_norm without weight",
        &[&[2, 4], &[4]],
        |x| fast::layer_norm(&single(&x[0])?, None, Some(&single(&x[1])?), 1e-5),
        Single,
        Rows,
    ),
    (
        "layer_norm",
        &[&[2, 4], &[4]],
        |x| fast::layer_norm(&single(&x[0])?, Some(&single(&x[1])?), None, 1e-5),
        Single,
        Rows,
    ),
    ("rope", &[&[1, 2, 3, 6]], |x| rope(&x[0], false), Single, Rows),
    ("rope of neighbours", &[&[2, 1, 3, 4]], |x| rope(&x[0], true), Single, Rows),
    (
        "rope of wavelengths",
        &[&[1, 1, 3, 4]],
        |x| {
            let freqs = Array::from([1.0, 3.0]);
            fast::rope(
                &single(&x[0])?,
                Rope { dims: 4, traditional: false, base: None, scale: 1.0, offset: 0, freqs: Some(&freqs) },
            )
        },
        Single,
        Rows,
    ),
    (
        "rope_dynamic",
        &[&[2, 1, 3, 4]],
        |x| {
            fast::rope_dynamic(
                &single(&x[0])?,
                Rope { dims: 4, traditional: false, base: Some(10.0), scale: 1.0, offset: 0, freqs: None },
                &Array::from([1, 5]),
            )
        },
        Single,
        Rows,
    ),
    ("attention", &[&[1, 2, 3, 4], &[1, 2, 3, 4], &[1, 2, 3, 4]], |x| attention(x, Mask::None), Single, Rows),
    (
        "attention causal",
        &[&[1, 4, 2, 2], &[1, 2, 3, 2], &[1, 2, 3, 2]],
        |x| attention(x, Mask::Causal),
        Single,
        Rows,
    ),
    (
        "attention with a mask",
        &[&[2, 1, 2, 2], &[2, 1, 3, 2], &[2, 1, 3, 2]],
        |x| {
            let mask = Array::from([[true, false, true], [true, true, false]]);
            attention(x, Mask::Array(&mask))
        },
        Single,
        Rows,
    ),
    (
        "attention with a bias",
        &[&[1, 1, 2, 2], &[1, 1, 3, 2], &[1, 1, 3, 2], &[2, 3]],
        |x| {
            let bias = single(&x[3])?;
            attention(x, Mask::Array(&bias))
        },
        Single,
        Rows,
    ),
    (
        "attention with sinks",
        &[&[1, 2, 2, 2], &[1, 1, 3, 2], &[1, 1, 3, 2], &[2]],
        |x| {
            let sinks = single(&x[3])?;
            fast::scaled_dot_product_attention(
                &single(&x[0])?,
                &single(&x[1])?,
                &single(&x[2])?,
                1.0,
                Mask::None,
                Some(&sinks),
            )
        },
        Single,
        Rows,
    ),
    (
        "cross_entropy",
        &[&[3, 4]],
        |x| fast::cross_entropy(&single(&x[0])?, &Array::from([2, 0, 3])),
        Single,
        Rows,
    ),
];
