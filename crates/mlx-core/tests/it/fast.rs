//! Fused ops against the ops that they are made of, and shapes that do not go together.

use mlx_core::fast::{self, Heads, Mask, Rope, rms_norm, rope, rope_dynamic, rope_heads};
use mlx_core::{Array, Dtype, Kind, Result, keep, select};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::{random, values};

fn zeros<const N: usize>(shape: [i32; N]) -> Array {
    Array::zeros(shape, Dtype::Float32).unwrap()
}

fn attention(q: [i32; 4], k: [i32; 4], v: [i32; 4]) -> Result<Array> {
    fast::scaled_dot_product_attention(&zeros(q), &zeros(k), &zeros(v), 1.0, Mask::None, None)
}

#[test]
fn attention_needs_heads_and_a_value_for_each_key() {
    assert_eq!(attention([1, 4, 3, 8], [1, 2, 5, 8], [1, 2, 5, 6]).unwrap().shape(), [1, 4, 3, 6]);
    for (q, k, v) in [
        ([1, 4, 3, 8], [1, 0, 5, 8], [1, 0, 5, 8]),
        ([1, 4, 3, 8], [1, 2, 5, 8], [1, 2, 4, 8]),
        ([1, 4, 3, 8], [1, 2, 4, 8], [1, 2, 5, 8]),
    ] {
        let error = attention(q, k, v).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "scaled_dot_product_attention"));
        assert!(error.message().ends_with("do not go together"), "{error}");
    }
    assert!(attention([1, 4, 3, 8], [1, 3, 5, 8], [1, 3, 5, 8]).is_err());
    assert!(attention([1, 4, 3, 8], [2, 2, 5, 8], [2, 2, 5, 8]).is_err());
    assert!(attention([1, 4, 3, 8], [1, 2, 5, 7], [1, 2, 5, 7]).is_err());
}

#[test]
fn attention_reads_only_a_mask_that_broadcasts() {
    let (q, k) = (zeros([1, 4, 3, 8]), zeros([1, 2, 5, 8]));
    let masked = |mask: &Array| fast::scaled_dot_product_attention(&q, &k, &k, 1.0, Mask::Array(mask), None);
    assert_eq!(masked(&zeros([3, 5])).unwrap().shape(), [1, 4, 3, 8]);
    assert!(masked(&zeros([3, 4])).is_err() && masked(&zeros([1, 1, 1, 3, 5])).is_err());
    let none = zeros([1, 4, 0, 8]);
    let empty = fast::scaled_dot_product_attention(&none, &k, &k, 1.0, Mask::Causal, None).unwrap();
    assert!(empty.to_vec::<f32>().unwrap().is_empty());
}

#[test]
fn norms_need_a_weight_of_the_last_axis() {
    let x = zeros([2, 4]);
    assert!(fast::rms_norm(&x, Some(&zeros([3])), 1e-5).is_err());
    assert!(fast::rms_norm(&x, Some(&zeros([2, 4])), 1e-5).is_err());
    assert!(fast::layer_norm(&x, Some(&zeros([4])), Some(&zeros([5])), 1e-5).is_err());
    assert!(fast::rms_norm(&Array::from(1.0), None, 1e-5).is_err());
    assert_eq!(fast::rms_norm(&x, None, 1e-5).unwrap().to_vec::<f32>().unwrap(), [0.0; 8]);
}

#[test]
fn rope_turns_no_more_than_there_is() {
    let x = zeros([1, 3, 8]);
    let how = Rope { dims: 8, traditional: false, base: Some(1e4), scale: 1.0, offset: 0, freqs: None };
    assert!(fast::rope(&x, how).is_ok());
    for dims in [0, -2, 3, 10, i32::MAX, i32::MIN] {
        assert!(fast::rope(&x, Rope { dims, ..how }).is_err(), "{dims}");
    }
    assert!(fast::rope(&zeros([3, 8]), how).is_err());
    assert!(fast::rope(&x, Rope { base: None, ..how }).is_err());
    assert!(fast::rope(&x, Rope { base: None, freqs: Some(&zeros([3])), ..how }).is_err());
}

#[track_caller]
fn assert_same(actual: Result<Array>, expected: &Array) {
    let actual = actual.unwrap();
    assert_eq!(actual.shape(), expected.shape());
    assert_close(&values(&actual), &values(expected), Tolerance::F32);
}

/// `softmax(scale · q · kᵀ + mask) · v` with a key and value head for each of `q`.
fn composed(q: &Array, k: &Array, v: &Array, mask: Option<&Array>) -> Array {
    let scores = (q.matmul(k.swapaxes(-1, -2)).unwrap() * 0.5).unwrap();
    let scores = mask.map_or(scores.clone(), |mask| (&scores + mask).unwrap());
    scores.softmax(-1).unwrap().matmul(v).unwrap()
}

#[test]
fn attention_is_the_composition_of_its_ops_under_every_mask() {
    let (q, k, v) = (random([2, 4, 3, 8], 6), random([2, 2, 5, 8], 6), random([2, 2, 5, 6], 6));
    let (all_k, all_v) = (k.repeat(2, 1).unwrap(), v.repeat(2, 1).unwrap());
    let attend = |mask: Mask<'_>| fast::scaled_dot_product_attention(&q, &k, &v, 0.5, mask, None);
    assert_same(attend(Mask::None), &composed(&q, &all_k, &all_v, None));
    let added = random([4, 3, 5], 6);
    assert_same(attend(Mask::Array(&added)), &composed(&q, &all_k, &all_v, Some(&added)));
    let seen = Array::from([[true, true, true, false, false], [true; 5], [false, false, true, true, false]]);
    let hidden = select(&seen, &Array::from(0.0), -1e9).unwrap();
    assert_same(attend(Mask::Array(&seen)), &composed(&q, &all_k, &all_v, Some(&hidden)));
    let causal = Array::ones([3, 5], Dtype::Float32).unwrap().tril(2).unwrap().equal(1).unwrap();
    let hidden = select(&causal, &Array::from(0.0), -1e9).unwrap();
    assert_same(attend(Mask::Causal), &composed(&q, &all_k, &all_v, Some(&hidden)));
}

#[test]
fn a_sink_takes_its_share_of_the_attention() {
    let (q, k, v) = (random([1, 2, 3, 8], 6), random([1, 2, 5, 8], 6), random([1, 2, 5, 8], 6));
    let sinks = Array::from([0.5, -1.0]);
    let found = fast::scaled_dot_product_attention(&q, &k, &v, 0.5, Mask::None, Some(&sinks));
    let scores = (q.matmul(k.swapaxes(-1, -2)).unwrap() * 0.5).unwrap();
    let column = sinks.reshape([1, 2, 1, 1]).unwrap().broadcast_to([1, 2, 3, 1]).unwrap();
    let weights = mlx_core::concatenate([&column, &scores], -1).unwrap().softmax(-1).unwrap();
    assert_same(found, &weights.index((.., .., .., 1..)).unwrap().matmul(&v).unwrap());
    for wrong in [Array::from([0.5]), Array::from([[0.5, 0.5]])] {
        assert!(fast::scaled_dot_product_attention(&q, &k, &v, 0.5, Mask::None, Some(&wrong)).is_err());
    }
}

#[test]
fn norms_are_the_composition_of_their_ops() {
    let (x, weight, bias) = (random([3, 8], 6), random([8], 6), (random([8], 6) * 0.5).unwrap());
    let mean_square = x.square().unwrap().mean(keep(-1)).unwrap();
    let scaled = (&x * &(mean_square + 1e-5).unwrap().rsqrt().unwrap()).unwrap();
    assert_same(fast::rms_norm(&x, Some(&weight), 1e-5), &(&scaled * &weight).unwrap());
    let centred = (&x - &x.mean(keep(-1)).unwrap()).unwrap();
    let scaled = (&centred * &(x.var(keep(-1), 0).unwrap() + 1e-5).unwrap().rsqrt().unwrap()).unwrap();
    let expected = ((&scaled * &weight).unwrap() + &bias).unwrap();
    assert_same(fast::layer_norm(&x, Some(&weight), Some(&bias), 1e-5), &expected);
}

#[test]
fn a_position_may_be_an_array() {
    let x = random([2, 3, 4, 8], 6);
    let how = Rope { dims: 8, traditional: false, base: Some(1e4), scale: 1.0, offset: 3, freqs: None };
    let expected = fast::rope(&x, how).unwrap();
    let none = Rope { offset: 0, ..how };
    assert_same(fast::rope_dynamic(&x, none, &Array::from(3)), &expected);
    assert_same(fast::rope_dynamic(&x, how, &Array::from(0)), &expected);
    let each = fast::rope_dynamic(&x, none, &Array::from([3, 7])).unwrap();
    assert_same(each.index(0), &expected.index(0).unwrap());
    let seven = fast::rope(&x, Rope { offset: 7, ..how }).unwrap();
    assert_same(each.index(1), &seven.index(1).unwrap());
    for wrong in [Array::from([1, 2, 3]), Array::from([[1, 2]]), Array::from(1.0)] {
        assert!(fast::rope_dynamic(&x, none, &wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn rope_turns_pairs_by_their_position() {
    let x = random([1, 3, 4], 6);
    let found = fast::rope(
        &x,
        Rope { dims: 4, traditional: true, base: Some(100.0), scale: 2.0, offset: 1, freqs: None },
    );
    let mut expected = Vec::new();
    for (at, pair) in values(&x).chunks_exact(2).enumerate() {
        let position = (at / 2 + 1) as f64 * 2.0;
        let (sin, cos) = (position * 100_f64.powf(-((at % 2) as f64) / 2.0)).sin_cos();
        expected.extend([pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos]);
    }
    assert_close(&values(&found.unwrap()), &expected, Tolerance::F32);
}

#[test]
fn cross_entropy_is_the_negative_log_of_the_softmax() {
    let (logits, targets) = (random([2, 3, 5], 6), Array::from([[0, 4, 2], [1, 3, 3]]));
    let logs = logits.softmax(-1).unwrap().log().unwrap();
    let picked = logs.take_along_axis(&targets.expand_dims(-1).unwrap(), -1).unwrap();
    let expected = (-picked.squeeze(-1).unwrap()).unwrap();
    assert_same(fast::cross_entropy(&logits, &targets), &expected);
    let half = fast::cross_entropy(&logits.astype(Dtype::Bfloat16).unwrap(), &targets).unwrap();
    assert_eq!(half.dtype(), Dtype::Float32);
}

#[test]
fn targets_that_are_no_class_are_clamped() {
    let logits = random([5], 6).broadcast_to([4, 5]).unwrap();
    let far = fast::cross_entropy(&logits, &Array::from([i32::MIN, -9, 5, i32::MAX]));
    let near = fast::cross_entropy(&logits, &Array::from([0, 0, 4, 4])).unwrap();
    assert_same(far, &near);
    let unsigned = Array::from_slice(&[u64::MAX, 0, 0, 0], [4]).unwrap();
    assert_same(fast::cross_entropy(&logits, &unsigned), &{
        fast::cross_entropy(&logits, &Array::from([4, 0, 0, 0])).unwrap()
    });
    for wrong in [Array::from([0, 1]), Array::from(0), Array::from([[0, 1, 2, 3]]), Array::from([0.0; 4])] {
        assert_eq!(fast::cross_entropy(&logits, &wrong).unwrap_err().op(), "fast.cross_entropy");
    }
    let none = Array::from([0, 0]);
    assert_eq!(fast::cross_entropy(&zeros([2, 0]), &none).unwrap_err().kind(), Kind::Index);
    let no_rows = Array::zeros([0], Dtype::Int32).unwrap();
    assert_eq!(fast::cross_entropy(&zeros([0, 5]), &no_rows).unwrap().shape(), [0]);
    assert!(fast::cross_entropy(&Array::from(1.0), &none).is_err());
}

#[test]
fn heads_are_split_normalised_and_turned() {
    let (weight, freqs) = (random([8], 1).abs().unwrap(), (random([4], 2).abs().unwrap() + 0.1).unwrap());
    let offset = Array::from([3, 11]);
    let base = Rope { dims: 8, traditional: false, base: Some(1e4), scale: 0.5, offset: 7, freqs: None };
    let lengths = Rope { base: None, freqs: Some(&freqs), traditional: true, ..base };
    for (how, offset) in
        [(base, None), (lengths, None), (base, Some(&offset)), (Rope { dims: 4, ..base }, None)]
    {
        for length in [1, 5] {
            let (x, y) = (random([2, length, 24], 3), random([2, length, 8], 4));
            let parts = [
                Heads { x: &x, heads: 3, norm: Some((&weight, 1e-5)) },
                Heads { x: &y, heads: 1, norm: None },
            ];
            let turned = |heads: &Array| match offset {
                Some(offset) => rope_dynamic(heads, how, offset),
                None => rope(heads, how),
            };
            let placed = rope_heads(parts, how, offset).unwrap();
            for (placed, part) in placed.into_iter().zip(parts) {
                let heads =
                    part.x.reshape([2, length, part.heads, 8]).unwrap().transpose([0, 2, 1, 3]).unwrap();
                let heads =
                    part.norm.map_or(Ok(heads.clone()), |(w, eps)| rms_norm(&heads, Some(w), eps)).unwrap();
                assert_same(Ok(placed), &turned(&heads).unwrap());
            }
            let sum = |x: &Array| rope_heads([Heads { x, ..parts[0] }], how, offset)?[0].square()?.sum(..);
            let apart = |x: &Array| turned(&Heads { x, ..parts[0] }.split()?)?.square()?.sum(..);
            assert_same(mlx_core::transform::grad(sum)(&x), &mlx_core::transform::grad(apart)(&x).unwrap());
        }
    }
    let x = random([2, 5, 24], 3);
    assert!(rope_heads([Heads { x: &x, heads: 5, norm: None }], base, None).is_err());
    assert!(rope_heads([Heads { x: &weight, heads: 1, norm: None }], base, None).is_err());
    assert!(rope_heads([Heads { x: &x, heads: 0, norm: None }], base, None).is_err());
}
