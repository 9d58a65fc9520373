//! Making arrays, and the arguments that are refused.

use mlx_core::{Array, Complex64, Dtype, Element, Kind, NewAxis, Steps, bf16, f16};

use crate::values::on_cpu;

fn round_trip<T: Element + PartialEq + std::fmt::Debug>(data: &[T]) {
    let array = Array::from_slice(data, [data.len() as i32]).unwrap();
    assert_eq!((array.dtype(), array.size()), (T::DTYPE, data.len()));
    assert_eq!(array.nbytes(), size_of_val(data));
    assert_eq!(array.to_vec::<T>().unwrap(), data);
}

#[test]
fn every_element_type_comes_back_as_it_went_in() {
    on_cpu(|| {
        round_trip(&[true, false, true]);
        round_trip(&[0_u8, 200, u8::MAX]);
        round_trip(&[0_u16, u16::MAX]);
        round_trip(&[0_u32, u32::MAX]);
        round_trip(&[0_u64, u64::MAX]);
        round_trip(&[i8::MIN, -1, i8::MAX]);
        round_trip(&[i16::MIN, -1, i16::MAX]);
        round_trip(&[i32::MIN, -1, i32::MAX]);
        round_trip(&[i64::MIN, -1, i64::MAX]);
        round_trip(&[f16::MIN, f16::from_f32(0.1), f16::INFINITY]);
        round_trip(&[bf16::MIN, bf16::from_f32(0.1), bf16::NEG_INFINITY]);
        round_trip(&[f32::MIN_POSITIVE, 0.1, f32::INFINITY]);
        round_trip(&[f64::MIN_POSITIVE, 0.1, f64::MAX]);
        round_trip(&[Complex64 { re: 1.5, im: -2.0 }]);
    });
}

#[test]
fn nothing_is_an_array_and_so_is_one_number() {
    round_trip::<f32>(&[]);
    let empty = Array::from_slice::<i32>(&[], [3, 0, 2]).unwrap();
    assert_eq!((empty.shape(), empty.size(), empty.to_vec::<i32>().unwrap()), (&[3, 0, 2][..], 0, vec![]));
    let one = Array::from_slice(&[7_i64], []).unwrap();
    assert_eq!((one.ndim(), one.shape(), one.item::<i64>().unwrap()), (0, &[][..], 7));
}

#[test]
fn literals_have_the_shape_they_are_written_in() {
    let rows = Array::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!((rows.shape(), rows.dtype()), (&[2, 3][..], Dtype::Float32));
    assert_eq!(rows.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(Array::from([[0_u8; 0]; 3]).shape(), [3, 0]);
    assert!(Array::from(true).item::<bool>().unwrap());
}

#[test]
fn a_shape_that_the_data_does_not_fill_is_refused() {
    let four = [1_f32, 2.0, 3.0, 4.0];
    let shapes: [&[i32]; 7] =
        [&[3], &[5], &[], &[-1, -4], &[-4], &[2, 2, 0], &[i32::MAX, i32::MAX, i32::MAX]];
    for shape in shapes {
        let error = Array::from_slice(&four, shape).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "from_slice"), "{shape:?}");
        assert_eq!(error.message(), format!("4 elements do not fill shape {shape:?}"));
    }
}

#[test]
fn lengths_whose_product_wraps_to_the_data_are_refused() {
    assert!(Array::from_slice::<f32>(&[], [65536, 65536]).is_err());
    assert!(Array::from_slice::<u8>(&[], [65536, 65536, 65536, 65536]).is_err());
    assert!(Array::from_slice::<u8>(&[], [-1, 0]).is_err());
}

#[test]
fn filled_arrays_have_their_number_everywhere() {
    assert_eq!(Array::full([2, 2], 7, Dtype::Int8).unwrap().to_vec::<i8>().unwrap(), [7; 4]);
    assert_eq!(Array::zeros([3], Dtype::Bool).unwrap().to_vec::<bool>().unwrap(), [false; 3]);
    assert_eq!(Array::ones([2], Dtype::Bfloat16).unwrap().to_vec::<bf16>().unwrap(), [bf16::ONE; 2]);
    assert_eq!(Array::arange(-2..3).unwrap().to_vec::<i32>().unwrap(), [-2, -1, 0, 1, 2]);
    assert_eq!(Array::arange(std::ops::Range { start: 3, end: -2 }).unwrap().size(), 0);
    assert!(Array::arange(i32::MIN..i32::MAX).is_err());
}

#[test]
fn impossible_shapes_are_refused_before_anything_is_allocated() {
    for shape in [&[-1_i32, 2][..], &[i32::MAX, i32::MAX, 4], &[i32::MAX, i32::MAX, i32::MAX]] {
        let results = [
            Array::zeros(shape, Dtype::Float32),
            Array::ones(shape, Dtype::Float32),
            Array::full(shape, 2.0, Dtype::Float32),
        ];
        assert!(results.iter().all(|r| r.as_ref().is_err_and(|e| e.kind() == Kind::Shape)), "{shape:?}");
    }
}

#[test]
fn dtypes_are_read_by_their_names() {
    on_cpu(|| {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse(), Ok(dtype));
            assert_eq!(Array::zeros([2], dtype).unwrap().dtype(), dtype);
        }
        assert!("float8".parse::<Dtype>().unwrap_err().starts_with("unknown dtype `float8`: one of bool,"));
    });
}

#[test]
fn literals_of_three_dimensions_and_of_every_short_type() {
    let cube = Array::from([[[1_i8, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]);
    assert_eq!((cube.shape(), cube.dtype()), (&[3, 2, 2][..], Dtype::Int8));
    assert_eq!(cube.to_vec::<i8>().unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(Array::from([1_u16]).dtype(), Dtype::Uint16);
    assert_eq!(Array::from([1_i16]).dtype(), Dtype::Int16);
    assert_eq!(Array::from([u64::MAX]).item::<u64>().unwrap(), u64::MAX);
    assert_eq!((Array::from(1.0).dtype(), Array::from(1).dtype()), (Dtype::Float32, Dtype::Int32));
    assert_eq!(Array::from([[[0.5]; 0]; 2]).shape(), [2, 0, 1]);
}

#[test]
fn ranges_have_the_numbers_that_python_s_have() {
    let of = |steps: Steps| crate::values::values(&Array::arange(steps).unwrap());
    assert_eq!(of(Steps::by(0..10, 3)), [0.0, 3.0, 6.0, 9.0]);
    assert_eq!(of(Steps { start: 3.0, stop: 0.0, ..Steps::by(0..0, -1) }), [3.0, 2.0, 1.0]);
    assert_eq!(of(Steps::by(0.0..1.0, 0.25)), [0.0, 0.25, 0.5, 0.75]);
    assert_eq!(of(Steps::by(0.0..10.0, f64::INFINITY)), [0.0]);
    assert_eq!(of(Steps::by(0.0..10.0, f64::NEG_INFINITY)), [0.0; 0]);
    assert_eq!(of(Steps::by(0..10, -1)), [0.0; 0]);
    let bytes = Steps { dtype: Dtype::Uint8, ..Steps::from(250..256) };
    assert_eq!(of(bytes), [250.0, 251.0, 252.0, 253.0, 254.0, 255.0]);
    assert_eq!(Array::arange(0.0..3.0).unwrap().dtype(), Dtype::Float32);
}

#[test]
fn ranges_without_end_or_that_a_type_cannot_hold_are_refused() {
    let refused = [
        Steps::by(0..5, 0),
        Steps::by(0.0..f64::INFINITY, 1),
        Steps::by(0.0..1.0, f64::NAN),
        Steps::by(0.0..1.0, 1e-300),
        Steps::by(-1e308..1e308, 1e307),
        Steps::from(0.0..1e300),
        Steps { dtype: Dtype::Bool, ..Steps::from(0..2) },
        Steps { dtype: Dtype::Uint8, ..Steps::from(0..300) },
        Steps { dtype: Dtype::Uint8, ..Steps::from(-1..3) },
        Steps { dtype: Dtype::Int32, ..Steps::by(0.0..1.0, 0.3) },
        Steps { dtype: Dtype::Int32, ..Steps::from(0.5..3.0) },
        Steps { dtype: Dtype::Int32, ..Steps::by(0.0..1e10, 1e9) },
        Steps { dtype: Dtype::Int32, ..Steps::from(1e10..1e10 + 3.0) },
    ];
    for steps in refused {
        assert!(Array::arange(steps).is_err(), "{steps:?}");
    }
    let error = Array::arange(Steps { dtype: Dtype::Uint8, ..Steps::from(0..300) }).unwrap_err();
    assert_eq!(error.message(), "uint8 does not hold the numbers from 0 to 300 by 1");
    assert_eq!(error.kind(), Kind::Dtype);
}

#[test]
fn even_numbers_end_with_their_end_or_before_it() {
    on_cpu(|| {
        let five = |array: mlx_core::Result<Array>| crate::values::values(&array.unwrap());
        assert_eq!(five(Array::linspace(0.0..=1.0, 5, Dtype::Float32)), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(five(Array::linspace(0.0..1.0, 4, Dtype::Float32)), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(five(Array::linspace(4.0..=0.0, 3, Dtype::Int32)), [4.0, 2.0, 0.0]);
        assert_eq!(five(Array::linspace(0.1..=1.0, 1, Dtype::Float64)), [0.1], "not rounded to a single");
        assert_eq!(five(Array::linspace(0.0..=1.0, 0, Dtype::Float32)), [0.0; 0]);
        assert!(Array::linspace(0.0..=1.0, -1, Dtype::Float32).is_err());
        for (dtype, ends) in
            [(Dtype::Uint8, -5.0..=5.0), (Dtype::Int8, 0.0..=128.0), (Dtype::Int32, 0.0..=f64::NAN)]
        {
            assert_eq!(Array::linspace(ends, 3, dtype).unwrap_err().kind(), Kind::Dtype, "{dtype}");
        }
    });
}

#[test]
fn matrices_of_ones_on_and_below_a_diagonal() {
    let of = |array: mlx_core::Result<Array>| array.unwrap().to_vec::<i32>().unwrap();
    assert_eq!(of(Array::eye([2, 3], 1, Dtype::Int32)), [0, 1, 0, 0, 0, 1]);
    assert_eq!(of(Array::eye([3, 2], -1, Dtype::Int32)), [0, 0, 1, 0, 0, 1]);
    assert_eq!(of(Array::identity(2, Dtype::Int32)), [1, 0, 0, 1]);
    assert_eq!(of(Array::tri([2, 3], 0, Dtype::Int32)), [1, 0, 0, 1, 1, 0]);
    for (far, sum) in [(i32::MAX, 6), (i32::MIN, 0), (3, 6), (-2, 0)] {
        assert_eq!(of(Array::tri([2, 3], far, Dtype::Int32).unwrap().sum(..)), [sum]);
        assert_eq!(of(Array::eye([2, 3], far, Dtype::Int32).unwrap().sum(..)), [0]);
    }
    on_cpu(|| {
        for dtype in Dtype::ALL {
            assert_eq!(Array::identity(3, dtype).unwrap().dtype(), dtype);
            assert_eq!(Array::eye([0, 3], 0, dtype).unwrap().shape(), [0, 3]);
            assert_eq!(Array::tri([2, 2], 0, dtype).unwrap().dtype(), dtype);
        }
    });
    for shape in [[-1, 2], [2, -1], [i32::MAX, i32::MAX], [i32::MIN, i32::MIN]] {
        let results = [Array::eye(shape, 0, Dtype::Bool), Array::tri(shape, 0, Dtype::Bool)];
        assert!(results.iter().all(|result| result.as_ref().is_err_and(|e| e.kind() == Kind::Shape)));
    }
    assert!(Array::identity(-1, Dtype::Int32).is_err() && Array::identity(i32::MAX, Dtype::Bool).is_err());
}

#[test]
fn arrays_like_another_have_its_shape_and_type() {
    let x = Array::from([[1_u8, 2, 3]]);
    assert_eq!(x.zeros_like().unwrap().to_vec::<u8>().unwrap(), [0; 3]);
    assert_eq!(x.ones_like().unwrap().to_vec::<u8>().unwrap(), [1; 3]);
    let full = x.full_like(7.9).unwrap();
    assert_eq!((full.shape(), full.to_vec::<u8>().unwrap()), (&[1, 3][..], vec![7; 3]));
    assert_eq!(x.full_like(Array::from([4, 5, 6])).unwrap().to_vec::<u8>().unwrap(), [4, 5, 6]);
    assert!(x.full_like(Array::from([[1], [2]])).is_err(), "more rows than the array has");
    assert!(x.full_like(Array::from([1, 2])).is_err());
}

#[test]
fn windows_are_symmetric_and_start_from_one_value() {
    for window in [Array::bartlett, Array::blackman, Array::hamming, Array::hanning] {
        for n in [-1, 0, i32::MIN] {
            let none = window(n).unwrap();
            assert_eq!((none.shape(), none.dtype()), (&[0][..], Dtype::Float32));
        }
        assert_eq!(window(1).unwrap().to_vec::<f32>().unwrap(), [1.0]);
        let values = window(5).unwrap();
        let mirrored = values.flip(0).unwrap();
        assert!(
            values.allclose(&mirrored, mlx_core::Closeness { atol: 1e-6, ..Default::default() }).unwrap()
        );
        assert!((values.to_vec::<f32>().unwrap()[2] - 1.0).abs() < 1e-6, "the middle is 1");
    }
}

#[test]
fn the_constants_of_python_are_those_of_rust() {
    use std::f64::consts::{E, PI};
    assert_eq!(Array::full([1], PI, Dtype::Float32).unwrap().item::<f32>().unwrap(), std::f32::consts::PI);
    assert!((Array::from(1.0).exp().unwrap().item::<f32>().unwrap() - E as f32).abs() < 1e-6);
    assert!(Array::from(f32::INFINITY).isposinf().unwrap().item::<bool>().unwrap());
    assert!(Array::from(f32::NAN).isnan().unwrap().item::<bool>().unwrap());
    assert_eq!(Array::from([1, 2]).index((NewAxis, ..)).unwrap().shape(), [1, 2]);
}
