//! The distribution of drafted texts, and models whose layers keep a state.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_nn::Module;

use super::{Drafts, Speculation};
use crate::cache::{KvCache, LayerCache};
use crate::generate::{Start, TokenStream};
use crate::sampling::{Xtc, logprobs};
use crate::{Decoder, Error, GenerateOptions, Model, Penalty, Processors, Sampler};

const VOCABULARY: usize = 4;
const DRAWS: usize = 20_000;
/// The tokens before one that its odds depend on.
const CONTEXT: usize = 2;
const PROMPT: [u32; 7] = [0, 1, 2, 3, 1, 0, 1];

/// Scores that depend on the last token alone.
#[derive(Module)]
struct Chain {
    scores: Array,
}

impl Chain {
    fn new(seed: u64) -> Self {
        let scores =
            random::normal([VOCABULARY as i32; 2], Dtype::Float32, &Key::new(seed).unwrap()).unwrap();
        Self { scores: (scores * 1.5).unwrap() }
    }
}

impl Decoder for Chain {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.scores.take(tokens, 0)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        Ok(states.clone())
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        for layer in cache.layers() {
            layer.state_mut()?.advance(hidden.dim(1)?);
        }
        Ok(hidden)
    }

    fn cache(&self) -> KvCache {
        KvCache::new([LayerCache::state(0)])
    }
}

/// Scores that fade: those of all tokens before count, each half as much as the next.
#[derive(Module)]
struct Fading {
    scores: Array,
}

impl Decoder for Fading {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.scores.take(tokens, 0)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        Ok(states.clone())
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        let mut all = Vec::new();
        for layer in cache.layers() {
            let memory = layer.state_mut()?;
            for place in 0..hidden.dim(1)? {
                let new = hidden.index((.., place..place + 1))?;
                let state = match memory.get(0) {
                    Some(state) => (state * 0.5)? + new,
                    None => Ok(new),
                }?;
                memory.set(0, state.clone())?;
                memory.advance(1);
                all.push(state);
            }
        }
        concatenate(&all, 1)
    }

    fn cache(&self) -> KvCache {
        KvCache::new([LayerCache::state(1)])
    }
}

fn chain(seed: u64) -> Model {
    Model::of(Chain::new(seed), VOCABULARY)
}

/// Models whose tokens never stand still for long.
fn fading(seed: u64) -> Model {
    let scores = random::normal([40, 40], Dtype::Float32, &Key::new(seed).unwrap()).unwrap();
    Model::of(Fading { scores }, 40)
}

/// The texts of [`CONTEXT`] tokens and one more, and how often each stands in a text written with drafts.
fn counts(speculation: Speculation, sampler: &Sampler, processors: &Processors) -> (Vec<f64>, Drafts) {
    let (target, draft) = (chain(1), chain(2));
    let options = GenerateOptions {
        max_tokens: DRAWS,
        sampler: sampler.clone().seed(11),
        processors: processors.clone(),
        speculation: Some(speculation),
        ..GenerateOptions::default()
    };
    let mut stream = TokenStream::new(&target, Some(&draft), start(&target, &options), &options).unwrap();
    let mut text = PROMPT.to_vec();
    text.extend(stream.by_ref().map(|token| token.unwrap().id));
    let mut counts = vec![0.0; VOCABULARY.pow(CONTEXT as u32 + 1)];
    for words in text[PROMPT.len() - CONTEXT..].windows(CONTEXT + 1) {
        counts[words.iter().fold(0, |place, &token| place * VOCABULARY + token as usize)] += 1.0;
    }
    (counts, stream.drafts())
}

/// The odds of a token after each text of [`CONTEXT`] tokens, by samplers of which each has its part of the cases.
fn odds(samplers: &[(f64, Sampler)], processors: &Processors) -> Vec<f64> {
    let target = Chain::new(1);
    let digit = |number: usize, place: usize| (number / VOCABULARY.pow(place as u32) % VOCABULARY) as u32;
    let mut all = Vec::new();
    for context in 0..VOCABULARY.pow(CONTEXT as u32) {
        let context: Vec<_> = (0..CONTEXT).rev().map(|place| digit(context, place)).collect();
        let scores = target.scores.index(context[CONTEXT - 1] as i32).unwrap().reshape([1, -1]).unwrap();
        let processing = processors.start(&context, VOCABULARY).unwrap();
        let logprobs = logprobs(&processing.process(&scores).unwrap()).unwrap();
        let mut odds = vec![0.0; VOCABULARY];
        for (part, sampler) in samplers {
            let one = sampler.start(VOCABULARY).unwrap().distribution(&logprobs).unwrap().exp().unwrap();
            let one = one.to_vec::<f32>().unwrap();
            odds.iter_mut().zip(one).for_each(|(sum, odds)| *sum += part * f64::from(odds));
        }
        all.extend(odds);
    }
    all
}

/// Pearson's statistic of rows of counts, each with its odds, less the value that it exceeds once in a thousand
/// (Wilson and Hilferty). What cannot be must not be.
fn excess(counts: &[f64], odds: &[f64], row: usize) -> f64 {
    let (mut statistic, mut freedom) = (0.0, 0.0);
    for (counts, odds) in counts.chunks(row).zip(odds.chunks(row)) {
        let total: f64 = counts.iter().sum();
        let cells: Vec<_> = counts.iter().zip(odds).map(|(&count, odds)| (count, odds * total)).collect();
        assert!(cells.iter().all(|&(count, expected)| expected > 0.0 || count == 0.0), "{cells:?}");
        let (rare, common): (Vec<_>, Vec<_>) = cells.into_iter().partition(|&(_, expected)| expected < 5.0);
        let rare = rare.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
        let cells = common.into_iter().chain([rare].into_iter().filter(|&(_, expected)| expected >= 5.0));
        let cells: Vec<_> = cells.collect();
        freedom += (cells.len() as f64 - 1.0).max(0.0);
        statistic += cells.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum::<f64>();
    }
    let part = 2.0 / (9.0 * freedom);
    statistic - freedom * (1.0 - part + 3.09 * part.sqrt()).powi(3)
}

fn assert_drawn_as_plainly(samplers: &[(f64, Sampler)], sampler: &Sampler, processors: &Processors) {
    let odds = odds(samplers, processors);
    for speculation in
        [Speculation::Draft { tokens: 3 }, Speculation::PromptLookup { max_ngram: 2, tokens: 3 }]
    {
        let (counts, drafts) = counts(speculation, sampler, processors);
        assert_eq!(counts.iter().sum::<f64>(), DRAWS as f64);
        assert!((0.1..0.9).contains(&drafts.acceptance()), "{drafts}");
        let excess = excess(&counts, &odds, VOCABULARY);
        assert!(excess < 0.0, "{speculation:?} with {sampler:?} and {processors:?}: {excess}, {drafts}");
    }
}

fn warm() -> Sampler {
    Sampler::default().temperature(1.2)
}

fn start(model: &Model, options: &GenerateOptions) -> Start<'static> {
    Start::new(model, &PROMPT, options).unwrap()
}

#[test]
fn drafts_leave_the_distribution_under_top_p_as_it_is() {
    let sampler = warm().top_p(0.92);
    assert_drawn_as_plainly(&[(1.0, sampler.clone())], &sampler, &Processors::default());
}

#[test]
fn drafts_leave_the_distribution_under_min_p_and_penalties_as_it_is() {
    let sampler = Sampler::default().temperature(0.8).min_p(0.05);
    let penalty = |amount| Penalty { amount, context_size: CONTEXT };
    let processors = Processors {
        repetition_penalty: penalty(1.4),
        frequency_penalty: penalty(0.6),
        ..Processors::default()
    };
    assert_drawn_as_plainly(&[(1.0, sampler.clone())], &sampler, &processors);
}

#[test]
fn drafts_leave_the_distribution_under_xtc_as_it_is() {
    let sampler = |probability| warm().xtc(Xtc { probability, threshold: 0.2, ..Xtc::default() });
    let samplers = [(0.4, sampler(1.0)), (0.6, sampler(0.0))];
    assert_drawn_as_plainly(&samplers, &sampler(0.4), &Processors::default());
}

#[test]
fn a_distribution_is_what_is_drawn_from() {
    let scores = random::normal([1, 64], Dtype::Float32, &Key::new(3).unwrap()).unwrap();
    let logprobs = logprobs(&scores).unwrap();
    for sampler in [warm().top_p(0.9), warm().min_p(0.1).top_k(20), warm().filter(|x| x + x)] {
        let mut draws = sampler.start(64).unwrap();
        let rows = logprobs.broadcast_to([DRAWS as i32, 64]).unwrap();
        let mut counts = vec![0.0; 64];
        for token in draws.draw(&rows).unwrap().to_vec::<u32>().unwrap() {
            counts[token as usize] += 1.0;
        }
        let odds = draws.distribution(&logprobs).unwrap().exp().unwrap().to_vec::<f32>().unwrap();
        let odds: Vec<_> = odds.into_iter().map(f64::from).collect();
        assert!((odds.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let excess = excess(&counts, &odds, 64);
        assert!(excess < 0.0, "{sampler:?}: {excess}");
    }
    let greedy = Sampler::greedy().start(64).unwrap().distribution(&logprobs).unwrap().exp().unwrap();
    assert_eq!(greedy.sum(..).unwrap().item::<f32>().unwrap(), 1.0);
    let best = logprobs.argmax(..).unwrap().item::<u32>().unwrap();
    assert_eq!(greedy.argmax(..).unwrap().item::<u32>().unwrap(), best);
}

#[test]
fn models_with_a_state_draft_and_judge() {
    let (target, other) = (fading(1), fading(2));
    let write = |draft, speculation| {
        let options = GenerateOptions { max_tokens: 60, speculation, ..GenerateOptions::default() };
        let mut stream = TokenStream::new(&target, draft, start(&target, &options), &options).unwrap();
        let ids: Vec<_> = stream.by_ref().map(|token| token.unwrap().id).collect();
        (ids, stream.drafts())
    };
    let (plain, _) = write(None, None);
    let drafting = Some(Speculation::Draft { tokens: 3 });
    let (own, drafts) = write(Some(&target), drafting);
    assert_eq!((own, drafts.acceptance()), (plain.clone(), 1.0));
    let (others, drafts) = write(Some(&other), drafting);
    assert!(others == plain && drafts.acceptance() < 0.5, "{drafts}");
    let (lookup, drafts) = write(None, Some(Speculation::PromptLookup { max_ngram: 1, tokens: 4 }));
    assert!(lookup == plain && (0.01..0.99).contains(&drafts.acceptance()), "{drafts}");
}

#[test]
fn scores_that_are_no_numbers_end_a_drafted_text_with_an_error() {
    let mut scores = Chain::new(1).scores.to_vec::<f32>().unwrap();
    scores[VOCABULARY..2 * VOCABULARY].fill(f32::NAN);
    let scores = Array::from_slice(&scores, [VOCABULARY as i32; 2]).unwrap();
    let (target, draft) = (Model::of(Chain { scores }, VOCABULARY), chain(1));
    for sampler in [Sampler::greedy(), warm()] {
        let speculation = Some(Speculation::Draft { tokens: 3 });
        let options =
            GenerateOptions { max_tokens: 500, sampler: sampler.seed(1), speculation, ..Default::default() };
        let stream = TokenStream::new(&target, Some(&draft), start(&target, &options), &options).unwrap();
        let results: Vec<_> = stream.collect();
        assert!(matches!(results.as_slice(), [Err(Error::Scores { .. })]), "{results:?}");
    }
}
