//! Types: what they hold, and what comes of two of them.

use mlx_core::{Array, Category, Dtype, FloatInfo, IntInfo, Result, bf16, f16, select};

use crate::values::on_cpu;

/// For each type a row with the promotion with each type, as hexadecimal places in [`Dtype::ALL`]. Python's
/// `result_type` gave them.
const PROMOTIONS: [&str; 14] = [
    "0123456789abcd",
    "1123466789abcd",
    "2223477789abcd",
    "3333488889abcd",
    "44444aaaa9abcd",
    "5678a56789abcd",
    "6678a66789abcd",
    "7778a77789abcd",
    "8888a88889abcd",
    "9999999999abad",
    "aaaaaaaaaaabad",
    "bbbbbbbbbbbbbd",
    "cccccccccaabcd",
    "dddddddddddddd",
];

/// Each pair of types with its promotion.
fn promotions() -> impl Iterator<Item = (Dtype, Dtype, Dtype)> {
    let rows = Dtype::ALL.into_iter().zip(PROMOTIONS);
    rows.flat_map(|(a, row)| {
        let places = row.chars().map(|place| place.to_digit(16).unwrap() as usize);
        Dtype::ALL.into_iter().zip(places).map(move |(b, place)| (a, b, Dtype::ALL[place]))
    })
}

#[test]
fn all_pairs_of_types_promote_as_in_python() {
    for (a, b, promoted) in promotions() {
        assert_eq!(a.promote(b), promoted, "{a} and {b}");
    }
    assert_eq!(promotions().count(), 14 * 14);
}

#[test]
fn ops_give_the_type_that_promotion_says() {
    on_cpu(|| {
        let ones = Dtype::ALL.map(|dtype| Array::ones([1], dtype).unwrap());
        for (a, b, promoted) in promotions() {
            let (x, y) = (&ones[a as usize], &ones[b as usize]);
            let results = [x * y, x.maximum(y), x.power(y), select(&Array::from([true]), x, y)];
            for (at, result) in results.into_iter().enumerate() {
                assert_eq!(result.unwrap().dtype(), promoted, "{at}: {a} and {b}");
            }
        }
    });
}

#[test]
fn a_type_can_be_cast_to_one_that_promotion_keeps() {
    for (a, b, promoted) in promotions() {
        assert_eq!(a.can_cast(b), promoted == b, "{a} to {b}");
    }
    assert!(Dtype::Int64.can_cast(Dtype::Float16) && !Dtype::Uint64.can_cast(Dtype::Int64));
}

#[test]
fn the_type_of_several_arrays_is_a_fold() {
    let types = [Dtype::Uint8, Dtype::Int8, Dtype::Bool];
    assert_eq!(types.into_iter().fold(Dtype::Bool, Dtype::promote), Dtype::Int16);
    assert_eq!([].into_iter().fold(Dtype::Bool, Dtype::promote), Dtype::Bool);
}

#[test]
fn categories_lie_within_each_other_as_in_python() {
    use Category::{
        ComplexFloating, Floating, Generic, Inexact, Integer, Number, SignedInteger, UnsignedInteger,
    };
    let all = [Generic, Number, Integer, SignedInteger, UnsignedInteger, Inexact, Floating, ComplexFloating];
    let row = |contained: &dyn Fn(Category) -> bool| -> String {
        all.into_iter().map(|c| if contained(c) { '1' } else { '0' }).collect()
    };
    let within =
        ["10000000", "11000000", "11100000", "11110000", "11101000", "11000100", "11000110", "11000101"];
    for (category, expected) in all.into_iter().zip(within) {
        assert_eq!(row(&|c| c.contains(category)), expected, "{category:?}");
    }
    for dtype in Dtype::ALL {
        let expected = match dtype {
            Dtype::Bool => "10000000",
            Dtype::Complex64 => "11000101",
            _ if dtype.is_float() => "11000110",
            _ if dtype.is_signed() => "11110000",
            _ => "11101000",
        };
        assert_eq!(row(&|c| c.contains(dtype)), expected, "{dtype}");
    }
}

#[test]
fn floating_types_say_what_they_hold() {
    let half = Dtype::Float16.finfo().unwrap();
    let expected = FloatInfo {
        dtype: Dtype::Float16,
        bits: 16,
        min: -65504.0,
        max: 65504.0,
        eps: 0.000_976_562_5,
        smallest_normal: 6.103_515_625e-5,
    };
    assert_eq!(half, expected);
    let brain = Dtype::Bfloat16.finfo().unwrap();
    assert_eq!((brain.bits, brain.eps, brain.max), (16, 0.007_812_5, 3.389_531_389_251_535_5e38));
    assert_eq!(brain.smallest_normal, 1.175_494_350_822_287_5e-38);
    let double = Dtype::Float64.finfo().unwrap();
    assert_eq!((double.bits, double.eps, double.min), (64, f64::EPSILON, f64::MIN));
    assert_eq!(Dtype::Complex64.finfo(), Dtype::Float32.finfo(), "the parts are singles");
    assert_eq!(Dtype::Complex64.finfo().unwrap().dtype, Dtype::Float32);
}

#[test]
fn whole_types_say_what_they_hold() {
    let of = |dtype: Dtype| dtype.iinfo().map(|IntInfo { min, max, .. }| (min, max)).unwrap();
    assert_eq!(of(Dtype::Uint8), (0, 255));
    assert_eq!(of(Dtype::Uint64), (0, u64::MAX));
    assert_eq!(of(Dtype::Int8), (-128, 127));
    assert_eq!(of(Dtype::Int32), (i32::MIN.into(), i32::MAX as u64));
    assert_eq!(of(Dtype::Int64), (i64::MIN, i64::MAX as u64));
    assert_eq!(Dtype::Int16.iinfo().map(|info| (info.dtype, info.bits)), Some((Dtype::Int16, 16)));
}

#[test]
fn each_type_but_bool_has_one_kind_of_limits() {
    for dtype in Dtype::ALL {
        let inexact = Category::Inexact.contains(dtype);
        assert_eq!(
            (dtype.finfo().is_some(), dtype.iinfo().is_some()),
            (inexact, dtype.is_integer()),
            "{dtype}"
        );
    }
}

#[test]
fn limits_are_those_that_arrays_have() {
    let huge = Array::from([f16::MAX, f16::from_f32(-1.0)]);
    assert!((&huge + &huge).unwrap().isposinf().unwrap().to_vec::<bool>().unwrap()[0]);
    assert_eq!(bf16::MAX.to_f64(), Dtype::Bfloat16.finfo().unwrap().max);
    let last = Array::full([1], Dtype::Int32.iinfo().unwrap().max as i64, Dtype::Int32).unwrap();
    assert_eq!((&last + 1).unwrap().item::<i32>().unwrap(), i32::MIN);
}

/// The type of a result for each type of [`Dtype::ALL`], as a hexadecimal place there, or `-` for an error.
fn types(op: impl Fn(&Array) -> Result<Array>) -> String {
    let mut places = String::new();
    on_cpu(|| {
        for dtype in Dtype::ALL {
            match op(&Array::ones([2, 2], dtype).unwrap()) {
                Ok(result) => places.push(char::from_digit(result.dtype() as u32, 16).unwrap()),
                Err(_) => places.push('-'),
            }
        }
    });
    places
}

#[test]
fn functions_of_real_numbers_give_floats() {
    for op in [Array::exp, Array::sin, Array::log, Array::sqrt, Array::tanh, Array::degrees, Array::radians] {
        assert_eq!(types(op), "aaaaaaaaa9abcd");
    }
    for op in [Array::erf, Array::erfinv, Array::expm1, Array::sigmoid] {
        assert_eq!(types(op), "aaaaaaaaa9abc-");
    }
    assert_eq!(types(|x| x.arctan2(x)), "aaaaaaaaa9abc-");
    assert_eq!(types(|x| x.logaddexp(x)), "aaaaaaaaa9abcd");
    assert_eq!(types(|x| x / x), "aaaaaaaaa9abcd");
}

#[test]
fn functions_of_whole_numbers_keep_their_type() {
    for op in [Array::square, Array::sign, |x: &Array| x.round(1)] {
        assert_eq!(types(op), "0123456789abcd");
    }
    assert_eq!(types(Array::abs), "0123456789abca");
    for op in [Array::floor, Array::ceil, Array::trunc] {
        assert_eq!(types(op), "0123456789abc-");
    }
    assert_eq!(types(|x| -x), "-123456789abcd", "truth has no negative");
    assert_eq!(types(|x| !x), "012345678-----");
    assert_eq!(types(|x| x & x), "012345678-----");
    assert_eq!(types(|x| x << x), "112345678-----", "truth is shifted as a byte");
    assert_eq!(types(|x| x % x), "0123456789abc-");
}

#[test]
fn parts_of_complex_numbers_are_singles() {
    on_cpu(|| {
        for op in [Array::real, Array::imag] {
            assert_eq!(types(op), "0123456789abca");
        }
        assert_eq!(types(Array::conjugate), "0123456789abcd");
    });
}

#[test]
fn questions_have_truth_values_as_answers() {
    for op in
        [Array::isnan, Array::isinf, Array::isfinite, Array::isposinf, Array::isneginf, Array::logical_not]
    {
        assert_eq!(types(op), "0".repeat(14));
    }
    assert_eq!(types(|x| x.all(..)), "0".repeat(14));
    assert_eq!(types(|x| x.logical_xor(x)), "0".repeat(14));
    assert_eq!(types(|x| x.isclose(x, Default::default())), "0".repeat(14));
}

#[test]
fn reductions_have_the_types_of_python_s() {
    assert_eq!(types(|x| x.sum(0)), "7333477789abcd", "a narrow sum is wider");
    assert_eq!(types(|x| x.prod(0)), types(|x| x.sum(0)));
    assert_eq!(types(|x| x.max(0)), "0123456789abcd");
    for op in [|x: &Array| x.mean(0), |x: &Array| x.median(0), |x: &Array| x.logsumexp(0)] {
        assert_eq!(types(op), "aaaaaaaaa9abcd");
    }
    for op in [|x: &Array| x.var(0, 0), |x: &Array| x.std(0, 1)] {
        assert_eq!(types(op), "aaaaaaaaa9abca", "the variance of complex numbers is real");
    }
    assert_eq!(types(|x| x.count_nonzero(0)), "7".repeat(14));
    assert_eq!(types(|x| x.argmax(0)), "3".repeat(14));
    assert_eq!(types(|x| x.trace(0)), types(|x| x.sum(0)));
}

#[test]
fn scans_keep_types_but_a_sum_counts_truth() {
    assert_eq!(types(|x| x.cumsum(0)), "7123456789abcd");
    let scans: [fn(&Array) -> Result<Array>; 5] =
        [|x| x.cumprod(0), |x| x.cummax(0), |x| x.cummin(0), |x| x.logcumsumexp(0), |x| x.diff(1, 0)];
    for op in scans {
        assert_eq!(types(op), "0123456789abcd");
    }
    assert_eq!(types(|x| x.softmax(0)), "aaaaaaaaa9abcd");
}
