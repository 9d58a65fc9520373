//! Fused ops given shapes that do not go together.

use mlx_core::fast::{self, Mask, Rope};
use mlx_core::{Array, Dtype, Kind, Result};

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
