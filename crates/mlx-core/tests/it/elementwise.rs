//! Ops element by element: what golden values do not show.

use mlx_core::{Array, Closeness, Complex64, Dtype, Kind, NanToNum, Result, f16};

use crate::values::{on_cpu, values};

fn whole(array: Result<Array>) -> Vec<i32> {
    array.unwrap().to_vec().unwrap()
}

fn truth(array: Result<Array>) -> Vec<bool> {
    array.unwrap().to_vec().unwrap()
}

fn floats(array: Result<Array>) -> Vec<f32> {
    array.unwrap().to_vec().unwrap()
}

#[test]
fn bit_operators_stand_between_arrays_results_and_numbers() {
    let (a, b) = (Array::from([0b1100, 0b1010]), Array::from([0b1010, 0b0110]));
    assert_eq!(whole(&a & &b), [0b1000, 0b0010]);
    assert_eq!(whole(a.clone() | &b), [0b1110, 0b1110]);
    assert_eq!(whole((&a | &b) ^ &a), [0b0010, 0b0100]);
    assert_eq!(whole(&a & 0b0100), [0b0100, 0]);
    assert_eq!(whole(1 | &a), [0b1101, 0b1011]);
    assert_eq!(whole(1 << b), [1 << 10, 1 << 6]);
    assert_eq!(whole(&a >> 2), [0b11, 0b10]);
    assert_eq!(whole(!&a), [!0b1100, !0b1010]);
    assert_eq!(whole(!a), [!0b1100, !0b1010]);
}

#[test]
fn truth_values_have_bit_operators_too() {
    let (a, b) = (Array::from([true, true, false]), Array::from([true, false, false]));
    assert_eq!(truth(&a & &b), [true, false, false]);
    assert_eq!(truth(&a ^ &b), [false, true, false]);
    assert_eq!(truth(!&b), [false, true, true]);
    assert_eq!((&a << &b).unwrap().to_vec::<u8>().unwrap(), [2, 1, 0]);
}

#[test]
fn floats_have_no_bits_to_operate_on() {
    let x = Array::from([1.0, 2.0]);
    let results = [&x & &x, &x | 1, &x ^ &x, &x << 1, &x >> &x, !&x, x.left_shift(2.0), x.bitwise_and(&x)];
    for (at, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap_err().kind(), Kind::Mlx, "{at}");
    }
}

#[test]
fn shifts_by_all_bits_and_more_move_everything_out() {
    let counts = Array::from([0, 1, 31, 32, 33, 1000, -1, i32::MIN, i32::MAX]);
    let one = Array::from([-3]);
    assert_eq!(whole(&one << &counts), [-3, -6, i32::MIN, 0, 0, 0, 0, 0, 0]);
    assert_eq!(whole(&one >> &counts), [-3, -2, -1, -1, -1, -1, -1, -1, -1]);
    assert_eq!(whole(12 >> &counts)[..4], [12, 6, 0, 0]);
    let bytes = Array::from([200_u8, 200, 200, 200]);
    let counts = Array::from([1_u8, 7, 8, 255]);
    assert_eq!((&bytes << &counts).unwrap().to_vec::<u8>().unwrap(), [144, 0, 0, 0]);
    assert_eq!((&bytes >> &counts).unwrap().to_vec::<u8>().unwrap(), [100, 1, 0, 0]);
    let long = Array::from([1_u64, 1, u64::MAX]);
    let counts = Array::from([63_u64, 64, u64::MAX]);
    assert_eq!((&long << &counts).unwrap().to_vec::<u64>().unwrap(), [1 << 63, 0, 0]);
}

#[test]
fn shifts_of_different_types_go_by_the_wider() {
    let shifted = (Array::from([1_u8]) << Array::from([9_i16])).unwrap();
    assert_eq!((shifted.dtype(), values(&shifted)), (Dtype::Int16, vec![512.0]));
    assert!((Array::from([1_u64]) << Array::from([1])).is_err(), "uint64 and int32 promote to float32");
}

#[test]
fn powers_of_whole_numbers_end_for_every_exponent() {
    on_cpu(|| {
        for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_integer()) {
            let greatest = if dtype.is_signed() { dtype.iinfo().unwrap().max as i64 } else { -1 };
            let exponents = Array::from([0_i64, 1, 2, greatest]).astype(dtype).unwrap();
            let powers = Array::full([4], 1, dtype).unwrap().power(&exponents).unwrap();
            assert_eq!(values(&powers), [1.0; 4], "{dtype}");
        }
        let negative = Array::from([2_i8, 0, -1]).power(Array::from([-1_i8, i8::MIN, -3])).unwrap();
        assert_eq!(negative.dtype(), Dtype::Int8);
        assert_eq!(negative.to_vec::<i8>().unwrap()[..2], [0, 0]);
    });
}

#[test]
fn a_quotient_and_its_rest_belong_together() {
    let (a, b) = (Array::from([7, -7, 7, -7]), Array::from([2, 2, -2, -2]));
    let (quotient, rest) = a.divmod(&b).unwrap();
    assert_eq!(quotient.to_vec::<i32>().unwrap(), [3, -4, -4, 3]);
    assert_eq!(rest.to_vec::<i32>().unwrap(), [1, 1, -1, -1]);
    assert_eq!(whole(quotient * b + rest), [7, -7, 7, -7]);
    let (quotient, rest) = Array::from([7.5, -7.5]).divmod(2).unwrap();
    assert_eq!(quotient.to_vec::<f32>().unwrap(), [3.0, -4.0]);
    assert_eq!(rest.to_vec::<f32>().unwrap(), [1.5, 0.5]);
    assert!(Array::from([Complex64::default()]).divmod(2).is_err());
}

#[test]
fn a_quotient_by_zero_or_of_the_least_number_is_given() {
    let (quotient, rest) =
        Array::from([5, 0, i32::MIN, i32::MIN]).divmod(Array::from([0, 0, -1, 1])).unwrap();
    assert_eq!(quotient.to_vec::<i32>().unwrap(), [0, 0, i32::MIN, i32::MIN]);
    assert_eq!(rest.to_vec::<i32>().unwrap(), [0; 4]);
    let (quotient, rest) = Array::from([true]).divmod(Array::from([false])).unwrap();
    assert_eq!((values(&quotient), values(&rest)), (vec![0.0], vec![0.0]));
    assert_eq!(Array::from([5.0]).divmod(0).unwrap().0.item::<f32>().unwrap(), f32::INFINITY);
}

#[test]
fn clipping_takes_ranges_with_ends() {
    let x = Array::from([1, 2, 3]);
    assert_eq!(whole(x.clip(2..=2)), [2, 2, 2]);
    assert_eq!(whole(x.clip(2..)), [2, 2, 3]);
    assert_eq!(whole(x.clip(..=2)), [1, 2, 2]);
    assert_eq!(floats(x.clip(1.5..=2.5)), [1.5, 2.0, 2.5]);
    let (low, high) = (Array::from([2, 0, 0]), Array::from([9, 1, 9]));
    assert_eq!(whole(x.clip(&low..=&high)), [2, 1, 3]);
    #[expect(clippy::reversed_empty_ranges, reason = "the greatest wins where it is below the least")]
    let reversed = x.clip(3..=1);
    assert_eq!(whole(reversed), [1, 1, 1]);
    assert!(x.clip(&Array::from([1, 2])..).is_err());
}

#[test]
fn near_numbers_are_close_and_infinities_are_themselves() {
    let inf = f32::INFINITY;
    let (a, b) =
        (Array::from([1.0, inf, -inf, inf, f32::NAN]), Array::from([1.000_001, inf, inf, 1.0, f32::NAN]));
    assert_eq!(truth(a.isclose(&b, Closeness::default())), [true, true, false, false, false]);
    let equal_nan = Closeness { equal_nan: true, ..Closeness::default() };
    assert_eq!(truth(a.isclose(&b, equal_nan)), [true, true, false, false, true]);
    assert_eq!(truth(Array::from([10, 11]).isclose(10, Closeness { rtol: 0.1, ..equal_nan })), [true, true]);
    assert!(!Array::from([1.0]).allclose(2.0, Closeness { rtol: 0.0, atol: 0.5, equal_nan: false }).unwrap());
    assert!(Array::from([1.0]).allclose(Array::from([1.0, 1.0]), Closeness::default()).unwrap());
    assert!(a.isclose(Array::from([1.0, 2.0]), equal_nan).is_err());
}

#[test]
fn arrays_are_equal_by_shape_and_value_whatever_their_type() {
    let x = Array::from([1, 2]);
    assert!(x.array_equal(&Array::from([1.0, 2.0]), false).unwrap());
    assert!(!x.array_equal(&Array::from([[1, 2]]), false).unwrap());
    assert!(!x.array_equal(&Array::from([1, 3]), false).unwrap());
    let nan = Array::from([f32::NAN]);
    assert!(nan.array_equal(&nan, true).unwrap() && !nan.array_equal(&nan, false).unwrap());
    let none = Array::zeros([0, 2], Dtype::Int32).unwrap();
    assert!(none.array_equal(&none, false).unwrap() && !none.array_equal(&none.t().unwrap(), false).unwrap());
}

#[test]
fn numbers_that_are_not_finite_find_stand_ins() {
    let x = Array::from([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 2.0]);
    assert_eq!(floats(x.nan_to_num(NanToNum::default())), [0.0, f32::MAX, f32::MIN, 2.0]);
    let half = x.astype(Dtype::Float16).unwrap().nan_to_num(NanToNum::default()).unwrap();
    assert_eq!(half.to_vec::<f16>().unwrap()[1], f16::MAX);
    assert_eq!(whole(Array::from([3]).nan_to_num(NanToNum { nan: 9.0, ..NanToNum::default() })), [3]);
    on_cpu(|| {
        let double = x.astype(Dtype::Float64).unwrap();
        assert!(double.nan_to_num(NanToNum::default()).is_err());
        let ends = NanToNum { nan: 1.0, posinf: Some(2.0), neginf: Some(3.0) };
        assert_eq!(double.nan_to_num(ends).unwrap().to_vec::<f64>().unwrap(), [1.0, 2.0, 3.0, 2.0]);
    });
}

#[test]
fn eight_bit_floats_come_back_in_every_float_type() {
    on_cpu(|| {
        let numbers = Array::from([0.0, 1.0, -2.5, 448.0]);
        for dtype in [Dtype::Float16, Dtype::Bfloat16, Dtype::Float32, Dtype::Float64] {
            let bytes = numbers.astype(dtype).unwrap().to_fp8().unwrap();
            assert_eq!(
                (bytes.dtype(), values(&bytes)),
                (Dtype::Uint8, vec![0.0, 56.0, 194.0, 126.0]),
                "{dtype}"
            );
            let back = bytes.from_fp8(dtype).unwrap();
            assert_eq!((back.dtype(), values(&back)), (dtype, vec![0.0, 1.0, -2.5, 448.0]));
        }
        assert!(Array::from([1]).to_fp8().is_err() && Array::from([1.0]).from_fp8(Dtype::Float32).is_err());
        assert!(Array::from([1_u8]).from_fp8(Dtype::Int32).is_err());
    });
}

#[test]
fn infinities_know_their_sign() {
    let x = Array::from([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0]);
    assert_eq!(truth(x.isposinf()), [true, false, false, false]);
    assert_eq!(truth(x.isneginf()), [false, true, false, false]);
    assert_eq!(truth(Array::from([1]).isneginf()), [false]);
}

#[test]
fn parts_of_complex_numbers() {
    let z = Array::from([Complex64 { re: 3.0, im: -4.0 }]);
    assert_eq!((floats(z.real()), floats(z.imag()), floats(z.abs())), (vec![3.0], vec![-4.0], vec![5.0]));
    assert_eq!(z.conjugate().unwrap().item::<Complex64>().unwrap(), Complex64 { re: 3.0, im: 4.0 });
    assert_eq!(whole(Array::from([5]).imag()), [0]);
    assert!(z.trunc().is_err() && z.floor().is_err() && z.arctan2(&z).is_err() && (&z % &z).is_err());
}

#[test]
fn one_of_two_truths_is_exclusive() {
    let (a, b) = (Array::from([2, 0, 3, 0]), Array::from([5.0, 1.0, 0.0, 0.0]));
    assert_eq!(truth(a.logical_xor(&b)), [false, true, true, false]);
}

#[test]
fn rounding_goes_to_even_places_and_towards_zero() {
    assert_eq!(floats(Array::from([0.5, 1.5, 2.5, -0.5]).round(0)), [0.0, 2.0, 2.0, 0.0]);
    assert_eq!(whole(Array::from([15, 25]).round(-1)), [20, 20]);
    assert_eq!(floats(Array::from([1.7, -1.7]).trunc()), [1.0, -1.0]);
    assert!(Array::from([1.5]).round(i32::MAX).unwrap().item::<f32>().unwrap().is_nan());
}

#[test]
fn half_turns_are_180_degrees() {
    assert!(
        Array::from([std::f32::consts::PI]).degrees().unwrap().allclose(180.0, Closeness::default()).unwrap()
    );
    assert!(
        Array::from([90.0])
            .radians()
            .unwrap()
            .allclose(std::f32::consts::FRAC_PI_2, Closeness::default())
            .unwrap()
    );
}

#[test]
fn work_without_elements_has_none() {
    let none = Array::zeros([0, 3], Dtype::Float32).unwrap();
    for result in
        [none.exp(), &none + 1, &none * &none, none.clip(0.0..=1.0), none.nan_to_num(NanToNum::default())]
    {
        let result = result.unwrap();
        assert_eq!((result.shape(), result.to_vec::<f32>().unwrap()), (&[0, 3][..], vec![]));
    }
    assert!((&none + &Array::from([1.0, 2.0])).is_err());
    assert!(none.allclose(&none, Closeness::default()).unwrap(), "nothing differs");
}

#[test]
fn single_numbers_stay_without_axes() {
    let one = Array::from(2.0);
    for result in
        [one.exp(), &one + 1, one.power(&one), one.clip(..=1.0), one.isclose(2.0, Closeness::default())]
    {
        assert_eq!(result.unwrap().shape(), [0; 0]);
    }
    assert_eq!((&one + &Array::from([1.0])).unwrap().shape(), [1]);
}

#[test]
fn work_that_depends_on_other_work_keeps_its_values() {
    let (x, y) = (Array::from([1, 2]), Array::from([3.0]));
    let after = x.depends([&y.exp().unwrap(), &y]).unwrap();
    assert_eq!((after.dtype(), whole(Ok(after))), (Dtype::Int32, vec![1, 2]));
    assert_eq!(whole((&x + 1).unwrap().depends([])), [2, 3]);
}

#[test]
fn copies_have_the_values_of_any_layout() {
    let x = Array::from([[1, 2], [3, 4]]).t().unwrap();
    for copy in [x.copy(), x.contiguous(false), x.contiguous(true)] {
        assert_eq!(whole(copy), [1, 3, 2, 4]);
    }
}
