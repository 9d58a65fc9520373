//! What several topics need: fixtures, noise, and how far apart two lists of numbers are.

use std::path::PathBuf;

use mlx_testkit::Golden;

/// The path of a fixture.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn golden(name: &str) -> Golden {
    Golden::open(path(&format!("{name}.safetensors")))
}

/// Numbers that look random: a linear congruence with Knuth's factor.
pub(crate) fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(seed), next).skip(1).map(|state| (state >> 33) as usize)
}

/// Noise between -0.5 and 0.5.
pub(crate) fn noise(samples: usize, seed: u64) -> Vec<f32> {
    numbers(seed).take(samples).map(|number| (number % 65_536) as f32 / 65_536.0 - 0.5).collect()
}

/// A tone of so many hertz.
pub(crate) fn tone(samples: usize, hertz: f64, rate: f64) -> Vec<f32> {
    let step = std::f64::consts::TAU * hertz / rate;
    (0..samples).map(|at| (0.5 * (step * at as f64).sin()) as f32).collect()
}

/// Stops the test unless all numbers are within `within` of what is expected.
#[track_caller]
pub(crate) fn assert_near(found: &[f32], expected: &[f32], within: f32) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= within, "{found} instead of {expected} at {at}");
    }
}
