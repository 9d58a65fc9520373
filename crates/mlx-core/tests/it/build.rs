//! Making arrays, and the arguments that are refused.

use mlx_core::{Array, Complex64, Dtype, Element, Kind, bf16, f16};

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
