//! How far a result may be from its reference, and what a test says when it is farther.

/// A named bound on the error of a result.
///
/// Every function here counts an infinity or a NaN as right where both sides have it, else as infinitely wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    name: &'static str,
    /// Bound on [`relative_rms`].
    relative_rms: f64,
    /// Bound on each element's error, in units of the reference's root mean square.
    worst: f64,
}

impl Tolerance {
    /// The same values: integers, moved data, results of a deterministic op.
    pub const EXACT: Self = Self { name: "EXACT", relative_rms: 0.0, worst: 0.0 };
    /// Float32 arithmetic in another order, through a few layers.
    pub const F32: Self = Self { name: "F32", relative_rms: 1e-5, worst: 1e-4 };
    /// Float64 arithmetic in another order.
    pub const F64: Self = Self { name: "F64", relative_rms: 1e-12, worst: 1e-11 };
    /// Float16 arithmetic: eleven significant bits, in which MLX's own CPU sums.
    pub const F16: Self = Self { name: "F16", relative_rms: 3e-3, worst: 2e-2 };
    /// Bfloat16 arithmetic: eight significant bits.
    pub const BF16: Self = Self { name: "BF16", relative_rms: 1.5e-2, worst: 1.5e-1 };
}

/// The error's root mean square over that of the finite values of `expected`.
#[track_caller]
pub fn relative_rms<A: Copy + Into<f64>, E: Copy + Into<f64>>(actual: &[A], expected: &[E]) -> f64 {
    ratio(rms(&errors(actual, expected)), scale(expected))
}

/// The largest absolute error; 0 where there are no elements.
#[track_caller]
pub fn max_abs<A: Copy + Into<f64>, E: Copy + Into<f64>>(actual: &[A], expected: &[E]) -> f64 {
    errors(actual, expected).into_iter().fold(0.0, f64::max)
}

/// Stops the test unless `actual` is close to `expected`, and says where it is farthest.
#[track_caller]
pub fn assert_close<A: Copy + Into<f64>, E: Copy + Into<f64>>(
    actual: &[A],
    expected: &[E],
    tolerance: Tolerance,
) {
    if let Err(difference) = judge(&[expected.len()], actual, expected, tolerance) {
        panic!("the result {difference}");
    }
}

/// What is wrong with `actual`, to follow its name in a sentence; `shape` is that of `expected`.
#[track_caller]
pub fn judge<A: Copy + Into<f64>, E: Copy + Into<f64>>(
    shape: &[usize],
    actual: &[A],
    expected: &[E],
    tolerance: Tolerance,
) -> Result<(), String> {
    let errors = errors(actual, expected);
    let Some(worst) = (0..errors.len()).max_by(|&a, &b| errors[a].total_cmp(&errors[b])) else {
        return Ok(());
    };
    let scale = scale(expected);
    let (relative, worst_relative) = (ratio(rms(&errors), scale), ratio(errors[worst], scale));
    if relative <= tolerance.relative_rms && worst_relative <= tolerance.worst {
        return Ok(());
    }
    let Tolerance { name, relative_rms, worst: bound } = tolerance;
    let (got, wanted): (f64, f64) = (actual[worst].into(), expected[worst].into());
    Err(format!(
        "is not within {name}: relative rms {relative:.2e} (at most {relative_rms:.1e}), \
         worst {worst_relative:.2e} (at most {bound:.1e}) at {:?}: {got:?} instead of {wanted:?}",
        position(shape, worst),
    ))
}

#[track_caller]
fn errors<A: Copy + Into<f64>, E: Copy + Into<f64>>(actual: &[A], expected: &[E]) -> Vec<f64> {
    assert_eq!(actual.len(), expected.len(), "the number of values differs: got left, expected right");
    actual.iter().zip(expected).map(|(&actual, &expected)| error(actual.into(), expected.into())).collect()
}

fn error(actual: f64, expected: f64) -> f64 {
    let difference = (actual - expected).abs();
    match difference.is_nan() {
        true if actual == expected || (actual.is_nan() && expected.is_nan()) => 0.0,
        true => f64::INFINITY,
        false => difference,
    }
}

fn scale<E: Copy + Into<f64>>(expected: &[E]) -> f64 {
    rms(&expected.iter().map(|&value| value.into()).filter(|value| value.is_finite()).collect::<Vec<_>>())
}

fn rms(values: &[f64]) -> f64 {
    let squares: f64 = values.iter().map(|value| value * value).sum();
    (squares / values.len().max(1) as f64).sqrt()
}

fn ratio(error: f64, scale: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / scale }
}

fn position(shape: &[usize], flat: usize) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&length| {
            let at = rest % length;
            rest /= length;
            at
        })
        .collect();
    index.reverse();
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(actual: &[f64], expected: &[f64], tolerance: Tolerance) -> Result<(), String> {
        judge(&[expected.len()], actual, expected, tolerance)
    }

    #[test]
    fn relative_rms_is_measured_in_units_of_the_reference() {
        assert_eq!(relative_rms(&[3.0_f32, 4.0], &[3.0_f32, 4.0]), 0.0);
        assert_eq!(relative_rms(&[6.0_f32, 8.0], &[3.0_f32, 4.0]), 1.0);
        assert_eq!(relative_rms(&[1_i32], &[0_i32]), f64::INFINITY);
        assert_eq!(relative_rms::<f32, f32>(&[], &[]), 0.0);
    }

    #[test]
    fn max_abs_finds_the_largest_error_of_either_sign() {
        assert_eq!(max_abs(&[1.0_f32, -5.0, 2.0], &[1.5_f32, -2.0, 2.0]), 3.0);
    }

    #[test]
    fn values_that_are_not_finite_must_be_the_same() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        assert_eq!(max_abs(&[nan, inf, -inf], &[nan, inf, -inf]), 0.0);
        for (actual, expected) in [(nan, 1.0), (1.0, nan), (inf, 1.0), (1.0, -inf), (inf, -inf), (nan, inf)] {
            assert_eq!(max_abs(&[actual], &[expected]), inf, "{actual} for {expected}");
            assert!(verdict(&[1.0, actual], &[1.0, expected], Tolerance::BF16).is_err());
        }
    }

    #[test]
    fn exact_refuses_the_smallest_difference() {
        assert_eq!(verdict(&[1.0], &[1.0], Tolerance::EXACT), Ok(()));
        assert!(verdict(&[1.0 + f64::EPSILON], &[1.0], Tolerance::EXACT).is_err());
    }

    #[test]
    fn each_tolerance_accepts_what_the_tighter_one_refuses() {
        let steps = [
            (1e-13, Tolerance::F64),
            (1e-6, Tolerance::F32),
            (1e-3, Tolerance::F16),
            (1e-2, Tolerance::BF16),
        ];
        for (at, (error, tolerance)) in steps.iter().enumerate() {
            assert_eq!(verdict(&[1.0 + error], &[1.0], *tolerance), Ok(()));
            let tighter = at.checked_sub(1).map_or(Tolerance::EXACT, |tighter| steps[tighter].1);
            assert!(verdict(&[1.0 + error], &[1.0], tighter).is_err(), "{tighter:?}");
        }
    }

    #[test]
    fn one_wrong_element_among_many_right_ones_is_refused() {
        let expected = vec![1.0; 10_000];
        let mut actual = expected.clone();
        actual[77] += 5e-4;
        assert!(relative_rms(&actual, &expected) < 1e-5);
        assert!(verdict(&actual, &expected, Tolerance::F32).unwrap_err().contains("at [77]"));
    }

    #[test]
    fn the_message_says_where_the_worst_element_is() {
        let expected = [1.0; 24];
        let mut actual = expected;
        actual[20] = 1.25;
        actual[3] = 0.9;
        let difference = judge(&[2, 3, 4], &actual, &expected, Tolerance::F32).unwrap_err();
        assert_eq!(
            difference,
            "is not within F32: relative rms 5.50e-2 (at most 1.0e-5), \
             worst 2.50e-1 (at most 1.0e-4) at [1, 2, 0]: 1.25 instead of 1.0"
        );
    }

    #[test]
    fn no_elements_are_close() {
        assert_close::<f32, f32>(&[], &[], Tolerance::EXACT);
    }

    #[test]
    fn a_missing_value_is_not_close() {
        let caught = std::panic::catch_unwind(|| assert_close(&[1.0_f32], &[1.0_f32, 2.0], Tolerance::F32));
        assert!(caught.unwrap_err().downcast::<String>().unwrap().contains("the number of values differs"));
    }
}
