//! Texts that follow the likeliest token, or one that is drawn.

use super::{Next, Search, Text};
use crate::whisper::numbers::{largest, log_sum_exp};

/// Texts that go on by one token each.
pub(super) struct Sample {
    texts: Vec<Text>,
    ended: Vec<bool>,
    temperature: f32,
    end: u32,
    count: usize,
    random: fastrand::Rng,
}

impl Sample {
    pub(super) fn new(search: &Search, end: u32, window: u64) -> Self {
        let count = if search.temperature > 0.0 { search.best_of.max(1) } else { 1 };
        Self {
            texts: vec![Text::default()],
            ended: vec![false],
            temperature: search.temperature,
            end,
            count,
            random: fastrand::Rng::with_seed(search.seed.wrapping_add(window)),
        }
    }

    pub(super) fn texts(&self) -> &[Text] {
        &self.texts
    }

    pub(super) fn advance(&mut self, rows: &[&mut [f32]]) -> Next {
        // All begin with the same row.
        let parents: Vec<usize> =
            if self.texts.len() < self.count { vec![0; self.count] } else { (0..self.count).collect() };
        self.texts = parents.iter().filter_map(|&parent| self.texts.get(parent).cloned()).collect();
        self.ended.resize(self.count, false);
        let mut next = Next::with_capacity(self.count);
        for ((text, ended), parent) in self.texts.iter_mut().zip(&mut self.ended).zip(parents) {
            let Some(row) = rows.get(parent) else { continue };
            let token = if *ended { self.end } else { draw(row, self.temperature, &mut self.random) };
            if !*ended {
                text.sum += row.get(token as usize).copied().unwrap_or_default();
                *ended = token == self.end;
                if !*ended {
                    text.tokens.push(token);
                }
            }
            next.push((parent, token));
        }
        if self.ended.iter().all(|&ended| ended) { Next::new() } else { next }
    }

    pub(super) fn finish(self) -> Vec<Text> {
        self.texts
    }
}

/// The place of a score: the largest, or drawn with the probabilities of the scores divided by `temperature`.
fn draw(scores: &[f32], temperature: f32, random: &mut fastrand::Rng) -> u32 {
    let place = if temperature == 0.0 {
        largest(scores)
    } else {
        let scaled: Vec<_> = scores.iter().map(|score| score / temperature).collect();
        let sum = log_sum_exp(&scaled);
        let mut left = random.f32();
        let past = scaled.iter().position(|score| {
            left -= (score - sum).exp();
            left < 0.0
        });
        past.unwrap_or_else(|| largest(scores))
    };
    place as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        let scores = [0.5_f32.ln(), f32::NEG_INFINITY, 0.25_f32.ln(), 0.25_f32.ln()];
        let count = |temperature: f32| {
            let mut random = fastrand::Rng::with_seed(1);
            let mut drawn = [0; 4];
            (0..10_000).for_each(|_| drawn[draw(&scores, temperature, &mut random) as usize] += 1);
            drawn
        };
        assert_eq!(count(0.0), [10_000, 0, 0, 0]);
        let [first, forbidden, second, third] = count(1.0);
        assert!((4800..5200).contains(&first) && (2350..2650).contains(&second), "{first} {second} {third}");
        assert_eq!(forbidden, 0);
        // Squares of the probabilities.
        assert!((6400..6930).contains(&count(0.5)[0]));
    }
}
