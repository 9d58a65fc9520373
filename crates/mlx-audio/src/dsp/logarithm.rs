//! Logarithms of many numbers at once.

use std::f32::consts::LN_2;

/// The logarithm to base 2 of a normal positive number, to 2e-7 of the result or 1e-7, whichever is more.
///
/// The mantissa is brought to within the root of 2 of 1 and goes through the series of the inverse hyperbolic tangent. There
/// is no branch, so that loops over this are vectorised.
pub(crate) fn log2(value: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    const MANTISSA: u32 = 0x007f_ffff;
    let bits = value.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (bits as i32) >> 23;
    let mantissa = f32::from_bits((bits & MANTISSA).wrapping_add(ROOT_HALF));
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series =
        1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0))));
    exponent as f32 + (2.0 / LN_2) * ratio * series
}

/// The logarithm to base 10; as exact as [`log2`].
pub(crate) fn log10(value: f32) -> f32 {
    std::f32::consts::LOG10_2 * log2(value)
}

/// The natural logarithm; as exact as [`log2`].
pub(crate) fn ln(value: f32) -> f32 {
    LN_2 * log2(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_all_magnitudes_are_those_of_float64() {
        let step = 1.000_37_f64;
        let values = std::iter::successors(Some(1.2e-38_f64), |value| Some(value * step));
        let mut count = 0;
        for value in values.take_while(|&value| value < 3e38) {
            let value = value as f32;
            let exact = f64::from(value).log2();
            let error = (f64::from(log2(value)) - exact).abs();
            assert!(error <= 2e-7 * exact.abs().max(0.5), "{value}: {} instead of {exact}", log2(value));
            count += 1;
        }
        assert!(count > 400_000);
        assert_eq!(log2(1.0), 0.0);
        assert_eq!(log10(1.0), 0.0);
        assert!((ln(10.0) - std::f32::consts::LN_10).abs() < 3e-7);
    }
}
