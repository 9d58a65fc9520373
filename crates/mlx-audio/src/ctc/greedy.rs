//! The likeliest token of each frame.

use std::ops::Range;

use mlx_core::{Array, Dtype};

use crate::Result;

/// A token, and how long it is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// The token.
    pub token: u32,
    /// The frames in which it is the likeliest.
    pub frames: Range<usize>,
    /// The mean logarithm of its probability in them.
    pub logprob: f32,
}

/// The tokens of scores `[frames, vocabulary]`, before their softmax, without blanks.
///
/// # Errors
/// The scores have not two axes, or an op fails.
pub fn greedy(scores: &Array, blank: u32) -> Result<Vec<Emission>> {
    let [frames, _] = scores.dims()?;
    if frames == 0 {
        return Ok(Vec::new());
    }
    let scores = scores.astype(Dtype::Float32)?;
    let tokens = scores.argmax(-1)?.to_vec::<u32>()?;
    let logprobs = (scores.max(-1)? - scores.logsumexp(-1)?)?.to_vec::<f32>()?;
    Ok(collapse(&tokens, &logprobs, blank))
}

/// Joins what repeats, then drops blanks.
fn collapse(tokens: &[u32], logprobs: &[f32], blank: u32) -> Vec<Emission> {
    let mut emissions: Vec<Emission> = Vec::new();
    for (at, (&token, &logprob)) in tokens.iter().zip(logprobs).enumerate() {
        match emissions.last_mut() {
            Some(last) if last.token == token => {
                last.frames.end = at + 1;
                last.logprob += logprob;
            }
            _ => emissions.push(Emission { token, frames: at..at + 1, logprob }),
        }
    }
    emissions.retain(|emission| emission.token != blank);
    emissions.iter_mut().for_each(|emission| emission.logprob /= emission.frames.len() as f32);
    emissions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(emissions: &[Emission]) -> Vec<(u32, Range<usize>)> {
        emissions.iter().map(|emission| (emission.token, emission.frames.clone())).collect()
    }

    #[test]
    fn what_repeats_is_one_token_and_a_blank_between_makes_two() {
        let found = collapse(&[0, 3, 3, 0, 3, 5, 5, 0, 0], &[-0.5; 9], 0);
        assert_eq!(tokens(&found), [(3, 1..3), (3, 4..5), (5, 5..7)]);
        assert!(found.iter().all(|emission| emission.logprob == -0.5));
        assert_eq!(collapse(&[0, 0], &[0.0; 2], 0), []);
        assert_eq!(tokens(&collapse(&[0, 0], &[0.0; 2], 1)), [(0, 0..2)]);
    }

    #[test]
    fn scores_become_probabilities() {
        let scores = Array::from_slice(&[0.0, 2.0, 1.0, 3.0, 0.0, 0.0_f32], [3, 2]).unwrap();
        let found = greedy(&scores, 0).unwrap();
        assert_eq!(tokens(&found), [(1, 0..2)]);
        let expected = -(1.0 + (-2.0_f32).exp()).ln();
        assert!((found[0].logprob - expected).abs() < 1e-6, "{found:?}");
        assert_eq!(greedy(&Array::zeros([0, 2], Dtype::Float32).unwrap(), 0).unwrap(), []);
        assert!(greedy(&Array::zeros([2], Dtype::Float32).unwrap(), 0).is_err());
    }
}
