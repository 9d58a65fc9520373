//! Texts of the likeliest tokens.

use mlx_core::{Array, Dtype, Result as MlxResult, eval};

use crate::Result;

/// A text, without the token that ends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) tokens: Vec<u32>,
    /// The sum of the logarithms of the probabilities of its tokens, and of its end.
    sum: f32,
    count: usize,
    ended: bool,
}

impl Text {
    /// The mean logarithm of the probabilities of its tokens, and of its end.
    pub(crate) fn mean(&self) -> f32 {
        self.sum / self.count.max(1) as f32
    }

    fn push(&mut self, token: u32, logprob: f32, ends: &[u32]) {
        self.sum += logprob;
        self.count += 1;
        if ends.contains(&token) {
            self.ended = true;
        } else {
            self.tokens.push(token);
        }
    }

    fn is_done(&self, most: usize) -> bool {
        self.ended || self.tokens.len() >= most
    }
}

/// Writes a text for each row of scores `[rows, vocabulary]`, of at most so many tokens, where `step` gives such scores
/// behind tokens `[rows, 1]`. A row whose text is done runs on without being read.
pub(crate) fn write(
    mut scores: Array,
    ends: &[u32],
    most: &[usize],
    mut step: impl FnMut(&Array) -> Result<Array>,
) -> Result<Vec<Text>> {
    let mut texts = vec![Text::default(); most.len()];
    loop {
        let chosen = likeliest(&scores)?;
        for ((text, &(token, logprob)), &most) in texts.iter_mut().zip(&chosen).zip(most) {
            if !text.is_done(most) {
                text.push(token, logprob, ends);
            }
        }
        if texts.iter().zip(most).all(|(text, &most)| text.is_done(most)) {
            return Ok(texts);
        }
        let tokens: Vec<_> = chosen.iter().map(|&(token, _)| token).collect();
        let rows = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
        scores = step(&Array::from_slice(&tokens, [rows, 1])?)?;
    }
}

/// The likeliest token of each row of scores `[rows, vocabulary]`, and the logarithm of its probability.
fn likeliest(scores: &Array) -> MlxResult<Vec<(u32, f32)>> {
    let scores = scores.astype(Dtype::Float32)?;
    let (tokens, best, all) = (scores.argmax(-1)?, scores.max(-1)?, scores.logsumexp(-1)?);
    let logprobs = (best - all)?;
    eval([&tokens, &logprobs])?;
    Ok(tokens.to_vec::<u32>()?.into_iter().zip(logprobs.to_vec::<f32>()?).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores that make each row's token follow from the one before: `token + row + 1`.
    fn next(tokens: &[u32]) -> Array {
        let row = |(row, &token): (usize, &u32)| {
            (0..8).map(move |at| if at == token as usize + row + 1 { 9.0 } else { 0.0_f32 })
        };
        Array::from_vec(tokens.iter().enumerate().flat_map(row).collect(), [2, 8]).unwrap()
    }

    #[test]
    fn rows_end_each_for_itself() {
        let step = |tokens: &Array| Ok(next(&tokens.to_vec::<u32>().unwrap()));
        let texts = write(next(&[0, 0]), &[4], &[9, 9], step).unwrap();
        assert_eq!((&texts[0].tokens, &texts[1].tokens), (&vec![1, 2, 3], &vec![2]));
        let texts = write(next(&[0, 0]), &[7], &[2, 1], step).unwrap();
        assert_eq!((&texts[0].tokens, &texts[1].tokens), (&vec![1, 2], &vec![2]));
        let logprob = 9.0 - (9.0_f32.exp() + 7.0).ln();
        assert!((texts[0].mean() - logprob).abs() < 1e-5);
    }
}
