//! The likeliest texts, followed together.

use super::{Next, Search, Text};
use crate::whisper::numbers::top;

/// Texts of which the likeliest go on.
pub(super) struct Beam {
    texts: Vec<Text>,
    ended: Vec<Text>,
    size: usize,
    /// So many texts that have ended are enough.
    enough: usize,
    end: u32,
}

impl Beam {
    pub(super) fn new(search: &Search, end: u32) -> Self {
        let enough = (search.beam_size as f32 * search.patience).round().max(1.0) as usize;
        Self { texts: vec![Text::default()], ended: Vec::new(), size: search.beam_size, enough, end }
    }

    pub(super) fn texts(&self) -> &[Text] {
        &self.texts
    }

    pub(super) fn advance(&mut self, rows: &[&mut [f32]]) -> Next {
        let mut candidates = Vec::with_capacity(self.texts.len() * (self.size + 1));
        for (parent, (text, row)) in self.texts.iter().zip(rows).enumerate() {
            let best = top(row, self.size + 1).into_iter();
            candidates.extend(best.map(|(token, score)| (text.sum + score, parent, token as u32)));
        }
        candidates.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let (mut next, mut texts) = (Next::new(), Vec::new());
        for (sum, parent, token) in candidates {
            let Some(text) = self.texts.get(parent) else { continue };
            if token == self.end {
                if self.ended.len() < self.enough {
                    self.ended.push(Text { tokens: text.tokens.clone(), sum });
                }
                continue;
            }
            let tokens = [text.tokens.as_slice(), &[token]].concat();
            texts.push(Text { tokens, sum });
            next.push((parent, token));
            if next.len() == self.size {
                break;
            }
        }
        self.texts = texts;
        if self.ended.len() >= self.enough { Next::new() } else { next }
    }

    /// Those that have ended, and if they are too few, the likeliest others.
    pub(super) fn finish(mut self) -> Vec<Text> {
        self.texts.sort_by(|a, b| b.sum.total_cmp(&a.sum));
        let missing = self.size.saturating_sub(self.ended.len());
        self.ended.extend(self.texts.into_iter().take(missing));
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search {
        temperature: 0.0,
        beam_size: 2,
        patience: 1.0,
        best_of: 1,
        length_penalty: None,
        most: 9,
        seed: 0,
    };

    /// Scores of the tokens 0 and 1, and of the end, 2.
    fn advance(beam: &mut Beam, rows: &[[f32; 3]]) -> Next {
        let mut rows = rows.to_vec();
        let rows: Vec<_> = rows.iter_mut().map(|row| &mut row[..]).collect();
        beam.advance(&rows)
    }

    #[test]
    fn a_text_that_begins_worse_can_end_better() {
        let mut beam = Beam::new(&SEARCH, 2);
        assert_eq!(advance(&mut beam, &[[-1.0, -1.1, -9.0]]), [(0, 0), (0, 1)]);
        assert_eq!(advance(&mut beam, &[[-3.0, -3.0, -3.0], [-0.1, -5.0, -9.0]]), [(1, 0), (0, 0)]);
        assert!(advance(&mut beam, &[[-9.0, -9.0, -0.1], [-9.0, -9.0, -0.1]]).is_empty());
        let best = beam.finish().into_iter().next().unwrap();
        assert_eq!(best.tokens, [1, 0]);
        assert!((best.sum - (-1.1 - 0.1 - 0.1)).abs() < 1e-6);
    }

    #[test]
    fn texts_that_do_not_end_are_taken_when_there_are_too_few() {
        let mut beam = Beam::new(&SEARCH, 2);
        advance(&mut beam, &[[-1.0, -2.0, -0.5]]);
        let texts = beam.finish();
        assert_eq!(texts.iter().map(|text| text.tokens.clone()).collect::<Vec<_>>(), [vec![], vec![0]]);
    }
}
