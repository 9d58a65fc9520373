//! Arrays in memory: borrowed, given away, and how they lie.

use std::borrow::Cow;

use mlx_core::{Array, Complex64, Dtype, Element, Kind, Layout, Slice, bf16, f16};

use crate::values::on_cpu;

#[track_caller]
fn lent<T: Element + PartialEq + std::fmt::Debug>(data: &[T]) {
    let array = Array::from_vec(data.to_vec(), [data.len() as i32]).unwrap();
    assert_eq!(
        (array.dtype(), array.itemsize(), array.nbytes()),
        (T::DTYPE, size_of::<T>(), size_of_val(data))
    );
    match array.as_slice::<T>().unwrap() {
        Cow::Borrowed(elements) => assert_eq!(elements, data),
        Cow::Owned(_) => panic!("{} was copied", T::DTYPE),
    }
    assert_eq!(array.index(0).unwrap().item::<T>().unwrap(), data[0]);
    assert_eq!(array.index(-1).unwrap().item::<T>().unwrap(), data[data.len() - 1]);
}

#[test]
fn every_element_type_is_given_away_lent_and_read_alone() {
    on_cpu(|| {
        lent(&[true, false]);
        lent(&[0_u8, u8::MAX]);
        lent(&[0_u16, u16::MAX]);
        lent(&[0_u32, u32::MAX]);
        lent(&[0_u64, u64::MAX]);
        lent(&[i8::MIN, i8::MAX]);
        lent(&[i16::MIN, i16::MAX]);
        lent(&[i32::MIN, i32::MAX]);
        lent(&[i64::MIN, i64::MAX]);
        lent(&[f16::MIN, f16::INFINITY]);
        lent(&[bf16::MIN, bf16::NEG_INFINITY]);
        lent(&[f32::MIN_POSITIVE, f32::INFINITY]);
        lent(&[f64::MIN_POSITIVE, f64::MAX]);
        lent(&[Complex64 { re: 1.5, im: -2.0 }, Complex64 { re: 0.0, im: 1.0 }]);
    });
}

#[test]
fn an_array_in_another_order_is_copied_into_its_own() {
    let x = Array::arange(0..6).unwrap().reshape([2, 3]).unwrap();
    let cases = [
        (x.t().unwrap(), vec![0, 3, 1, 4, 2, 5]),
        (x.index((.., Slice::step_by(.., -1))).unwrap(), vec![2, 1, 0, 5, 4, 3]),
        (Array::from([[1], [2]]).broadcast_to([2, 3]).unwrap(), vec![1, 1, 1, 2, 2, 2]),
    ];
    for (array, expected) in cases {
        let elements = array.as_slice::<i32>().unwrap();
        assert!(matches!(elements, Cow::Owned(_)));
        assert_eq!(elements, expected);
    }
}

#[test]
fn a_slice_that_lies_in_order_is_lent_from_its_offset() {
    let x = Array::arange(0..12).unwrap().reshape([3, 4]).unwrap();
    let row = x.index(1).unwrap();
    assert!(matches!(row.as_slice::<i32>().unwrap(), Cow::Borrowed([4, 5, 6, 7])));
    drop(x);
    assert_eq!(row.as_slice::<i32>().unwrap(), [4, 5, 6, 7].as_slice());
}

#[test]
fn what_is_lent_stays_as_it_is_while_others_compute() {
    let x = Array::from([1.0, 2.0, 3.0]);
    let elements = x.as_slice::<f32>().unwrap();
    let same = x.clone();
    let y = (&same * 10.0).unwrap();
    y.eval().unwrap();
    drop(same);
    for _ in 0..100 {
        (&y + 1.0).unwrap().eval().unwrap();
    }
    assert_eq!(elements, [1.0, 2.0, 3.0].as_slice());
    assert_eq!(y.to_vec::<f32>().unwrap(), [10.0, 20.0, 30.0]);
}

#[test]
fn nothing_is_lent_as_nothing() {
    let x = Array::zeros([3, 0], Dtype::Float32).unwrap();
    assert!(x.as_slice::<f32>().unwrap().is_empty());
    assert!(Array::from_vec(Vec::<f64>::new(), [0]).unwrap().as_slice::<f64>().unwrap().is_empty());
}

#[test]
fn another_type_or_shape_is_refused() {
    let error = Array::from([1.0]).as_slice::<i32>().unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Dtype, "as_slice"));
    let shapes: [&[i32]; 6] = [&[3], &[], &[-1, -2], &[2, 2], &[0], &[i32::MAX, i32::MAX, i32::MAX]];
    for shape in shapes {
        let error = Array::from_vec(vec![1.0_f32, 2.0], shape).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "from_vec"), "{shape:?}");
    }
    assert!(Array::from_vec(Vec::<u8>::new(), [65536, 65536, 65536, 65536]).is_err());
}

#[test]
fn memory_that_is_given_away_is_used_and_freed_with_the_array() {
    for _ in 0..200 {
        let x = Array::from_vec(vec![1_u8; 1 << 16], [256, 256]).unwrap();
        let y = x.astype(Dtype::Int32).unwrap().sum(..).unwrap();
        drop(x);
        assert_eq!(y.item::<i32>().unwrap(), 1 << 16);
    }
    let thread = std::thread::spawn(|| drop(Array::from_vec(vec![1.0_f32; 100], [100]).unwrap()));
    thread.join().unwrap();
}

#[test]
fn the_layout_says_how_an_array_lies() {
    let x = Array::arange(0..24).unwrap().reshape([2, 3, 4]).unwrap();
    let strides = |array: &Array| array.layout().unwrap().strides;
    assert_eq!(
        x.layout().unwrap(),
        Layout { strides: vec![12, 4, 1], contiguous: true, row_contiguous: true, col_contiguous: false }
    );
    let turned = x.t().unwrap().layout().unwrap();
    assert_eq!(turned.strides, [1, 4, 12]);
    assert!(turned.contiguous && turned.col_contiguous && !turned.row_contiguous);
    assert_eq!(strides(&x.index((.., Slice::step_by(.., -1))).unwrap()), [12, -4, 1]);
    assert_eq!(strides(&Array::from([[1], [2]]).broadcast_to([2, 5]).unwrap()), [1, 0]);
    assert!(strides(&Array::from(1)).is_empty());
    let gaps = x.index((.., .., Slice::step_by(.., 2))).unwrap().layout().unwrap();
    assert!(!gaps.row_contiguous && !gaps.col_contiguous);
}

#[test]
fn an_array_is_available_once_it_is_computed() {
    let x = (Array::from([1, 2]) + 1).unwrap();
    assert!(!x.is_available().unwrap());
    x.eval().unwrap();
    assert!(x.is_available().unwrap());
}

#[test]
fn numbers_become_arrays_of_their_types() {
    let dtypes = [
        Array::from(true).dtype(),
        Array::from(7).dtype(),
        Array::from(0.5_f32).dtype(),
        Array::from(Complex64 { re: 1.0, im: 2.0 }).dtype(),
    ];
    assert_eq!(dtypes, [Dtype::Bool, Dtype::Int32, Dtype::Float32, Dtype::Complex64]);
    assert_eq!(Array::from(i32::MIN).item::<i32>().unwrap(), i32::MIN);
    assert!(Array::from(f32::NAN).item::<f32>().unwrap().is_nan());
    let complex = Complex64 { re: 1.0, im: -2.0 };
    assert_eq!(Array::from(complex).item::<Complex64>().unwrap(), complex);
    on_cpu(|| {
        let double = (Array::full([1], 0.1, Dtype::Float64).unwrap() * 1.0).unwrap();
        assert_eq!(double.item::<f64>().unwrap(), 0.1);
    });
}
