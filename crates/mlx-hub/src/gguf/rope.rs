//! Llama 3's rotary scaling, which GGUF keeps as a tensor of factors.

use std::f64::consts::TAU;

use serde_json::{Value, json};

/// The constants that every Llama 3.x release shares.
const LOW_FREQ_FACTOR: f64 = 1.0;
const HIGH_FREQ_FACTOR: f64 = 4.0;
const ORIGINAL_LENGTH: f64 = 8192.0;

/// How far a stored 32-bit factor may be from the recomputed one, relative to it.
const TOLERANCE: f64 = 1e-3;

/// The `rope_scaling` whose factors these are, one for each rotated pair.
///
/// The file keeps only the result of the formula, so the largest factor is put back into it;
/// `None` if that does not give the others.
pub(super) fn llama3_scaling(factors: &[f32], theta: f64) -> Option<Value> {
    let factor = factors.iter().copied().map(f64::from).fold(1.0, f64::max);
    let pairs = factors.len() as f64;
    let alike = |(pair, &stored): (usize, &f32)| {
        let wavelength = TAU * theta.powf(pair as f64 / pairs);
        let expected = llama3_factor(wavelength, factor);
        (f64::from(stored) - expected).abs() <= TOLERANCE * expected
    };
    factors.iter().enumerate().all(alike).then(|| {
        json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": LOW_FREQ_FACTOR,
            "high_freq_factor": HIGH_FREQ_FACTOR,
            "original_max_position_embeddings": ORIGINAL_LENGTH as u64,
        })
    })
}

/// What divides the frequency of a wavelength, after Hugging Face's `llama3` rope parameters.
fn llama3_factor(wavelength: f64, factor: f64) -> f64 {
    let smooth = (ORIGINAL_LENGTH / wavelength - LOW_FREQ_FACTOR) / (HIGH_FREQ_FACTOR - LOW_FREQ_FACTOR);
    let smooth = smooth.clamp(0.0, 1.0);
    1.0 / ((1.0 - smooth) / factor + smooth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama_3_2_factors_give_its_scaling() {
        let factors: Vec<_> = (0..32)
            .map(|pair| llama3_factor(TAU * 500_000f64.powf(f64::from(pair) / 32.0), 32.0) as f32)
            .collect();
        assert_eq!((factors[0], factors[31]), (1.0, 32.0));
        let scaling = llama3_scaling(&factors, 500_000.0).unwrap();
        assert_eq!(scaling["factor"], 32.0);
        assert_eq!(scaling["original_max_position_embeddings"], 8192);
        assert_eq!(llama3_scaling(&factors, 10_000.0), None);
    }
}
