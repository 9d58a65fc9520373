//! Functions of vectors.
//!
//! The polynomials of `exp`, `tanh`, `sin` and `cos` are those of Cephes (Moshier), that of `erf` is Juffa's.

use crate::simd::Simd;

/// A polynomial, its coefficients from the highest down.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F, coefficients: [f32; N]) -> S::F {
    let mut value = s.splat(0.0);
    for coefficient in coefficients {
        value = s.mul_add(value, x, s.splat(coefficient));
    }
    value
}

/// `2^n` for `n` from -126 to 127.
#[inline(always)]
fn power_of_two<S: Simd>(s: S, n: S::I) -> S::F {
    s.from_bits(s.shift_left(s.add_int(n, s.splat_int(127)), s.splat_int(23)))
}

/// `|x|`.
#[inline(always)]
fn magnitude<S: Simd>(s: S, x: S::F) -> S::F {
    s.from_bits(s.and(s.to_bits(x), s.splat_int(i32::MAX)))
}

/// `x`, which is not negative, with the sign of another.
#[inline(always)]
fn signed<S: Simd>(s: S, x: S::F, sign: S::F) -> S::F {
    let sign = s.and(s.to_bits(sign), s.splat_int(i32::MIN));
    s.from_bits(s.or(s.to_bits(x), sign))
}

/// `e^x`, to about one unit in the last place: infinity above 88.73, 0 below -104, subnormal numbers between.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    // In this order, what is no number stays so.
    let x = s.min(s.splat(89.0), s.max(s.splat(-104.0), x));
    let count = s.to_float(s.to_int(s.mul(x, s.splat(std::f32::consts::LOG2_E))));
    // ln 2 in two parts, of which the first has few bits: its products are exact.
    let rest = s.mul_add(count, s.splat(-0.693_359_4), x);
    let rest = s.mul_add(count, s.splat(2.121_944_4e-4), rest);
    let series = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let tail = polynomial(s, rest, series);
    let value = s.add(s.mul_add(s.mul(rest, rest), tail, rest), s.splat(1.0));
    // 2^n may be no float, but its two halves are.
    let half = s.to_int(s.mul(count, s.splat(0.5)));
    let other = s.to_int(s.sub(count, s.to_float(half)));
    s.mul(s.mul(value, power_of_two(s, half)), power_of_two(s, other))
}

/// `tanh x`, to two units in the last place.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let size = magnitude(s, x);
    let e = exp(s, s.add(size, size));
    let far = s.sub(s.splat(1.0), s.div(s.splat(2.0), s.add(e, s.splat(1.0))));
    let square = s.mul(x, x);
    let series = [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];
    let near = s.mul_add(s.mul(polynomial(s, square, series), square), size, size);
    signed(s, s.less(size, s.splat(0.625), near, far), x)
}

/// `erf x`, to about one unit in the last place.
#[inline(always)]
pub(crate) fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let size = magnitude(s, x);
    let series = [
        -1.728_534_7e-5,
        3.831_972e-4,
        -3.883_964_4e-3,
        2.425_462_2e-2,
        -1.067_778_8e-1,
        -6.348_467e-1,
        -1.287_175_1e-1,
    ];
    // Past 5 the function is 1, and there the polynomial ends.
    let near_size = s.min(s.splat(5.0), size);
    let exponent = s.mul_add(polynomial(s, near_size, series), near_size, s.sub(s.splat(0.0), near_size));
    let far = s.sub(s.splat(1.0), exp(s, exponent));
    let square = s.mul(x, x);
    let series =
        [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_2e-1, -3.761_253_4e-1, 1.283_791_7e-1];
    let near = s.mul_add(polynomial(s, square, series), size, size);
    signed(s, s.less(size, s.splat(0.927_734_4), near, far), x)
}

/// The cosine and the sine of some turns, -1/2 to 1/2.
#[inline(always)]
pub(crate) fn cos_sin<S: Simd>(s: S, turns: S::F) -> (S::F, S::F) {
    let quarter = s.to_int(s.mul(turns, s.splat(4.0)));
    let rest = s.mul_add(s.to_float(quarter), s.splat(-0.25), turns);
    let x = s.mul(rest, s.splat(std::f32::consts::TAU));
    let square = s.mul(x, x);
    let series = [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1];
    let sin = s.mul_add(s.mul(polynomial(s, square, series), square), x, x);
    let series = [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2, -0.5, 1.0];
    let cos = polynomial(s, square, series);
    let two = s.splat_int(2);
    let odd = s.to_float(s.and(quarter, s.splat_int(1)));
    let one = s.splat(1.0);
    let cos_sign = s.and(s.add_int(quarter, s.splat_int(1)), two);
    let cos_sign = s.sub(one, s.to_float(cos_sign));
    let sin_sign = s.sub(one, s.to_float(s.and(quarter, two)));
    let half = s.splat(0.5);
    (s.mul(cos_sign, s.less(odd, half, cos, sin)), s.mul(sin_sign, s.less(odd, half, sin, cos)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Kernel;
    use crate::{Level, simd};

    /// A function of each number of a slice.
    struct Each<'a>(Name, &'a mut [f32]);

    #[derive(Clone, Copy)]
    enum Name {
        Exp,
        Tanh,
        Erf,
        Cos,
        Sin,
    }

    impl Kernel for Each<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for x in self.1.chunks_mut(S::LANES) {
                let v = s.load(x);
                let v = match self.0 {
                    Name::Exp => exp(s, v),
                    Name::Tanh => tanh(s, v),
                    Name::Erf => erf(s, v),
                    Name::Cos => cos_sin(s, v).0,
                    Name::Sin => cos_sin(s, v).1,
                };
                s.store(x, v);
            }
        }
    }

    /// The function of numbers, at every level.
    fn of(name: Name, x: &[f32]) -> Vec<Vec<f32>> {
        let apply = |level| {
            let mut out = x.to_vec();
            simd::dispatch(level, Each(name, &mut out));
            out
        };
        Level::available().map(apply).collect()
    }

    /// Numbers between two, and these themselves.
    fn between(first: f32, last: f32) -> Vec<f32> {
        (0..=100_000).map(|at| first + (last - first) * (at as f32 / 100_000.0)).collect()
    }

    /// The greatest difference to a function in double precision, in units of what `unit` says of its value.
    fn error(name: Name, x: &[f32], exact: fn(f64) -> f64, unit: fn(f64) -> f64) -> f64 {
        let mut worst = 0.0_f64;
        for out in of(name, x) {
            for (&x, out) in x.iter().zip(out) {
                let exact = exact(f64::from(x));
                let error = (f64::from(out) - exact).abs() / unit(exact);
                worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
            }
        }
        worst
    }

    /// `erf x` as a series (Abramowitz and Stegun, 7.1.6).
    fn exact_erf(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..400 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn exponentials_are_exact_to_two_units() {
        let unit = f64::from(f32::EPSILON);
        let error = error(Name::Exp, &between(-87.0, 88.72), f64::exp, |y| y);
        assert!(error < 1.1 * unit, "{error:e}");
    }

    #[test]
    fn exponentials_have_their_limits() {
        let x = [-1e9, f32::NEG_INFINITY, -104.0, 88.8, f32::INFINITY, 1e9, 0.0, f32::NAN, -100.0];
        for out in of(Name::Exp, &x) {
            assert_eq!(out[..7], [0.0, 0.0, 0.0, f32::INFINITY, f32::INFINITY, f32::INFINITY, 1.0]);
            assert!(out[7].is_nan());
            assert!((out[8] - 3.78e-44).abs() < 3e-45, "{}", out[8]);
        }
    }

    #[test]
    fn hyperbolic_tangents_are_exact_to_three_units() {
        let error = error(Name::Tanh, &between(-12.0, 12.0), f64::tanh, |y| y.abs() + 1e-30);
        assert!(error < 1.8e-7, "{error:e}");
        for out in of(Name::Tanh, &[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0]) {
            assert_eq!(out[..2], [1.0, -1.0]);
            assert!(out[2].is_nan() && out[3].to_bits() == (-0.0_f32).to_bits());
        }
    }

    #[test]
    fn error_functions_are_exact_to_a_ten_millionth() {
        let error = error(Name::Erf, &between(-6.0, 6.0), exact_erf, |y| y.abs() + 1e-30);
        assert!(error < 1.5e-7, "{error:e}");
        for out in of(Name::Erf, &[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 30.0]) {
            assert!(out[..2] == [1.0, -1.0] && out[2].is_nan() && out[3] == 1.0, "{out:?}");
        }
    }

    #[test]
    fn cosines_and_sines_are_exact_to_a_ten_millionth() {
        let turns = between(-0.5, 0.5);
        let cos = error(Name::Cos, &turns, |x| (x * std::f64::consts::TAU).cos(), |_| 1.0);
        let sin = error(Name::Sin, &turns, |x| (x * std::f64::consts::TAU).sin(), |_| 1.0);
        assert!(cos < 1.3e-7 && sin < 1.3e-7, "{cos:e}, {sin:e}");
    }
}
