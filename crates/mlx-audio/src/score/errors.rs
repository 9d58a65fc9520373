//! How many words must be changed to get from one text to another.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// What differs between a text and what was heard, with as few changes as can be (Levenshtein). Those of several texts add
/// up, so that long texts count for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Words that were heard as others.
    pub substitutions: usize,
    /// Words that were not heard.
    pub deletions: usize,
    /// Words that were heard but not said.
    pub insertions: usize,
    /// Words that were said.
    pub length: usize,
}

impl Errors {
    /// The errors among words, which are what spaces divide.
    pub fn of_words(said: &str, heard: &str) -> Self {
        Self::between(
            &said.split_whitespace().collect::<Vec<_>>(),
            &heard.split_whitespace().collect::<Vec<_>>(),
        )
    }

    /// The errors among characters. Spaces are some, but for those at the ends.
    pub fn of_characters(said: &str, heard: &str) -> Self {
        let [said, heard] = [said, heard].map(|text| text.trim().chars().collect::<Vec<_>>());
        Self::between(&said, &heard)
    }

    /// The errors among any items.
    pub fn between<T: PartialEq>(said: &[T], heard: &[T]) -> Self {
        // The fewest errors of what was said so far, against all beginnings of what was heard.
        let inserted = |insertions| Self { insertions, ..Self::default() };
        let mut row: Vec<Self> = (0..=heard.len()).map(inserted).collect();
        for word in said {
            let mut cells = row.iter_mut();
            let Some(first) = cells.next() else { break };
            let (mut diagonal, mut left) = (*first, first.deleted());
            *first = left;
            for (cell, other) in cells.zip(heard) {
                let kept = if word == other { diagonal } else { diagonal.substituted() };
                let best = [kept, cell.deleted(), left.inserted()].into_iter().min_by_key(Self::count);
                diagonal = *cell;
                left = best.unwrap_or(kept);
                *cell = left;
            }
        }
        Self { length: said.len(), ..row.last().copied().unwrap_or_default() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.substitutions + self.deletions + self.insertions
    }

    /// How many there are for each word that was said. If nothing was said, their number.
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.length.max(1) as f64
    }

    fn substituted(self) -> Self {
        Self { substitutions: self.substitutions + 1, ..self }
    }

    fn deleted(self) -> Self {
        Self { deletions: self.deletions + 1, ..self }
    }

    fn inserted(self) -> Self {
        Self { insertions: self.insertions + 1, ..self }
    }
}

impl Add for Errors {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            substitutions: self.substitutions + other.substitutions,
            deletions: self.deletions + other.deletions,
            insertions: self.insertions + other.insertions,
            length: self.length + other.length,
        }
    }
}

impl AddAssign for Errors {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Errors {
    fn sum<I: Iterator<Item = Self>>(errors: I) -> Self {
        errors.fold(Self::default(), Add::add)
    }
}

/// Errors for each word that was said: 0 where all was heard, more than 1 where much was heard that was not said.
pub fn word_error_rate(said: &str, heard: &str) -> f64 {
    Errors::of_words(said, heard).rate()
}

/// Errors for each character that was said.
pub fn character_error_rate(said: &str, heard: &str) -> f64 {
    Errors::of_characters(said, heard).rate()
}
