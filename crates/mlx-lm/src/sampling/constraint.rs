//! Texts that must have a form: which tokens may come next, as the host decides.

use std::fmt;
use std::sync::Arc;

use mlx_core::{Array, Dtype, Result as MlxResult};

use super::after::After;
use crate::Result;

/// What texts must be: it makes a [`Constraint`] for each.
///
/// This grammar allows two even tokens and no more:
///
/// ```
/// use mlx_lm::sampling::{Allowed, Constraint, Grammar, TokenSet};
///
/// struct TwoEven(usize);
///
/// impl Constraint for TwoEven {
///     fn allowed(&mut self) -> mlx_lm::Result<Allowed> {
///         Ok(if self.0 == 2 { Allowed::End } else { Allowed::Only((0..100).step_by(2).collect()) })
///     }
///
///     fn accept(&mut self, _: u32) -> mlx_lm::Result<()> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
///
/// let grammar = Grammar::new(|| Ok(Box::new(TwoEven(0))));
/// let options = mlx_lm::GenerateOptions { grammar: Some(grammar), ..Default::default() };
/// ```
#[derive(Clone)]
pub struct Grammar(Arc<GrammarFn>);

type GrammarFn = dyn Fn() -> Result<Box<dyn Constraint>> + Send + Sync;

/// The state of one text that must have a form.
pub trait Constraint {
    /// Which tokens may come next. It is called while the device computes their scores.
    ///
    /// # Errors
    /// The text cannot go on, which ends it with this error.
    fn allowed(&mut self) -> Result<Allowed>;

    /// Takes up the token that was chosen.
    ///
    /// # Errors
    /// The text cannot go on, which ends it with this error.
    fn accept(&mut self, token: u32) -> Result<()>;
}

/// Which tokens may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All of them.
    Any,
    /// These.
    Only(TokenSet),
    /// None: the text is complete.
    End,
}

impl Grammar {
    /// The grammar of the constraints that `start` makes, one for each text.
    pub fn new(start: impl Fn() -> Result<Box<dyn Constraint>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(start))
    }

    /// The grammar of texts that are free until they hold `tokens`, such as the end of a reasoning section, and are
    /// of this one from there on.
    #[must_use]
    pub fn after(self, tokens: Vec<u32>) -> Self {
        Self::new(move || Ok(Box::new(After::start(tokens.clone(), &self)?)))
    }

    /// The constraint of a new text.
    pub fn start(&self) -> Result<Box<dyn Constraint>> {
        (self.0)()
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grammar")
    }
}

/// A set of tokens, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSet {
    words: Vec<u32>,
}

impl TokenSet {
    /// The set whose bits are those of `words`: token `32 * n + b` is bit `b`, counted from the lowest, of `words[n]`.
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// Adds a token.
    pub fn insert(&mut self, token: u32) {
        let (word, bit) = (token as usize / 32, token % 32);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether a token is in the set.
    pub fn contains(&self, token: u32) -> bool {
        self.words.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
    }

    /// Whether no token below `vocab_size` is in the set.
    pub(super) fn is_empty_below(&self, vocab_size: usize) -> bool {
        let (whole, rest) = (vocab_size / 32, vocab_size % 32);
        let below = (1_u32 << rest) - 1;
        self.words.iter().take(whole).all(|&word| word == 0)
            && self.words.get(whole).is_none_or(|word| word & below == 0)
    }

    /// Truth values `[vocab_size]`, made on the device from the bits.
    pub fn mask(&self, vocab_size: usize) -> MlxResult<Array> {
        let mut words = self.words.clone();
        words.resize(vocab_size.div_ceil(32), 0);
        let [rows, length] = [words.len(), vocab_size].map(|n| i32::try_from(n).unwrap_or(i32::MAX));
        let words = Array::from_slice(&words, [rows, 1])?;
        let bits = Array::arange(0..32)?.astype(Dtype::Uint32)?;
        let bits = ((words >> bits)? & 1)?;
        bits.reshape([-1])?.index(..length)?.astype(Dtype::Bool)
    }
}

impl FromIterator<u32> for TokenSet {
    fn from_iter<I: IntoIterator<Item = u32>>(tokens: I) -> Self {
        let mut set = Self::default();
        tokens.into_iter().for_each(|token| set.insert(token));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_true_where_the_set_has_a_token() {
        let tokens = [0, 31, 32, 63, 64, 99];
        let set: TokenSet = tokens.into_iter().collect();
        for vocab_size in [1, 31, 32, 33, 64, 65, 100, 200] {
            let mask = set.mask(vocab_size).unwrap().to_vec::<bool>().unwrap();
            let expected: Vec<_> = (0..vocab_size as u32).map(|token| tokens.contains(&token)).collect();
            assert_eq!(mask, expected, "{vocab_size}");
            assert!((0..200).all(|token| set.contains(token) == tokens.contains(&token)));
        }
    }

    #[test]
    fn a_set_of_tokens_beyond_the_vocabulary_is_empty_below_it() {
        let set = TokenSet::from_words(vec![0, 1 << 3]);
        assert!(set.contains(35) && set.is_empty_below(35) && !set.is_empty_below(36));
        assert!(TokenSet::default().is_empty_below(64));
        assert!(!TokenSet::from_words(vec![0, 1]).is_empty_below(64));
    }
}
