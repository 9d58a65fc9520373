//! What several topics need: fixtures, noise, and how far apart two lists of numbers are.

use std::path::PathBuf;

use mlx_audio::mlx_core::Array;
use mlx_testkit::{Golden, relative_rms};

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

/// Two tones at 16 kHz, one of which grows.
pub(crate) fn growing_tones(samples: usize, pitch: f64) -> Vec<f32> {
    let tone = |at: usize| {
        let time = at as f64 / 16_000.0;
        let wave = |hertz: f64| (std::f64::consts::TAU * hertz * time).sin();
        (0.3 * wave(pitch) + 0.1 * time * wave(2.7 * pitch)) as f32
    };
    (0..samples).map(tone).collect()
}

/// Holds an array against that of a fixture.
#[track_caller]
pub(crate) fn assert_golden(what: &str, found: &Array, golden: &Golden, key: &str, bound: f64) {
    let shape: Vec<i32> = golden.shape(key).iter().map(|&length| length as i32).collect();
    assert_eq!(found.shape(), shape, "{what}, {key}");
    let error = relative_rms(&found.to_vec::<f32>().unwrap(), &golden.f32(key));
    println!("{what}, {key}: {error:e}");
    assert!(error < bound, "{what}, {key}: {error:e}");
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
