//! Whole numbers divided by what has no quotient, which would end the process inside MLX.

use mlx_core::{Array, Dtype};

#[test]
fn whole_numbers_by_zero_give_zero() {
    for dtype in [Dtype::Uint8, Dtype::Uint32, Dtype::Uint64, Dtype::Int8, Dtype::Int32, Dtype::Int64] {
        let x = Array::from([7, 1]).astype(dtype).unwrap();
        let zero = Array::zeros([2], dtype).unwrap();
        for result in [&x % &zero, x.floor_divide(&zero), &x % 0, x.floor_divide(0), 5 % &zero] {
            let result = result.unwrap();
            assert_eq!(result.dtype(), dtype);
            assert_eq!(result.astype(Dtype::Int32).unwrap().to_vec::<i32>().unwrap(), [0, 0]);
        }
    }
    let truth = Array::from([true, false]);
    assert!((&truth % &truth).and_then(|r| r.eval()).is_ok());
    assert!(truth.floor_divide(&truth).and_then(|r| r.eval()).is_ok());
}

#[test]
fn the_least_number_by_minus_one_wraps() {
    let least = Array::from([i32::MIN, 5]);
    assert_eq!((&least % Array::from(-1)).unwrap().to_vec::<i32>().unwrap(), [0, 0]);
    assert_eq!(least.floor_divide(-1).unwrap().to_vec::<i32>().unwrap(), [i32::MIN, -5]);
    let least = Array::from([i64::MIN]);
    assert_eq!((&least % Array::from([-1])).unwrap().item::<i64>().unwrap(), 0);
    let wide = Array::from([i32::MIN]).floor_divide(Array::from([-1_i64])).unwrap();
    assert_eq!(wide.item::<i64>().unwrap(), 1 << 31);
}

#[test]
fn a_remainder_has_the_sign_of_the_divisor() {
    let x = Array::from([7, -7, 7, -7]);
    let by = Array::from([3, 3, -3, -3]);
    assert_eq!((&x % &by).unwrap().to_vec::<i32>().unwrap(), [1, 2, -2, -1]);
    let x = x.astype(Dtype::Float32).unwrap();
    assert_eq!((&x % &by).unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0, -2.0, -1.0]);
}

#[test]
fn floats_by_zero_are_not_numbers() {
    let x = Array::from([7.0]);
    assert!((&x % 0.0).unwrap().item::<f32>().unwrap().is_nan());
    assert_eq!((x / 0).unwrap().item::<f32>().unwrap(), f32::INFINITY);
}
