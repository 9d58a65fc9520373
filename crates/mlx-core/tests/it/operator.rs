//! Operators: results on either side, numbers that adapt.

use mlx_core::{Array, Complex64, Dtype, Result, bf16, f16};

use crate::values::on_cpu;

fn floats(array: Result<Array>) -> Vec<f32> {
    array.unwrap().to_vec().unwrap()
}

#[test]
fn results_stand_on_either_side() {
    let (a, b) = (Array::from([1.0, 2.0]), Array::from([10.0, 20.0]));
    let sum = || &a + &b;
    assert_eq!(floats(&a + sum()), [12.0, 24.0]);
    assert_eq!(floats(sum() + &a), [12.0, 24.0]);
    assert_eq!(floats(a.clone() - sum()), [-10.0, -20.0]);
    assert_eq!(floats(sum() - a.clone()), [10.0, 20.0]);
    assert_eq!(floats(b.clone() / a.clone()), [10.0, 10.0]);
    assert_eq!(floats(&b * &a), [10.0, 40.0]);
    assert_eq!(floats(-&a), [-1.0, -2.0]);
    assert_eq!(floats(-a), [-1.0, -2.0]);
}

#[test]
fn a_failed_side_fails_the_whole_with_its_own_error() {
    let (a, wrong) = (Array::from([1.0, 2.0]), Array::from([1.0, 2.0, 3.0]));
    let line = line!() + 1;
    let error = (&a * (&a + &wrong)).unwrap_err();
    assert_eq!((error.op(), error.at().line()), ("add", line));
    assert_eq!(((&a - &wrong) * &a).unwrap_err().op(), "subtract");
}

#[test]
fn numbers_stand_on_the_left_too() {
    let x = Array::from([1.0, 2.0]);
    assert_eq!(floats(1.0 - &x), [0.0, -1.0]);
    assert_eq!(floats(2 / &x), [2.0, 1.0]);
    assert_eq!(floats(3.0_f64 * x.clone()), [3.0, 6.0]);
    assert_eq!(floats(5.0 % &x), [0.0, 1.0]);
    assert_eq!((1.0 - (2 * &x).unwrap()).unwrap().to_vec::<f32>().unwrap(), [-1.0, -3.0]);
}

#[test]
fn a_number_takes_the_type_of_the_array() {
    on_cpu(|| {
        for dtype in [Dtype::Float16, Dtype::Bfloat16, Dtype::Float32, Dtype::Float64, Dtype::Complex64] {
            let x = Array::ones([2], dtype).unwrap();
            for result in [&x * 2.0, &x + 1, 2.0 - &x, &x / 3, &x + true, &x - f16::ONE] {
                assert_eq!(result.unwrap().dtype(), dtype);
            }
        }
        for dtype in [Dtype::Uint8, Dtype::Int16, Dtype::Int32, Dtype::Uint64] {
            assert_eq!((Array::ones([2], dtype).unwrap() + 1).unwrap().dtype(), dtype);
        }
        let half = Array::from_slice(&[bf16::from_f32(3.0)], [1]).unwrap();
        assert_eq!((half * 2.0).unwrap().item::<bf16>().unwrap(), bf16::from_f32(6.0));
    });
}

#[test]
fn a_number_that_the_type_cannot_hold_widens_it() {
    let (whole, truth) = (Array::from([1, 2]), Array::from([true, false]));
    assert_eq!(floats(&whole + 1.5), [2.5, 3.5]);
    assert_eq!((&truth + 1).unwrap().to_vec::<i32>().unwrap(), [2, 1]);
    assert_eq!(floats(&truth * 0.5), [0.5, 0.0]);
    let complex = (&whole * Complex64 { re: 0.0, im: 1.0 }).unwrap();
    assert_eq!(complex.to_vec::<Complex64>().unwrap()[1], Complex64 { re: 0.0, im: 2.0 });
}

#[test]
fn a_double_is_not_rounded_on_its_way_to_a_double_array() {
    on_cpu(|| {
        let x = Array::from_slice(&[0.0_f64], [1]).unwrap();
        assert_eq!((x + 0.1_f64).unwrap().item::<f64>().unwrap(), 0.1);
    });
}
