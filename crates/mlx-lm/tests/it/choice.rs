//! Sampling within generation: tokens, log-probabilities and constraints of a tiny model.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlx_lm::sampling::{Allowed, Constraint, Grammar, TokenSet};
use mlx_lm::{Error, FinishReason, GenerateOptions, Result, Sampler};

use crate::bad_input::speller_of;
use crate::sampling::{assert_near, expected, name, of_kind, processors, sampler};

#[test]
fn generated_tokens_and_their_log_probabilities_are_those_of_python() {
    let (golden, model) = (expected(), speller_of("llama-untied"));
    for case in of_kind("generation") {
        let name = name(&case, "name");
        let tokens = golden.i32(&format!("generated/{name}"));
        let options = GenerateOptions {
            max_tokens: tokens.len(),
            sampler: sampler(&case),
            processors: processors(&case),
            logprobs: Some(3),
            prefill_step: 3,
            ..GenerateOptions::default()
        };
        let prompt = [3, 1, 4, 1, 5, 9, 2, 6];
        let generated: Vec<_> =
            model.generate_tokens(&prompt, options).unwrap().map(Result::unwrap).collect();
        assert_eq!(generated.iter().map(|token| token.id as i32).collect::<Vec<_>>(), tokens, "{name}");
        let logprobs: Vec<_> = generated.iter().map(|token| token.logprobs.clone().unwrap()).collect();
        let chosen: Vec<_> = logprobs.iter().map(|logprobs| logprobs.chosen).collect();
        assert_near(&chosen, &golden.f32(&format!("chosen/{name}")), name);
        let best: Vec<_> =
            logprobs.iter().flat_map(|logprobs| logprobs.top.iter().map(|&(id, _)| id as i32)).collect();
        assert_eq!(best, golden.i32(&format!("best/{name}")), "{name}");
        let likely = |(token, logprobs): (u32, &mlx_lm::Logprobs)| {
            logprobs.top.iter().all(|&(id, value)| id != token || value == logprobs.chosen)
        };
        assert!(generated.iter().map(|token| token.id).zip(&logprobs).all(likely));
    }
}

#[test]
fn log_probabilities_come_only_when_asked_for() {
    let model = speller_of("llama-untied");
    let pieces = |logprobs| {
        let options = GenerateOptions { max_tokens: 3, logprobs, ..GenerateOptions::default() };
        model.generate(&[1, 2], options).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert!(pieces(None).iter().all(|piece| piece.logprobs.is_none()));
    for (count, pieces) in [(0, pieces(Some(0))), (5, pieces(Some(5)))] {
        for piece in pieces {
            let (token, logprobs) = (piece.token, piece.logprobs);
            assert_eq!(token.is_some(), logprobs.is_some());
            let Some((token, logprobs)) = token.zip(logprobs) else { continue };
            assert_eq!(logprobs.top.len(), count);
            assert!(logprobs.top.is_sorted_by(|(_, a), (_, b)| a >= b));
            assert!(logprobs.top.first().is_none_or(|&best| best == (token, logprobs.chosen)));
        }
    }
}

#[test]
fn more_log_probabilities_than_tokens_are_refused() {
    let options = GenerateOptions { logprobs: Some(1000), ..GenerateOptions::default() };
    let message = speller_of("llama-untied").generate(&[1], options).err().unwrap().to_string();
    assert!(message.starts_with("logprobs is 1000: must be at most the vocabulary of "), "{message}");
}

/// Tokens that are 3 apart, and then nothing or an error.
struct Counting {
    next: u32,
    last: u32,
    accepted: Arc<AtomicUsize>,
    fails: bool,
}

impl Constraint for Counting {
    fn allowed(&mut self) -> Result<Allowed> {
        if self.next <= self.last {
            return Ok(Allowed::Only(TokenSet::from_iter([self.next])));
        }
        if self.fails { Ok(Allowed::Only(TokenSet::default())) } else { Ok(Allowed::End) }
    }

    fn accept(&mut self, token: u32) -> Result<()> {
        assert_eq!(token, self.next);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.next += 3;
        Ok(())
    }
}

pub(crate) fn counting(last: u32, fails: bool, accepted: &Arc<AtomicUsize>) -> GenerateOptions {
    let accepted = Arc::clone(accepted);
    let start = move || {
        Ok(Box::new(Counting { next: 1, last, accepted: Arc::clone(&accepted), fails })
            as Box<dyn Constraint>)
    };
    GenerateOptions {
        sampler: Sampler::default().temperature(1.0).seed(3),
        grammar: Some(Grammar::new(start)),
        logprobs: Some(4),
        ..GenerateOptions::default()
    }
}

#[test]
fn a_constraint_decides_every_token_and_the_end() {
    let (model, accepted) = (speller_of("llama-untied"), Arc::default());
    let pieces: Vec<_> =
        model.generate(&[2, 2], counting(13, false, &accepted)).unwrap().map(Result::unwrap).collect();
    let tokens: Vec<_> = pieces.iter().filter_map(|piece| piece.token).collect();
    assert_eq!(tokens, [1, 4, 7, 10, 13]);
    assert_eq!(accepted.load(Ordering::Relaxed), 5);
    assert_eq!(pieces.last().unwrap().finish, Some(FinishReason::Stop));
    let certain = |logprobs: &mlx_lm::Logprobs| logprobs.chosen == 0.0 && logprobs.top.len() == 1;
    assert!(pieces.iter().filter_map(|piece| piece.logprobs.as_ref()).all(certain));
}

#[test]
fn a_constraint_that_allows_no_token_is_an_error_and_ends_the_text() {
    let (model, accepted) = (speller_of("llama-untied"), Arc::default());
    let results: Vec<_> = model.generate(&[2], counting(4, true, &accepted)).unwrap().collect();
    assert!(matches!(results.last(), Some(Err(Error::Constraint(_)))), "{results:?}");
    assert_eq!(results.iter().flatten().filter_map(|piece| piece.token).collect::<Vec<_>>(), [1, 4]);
}
