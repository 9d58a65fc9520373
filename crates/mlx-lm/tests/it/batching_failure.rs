//! A text of a batch that fails fails alone.

use std::sync::Arc;

use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
use mlx_core::{Array, Error, Result as MlxResult, select};
use mlx_lm::cache::KvCache;
use mlx_lm::sampling::{Allowed, Constraint, Grammar, History, Processor};
use mlx_lm::{
    BatchGenerator, BatchOptions, Decoder, GenerateOptions, LanguageModel, Model, Processors, Result, Sampler,
};
use mlx_nn::{Module, Path, Visit, VisitMut};

use crate::bad_input::letters;
use crate::batch::load;
use crate::batching::{Record, Text, Told, alone, language, record};

/// A seed of its own for each number, so that texts differ.
fn options(number: u64) -> GenerateOptions {
    let sampler = Sampler::default().temperature(1.0).seed(number);
    GenerateOptions { max_tokens: 12, sampler, prefill_step: 4, ..GenerateOptions::default() }
}

fn texts() -> Vec<Text> {
    let text = |number: u32| Text {
        prompt: (0..3 + 4 * (number % 3)).map(|at| (at * 5 + number) % 20).collect(),
        options: options(number.into()),
    };
    (0..5).map(text).collect()
}

fn run(model: &Model, texts: &[Text]) -> Vec<Told> {
    let mut batch = BatchGenerator::new(model, BatchOptions::default()).unwrap();
    let ids: Vec<_> =
        texts.iter().map(|text| batch.insert(&text.prompt, text.options.clone()).unwrap()).collect();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    assert!(batch.is_idle());
    ids.iter().map(|id| told.remove(id).unwrap()).collect()
}

/// Gives text 2 these options, which let it fail after so many tokens.
fn check(failing: GenerateOptions, tokens: usize, message: &str) {
    let model = language("llama-untied");
    let mut texts = texts();
    let expected: Vec<_> = texts.iter().map(|text| alone(&model, text)).collect();
    texts[2].options = failing;
    for (number, (told, expected)) in run(model.model(), &texts).into_iter().zip(expected).enumerate() {
        if number != 2 {
            assert_eq!(told, expected, "text {number}");
            continue;
        }
        assert_eq!(told.tokens, expected.tokens[..tokens], "{message}");
        let failure = told.end.unwrap().unwrap_err();
        assert!(failure.contains(message), "{failure}");
        assert_eq!(alone(&model, &texts[2]).end, Some(Err(failure)));
    }
}

fn processed(
    process: impl Fn(&History, &Array) -> MlxResult<Array> + Send + Sync + 'static,
) -> GenerateOptions {
    let custom = vec![Processor::new(process)];
    GenerateOptions { processors: Processors { custom, ..Processors::default() }, ..options(2) }
}

#[test]
fn a_processor_that_fails_ends_its_text() {
    let failing = processed(|history, scores| {
        if history.new_tokens() == 3 { Err(Error::custom("mine", "no more")) } else { Ok(scores.clone()) }
    });
    check(failing, 3, "no more");
}

#[test]
fn a_processor_that_changes_the_shape_ends_its_text() {
    let failing =
        processed(
            |history, scores| {
                if history.new_tokens() == 2 { scores.index((.., ..9)) } else { Ok(scores.clone()) }
            },
        );
    check(failing, 2, "must keep the shape");
}

#[test]
fn scores_that_are_not_numbers_end_their_text() {
    let not = |what: f32| {
        processed(
            move |history, scores| {
                if history.new_tokens() == 4 { scores + what } else { Ok(scores.clone()) }
            },
        )
    };
    check(not(f32::NAN), 4, "the best score of the next token is NaN");
    check(not(f32::NEG_INFINITY), 4, "the best score of the next token is -inf");
}

#[test]
fn a_filter_that_fails_ends_its_text() {
    let filtered = |filter: fn(&Array) -> MlxResult<Array>| GenerateOptions {
        sampler: options(2).sampler.filter(filter),
        ..options(2)
    };
    check(filtered(|_| Err(Error::custom("mine", "unlikely"))), 0, "unlikely");
    check(filtered(|logprobs| mlx_core::concatenate([logprobs, logprobs], -1)), 0, "must keep the shape");
}

/// Allows all, and fails at some token.
struct Failing {
    accepts: usize,
    allows: usize,
}

impl Constraint for Failing {
    fn allowed(&mut self) -> Result<Allowed> {
        self.allows = self.allows.checked_sub(1).ok_or(mlx_lm::Error::Constraint("allows nothing".into()))?;
        Ok(Allowed::Any)
    }

    fn accept(&mut self, _: u32) -> Result<()> {
        self.accepts =
            self.accepts.checked_sub(1).ok_or(mlx_lm::Error::Constraint("accepts nothing".into()))?;
        Ok(())
    }
}

#[test]
fn a_constraint_that_fails_ends_its_text() {
    let failing = |accepts, allows| GenerateOptions {
        grammar: Some(Grammar::new(move || Ok(Box::new(Failing { accepts, allows })))),
        ..options(2)
    };
    check(failing(9, 3), 3, "allows nothing");
    check(failing(2, 9), 2, "accepts nothing");
}

/// What a decoder does when a certain token is among those that it runs.
#[derive(Clone, Copy, PartialEq)]
enum Poison {
    /// Its pass fails.
    Fails,
    /// Its pass is built, and cannot be computed.
    CannotBeComputed,
    /// The scores of the text are not numbers.
    IsNotANumber,
}

/// A decoder with a token that it cannot take.
struct Allergic {
    model: Model,
    token: u32,
    poison: Poison,
}

impl Module for Allergic {
    fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn Visit<'a>) {}

    fn visit_mut(&mut self, _: &mut Path, _: &mut dyn VisitMut) {}
}

impl Decoder for Allergic {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        let hidden = self.model.decoder().embed(tokens)?;
        let found =
            || tokens.equal(self.token)?.astype(mlx_core::Dtype::Float32)?.max(mlx_core::keep([0, 1]));
        match self.poison {
            Poison::Fails if tokens.to_vec::<u32>()?.contains(&self.token) => {
                Err(Error::custom("embed", "the token is poison"))
            }
            Poison::Fails => Ok(hidden),
            Poison::CannotBeComputed => {
                let trap = kernel::apply(&Arc::new(Trap), [&found()?])?;
                trap.first().map_or_else(|| Ok(hidden.clone()), |zero| &hidden + zero.expand_dims(-1)?)
            }
            Poison::IsNotANumber => {
                select(&tokens.not_equal(self.token)?.expand_dims(-1)?, &hidden, f32::NAN)
            }
        }
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.model.decoder().states(hidden, cache)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        self.model.decoder().scores(states)
    }

    fn cache(&self) -> KvCache {
        self.model.cache()
    }
}

/// Gives zeros, and an error for anything else.
struct Trap;

impl Primitive for Trap {
    const NAME: &'static str = "Trap";

    fn outputs(&self, inputs: &[&Array]) -> MlxResult<Vec<Spec>> {
        Ok(inputs.iter().map(|x| Spec::like(x)).collect())
    }

    fn run(&self, inputs: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
        for input in inputs {
            if input.values::<f32>()?.iter().any(|&found| found != 0.0) {
                return Err("the token is poison".into());
            }
        }
        Ok(())
    }

    fn fallback(&self, inputs: &[Array]) -> MlxResult<Vec<Array>> {
        Ok(inputs.to_vec())
    }
}

fn allergic(token: u32, poison: Poison) -> LanguageModel {
    let model = load("llama-untied");
    let vocab_size = model.vocab_size();
    LanguageModel::new(Model::of(Allergic { model, token, poison }, vocab_size), letters())
}

#[test]
fn a_pass_that_fails_ends_only_the_texts_that_fail_alone() {
    let healthy = language("llama-untied");
    let texts = texts();
    let expected: Vec<_> = texts.iter().map(|text| alone(&healthy, text)).collect();
    for poison in [Poison::Fails, Poison::CannotBeComputed, Poison::IsNotANumber] {
        // Tokens that come in different texts at different places, and in a prompt.
        let tokens: Vec<_> =
            [(0, 2), (1, 5), (3, 8)].iter().map(|&(text, at)| expected[text].tokens[at]).collect();
        for token in tokens.into_iter().chain([texts[2].prompt[2]]) {
            let model = allergic(token, poison);
            let told = run(model.model(), &texts);
            let mut failed = 0;
            for ((text, told), expected) in texts.iter().zip(told).zip(&expected) {
                let (_, before) = text.prompt.split_last().unwrap();
                if before.contains(&token) {
                    assert!(told.tokens.is_empty());
                } else if let Some(place) = expected.tokens.iter().position(|&new| new == token) {
                    let known = &expected.tokens[..(place + 1).min(told.tokens.len())];
                    assert_eq!(told.tokens, known);
                    assert!(told.tokens.len() >= place);
                    if place + 1 == expected.tokens.len() {
                        assert_eq!(&told, expected);
                        continue;
                    }
                } else if text.prompt.last() != Some(&token) {
                    assert_eq!(&told, expected, "token {token}");
                    continue;
                }
                assert!(told.end.unwrap().is_err(), "token {token}");
                failed += 1;
            }
            assert!((1..5).contains(&failed), "{failed} of 5 texts had token {token}");
        }
    }
}

#[test]
fn a_text_alone_ends_where_its_scores_are_not_numbers() {
    let model = allergic(7, Poison::IsNotANumber);
    let told = alone(&model, &Text { prompt: vec![1, 7], options: options(0) });
    assert!(told.tokens.is_empty() && told.end.unwrap().unwrap_err().contains("NaN"));
}
