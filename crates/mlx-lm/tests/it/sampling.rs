//! Samplers, processors, log-probabilities and constraints against mlx-lm's, and by their properties.

use std::path::{Path, PathBuf};

use mlx_core::random::{self, Key};
use mlx_core::{Array, Device, Dtype, select};
use mlx_lm::sampling::{Draws, Xtc, draw_batch, logprobs};
use mlx_lm::{Penalty, Processors, Sampler};
use mlx_testkit::{Golden, Tolerance, cases};
use serde_json::Value;

/// Log-probabilities of float32, computed by another build.
const CLOSE: f32 = 1e-6;

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn of_kind(kind: &str) -> Vec<Value> {
    cases(golden("sampling.json")).into_iter().filter(|case| case["kind"] == kind).collect()
}

pub(crate) fn expected() -> Golden {
    Golden::open(golden("sampling.safetensors"))
}

pub(crate) fn name<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

fn number(case: &Value, key: &str, default: f64) -> f64 {
    case.get(key).map_or(default, |value| value.as_f64().unwrap())
}

fn size(case: &Value, key: &str, default: usize) -> usize {
    case.get(key).map_or(default, |value| usize::try_from(value.as_u64().unwrap()).unwrap())
}

fn ids(case: &Value, key: &str) -> Vec<u32> {
    let list = case.get(key).and_then(Value::as_array).into_iter().flatten();
    list.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

pub(crate) fn sampler(case: &Value) -> Sampler {
    let xtc = Xtc {
        probability: number(case, "xtc_probability", 0.0),
        threshold: number(case, "xtc_threshold", 0.1),
        special_tokens: ids(case, "xtc_special_tokens"),
    };
    Sampler::default()
        .temperature(number(case, "temp", 1.0))
        .top_p(number(case, "top_p", 0.0))
        .min_p(number(case, "min_p", 0.0))
        .min_tokens_to_keep(size(case, "min_tokens_to_keep", 1))
        .xtc(xtc)
        .top_k(size(case, "top_k", 0))
        .seed(case["seed"].as_u64().unwrap())
}

pub(crate) fn processors(case: &Value) -> Processors {
    let penalty = |name: &str| Penalty {
        amount: number(case, &format!("{name}_penalty"), 0.0),
        context_size: size(case, &format!("{name}_context_size"), 20),
    };
    let bias = case["logit_bias"].as_object().unwrap().iter();
    Processors {
        logit_bias: bias.map(|(id, bias)| (id.parse().unwrap(), bias.as_f64().unwrap())).collect(),
        repetition_penalty: penalty("repetition"),
        presence_penalty: penalty("presence"),
        frequency_penalty: penalty("frequency"),
        ..Processors::default()
    }
}

/// The host's numbers of row vectors, which are the same or nearly so; impossible ones in the same places.
#[track_caller]
pub(crate) fn assert_near(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let near = |a: f32, b: f32| a == b || (a - b).abs() <= CLOSE * b.abs().max(1.0);
    let same = actual.iter().zip(expected).all(|(&a, &b)| near(a, b));
    assert!(same, "{what}: {actual:?} instead of {expected:?}");
}

fn drawn(draws: &mut Draws, logprobs: &Array, count: usize) -> Vec<i32> {
    (0..count).map(|_| draws.draw(logprobs).unwrap().item::<u32>().unwrap() as i32).collect()
}

#[test]
fn filters_and_draws_over_few_tokens_are_those_of_python() {
    let compare = || {
        let golden = expected();
        for case in of_kind("sampler") {
            let (name, scores) = (name(&case, "name"), name(&case, "scores"));
            let logprobs =
                logprobs(&Array::from_slice(&golden.f32(&format!("scores/{scores}")), [1, 9]).unwrap())?;
            let start = || sampler(&case).start(9).unwrap();
            let filtered = start().filter(&logprobs)?.to_vec::<f32>()?;
            assert_near(&filtered, &golden.f32(&format!("filtered/{name}")), name);
            let tokens = golden.i32(&format!("tokens/{name}"));
            assert_eq!(drawn(&mut start(), &logprobs, tokens.len()), tokens, "{name}");
        }
        Ok(())
    };
    Device::Cpu.scope(compare).unwrap();
}

#[test]
fn filters_and_draws_over_fifty_thousand_tokens_are_those_of_python() {
    let compare = || {
        let golden = expected();
        for case in of_kind("large") {
            let name = name(&case, "name");
            let key = Key::new(case["key"].as_u64().unwrap())?;
            let normal = random::normal([1, 50_000], Dtype::Float32, &key)?;
            let logprobs = logprobs(&((normal * 24.0)?.round(0)? / 8.0)?)?;
            let start = || sampler(&case).start(50_000).unwrap();
            let filtered = start().filter(&logprobs)?;
            let removed = (logprobs.greater(f32::NEG_INFINITY)?.logical_and(filtered.not_equal(&logprobs)?))?;
            assert!(
                select(&removed, &filtered, f32::NEG_INFINITY)?.max(..)?.item::<f32>()? == f32::NEG_INFINITY
            );
            let kept = filtered.greater(f32::NEG_INFINITY)?.to_vec::<bool>()?;
            let packed: Vec<_> = kept
                .chunks(8)
                .map(|bits| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | i32::from(bit)))
                .collect();
            assert!(packed == golden.i32(&format!("kept/{name}")), "{name} keeps other tokens");
            let tokens = golden.i32(&format!("tokens/{name}"));
            assert_eq!(drawn(&mut start(), &logprobs, tokens.len()), tokens, "{name}");
        }
        Ok(())
    };
    Device::Cpu.scope(compare).unwrap();
}

#[test]
fn processed_scores_are_those_of_python_after_every_token() {
    let golden = expected();
    for case in of_kind("processor") {
        let name = name(&case, "name");
        let history: Vec<_> =
            golden.i32(&format!("history/{name}")).iter().map(|&id| u32::try_from(id).unwrap()).collect();
        let (prompt, new) = history.split_at(9);
        let mut processing = processors(&case).start(prompt, 12).unwrap();
        let mut processed = Vec::new();
        let scores = golden.f32(&format!("scores/processor/{name}"));
        for (at, row) in scores.chunks(12).enumerate() {
            let row = Array::from_slice(row, [1, 12]).unwrap();
            processed.extend(processing.process(&row).unwrap().to_vec::<f32>().unwrap());
            if let Some(&token) = new.get(at) {
                processing.push(&Array::from([token])).unwrap();
            }
        }
        golden.assert_close(&format!("processed/{name}"), &[31, 12], &processed, Tolerance::F32);
    }
}

/// Of each kind of sampler, one over [`SCORES`].
fn samplers() -> Vec<(&'static str, Sampler)> {
    let warm = || Sampler::default().temperature(1.0);
    let xtc = |probability| Xtc { probability, threshold: 0.15, special_tokens: vec![3] };
    vec![
        ("plain", warm()),
        ("temperature", warm().temperature(0.6)),
        ("top-p", warm().top_p(0.8)),
        ("min-p", warm().min_p(0.3)),
        ("top-k", warm().top_k(3)),
        ("xtc", warm().xtc(xtc(0.4))),
        ("filter", warm().filter(|logprobs| logprobs.at((.., 1)).set(f32::NEG_INFINITY))),
        ("all", warm().temperature(1.5).top_p(0.95).min_p(0.1).xtc(xtc(0.5)).top_k(4)),
    ]
}

const SCORES: [f32; 6] = [0.05, 0.4, 0.1, 0.3, 0.13, 0.02];

/// The probability of each token, by arithmetic that knows nothing of arrays.
fn exact(name: &str) -> Vec<f64> {
    let all = SCORES.map(f64::from);
    let normal = |weights: &[f64]| {
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect::<Vec<_>>()
    };
    let keep = |kept: &[usize], power: f64| {
        let weight = |(at, p): (usize, &f64)| if kept.contains(&at) { p.powf(power) } else { 0.0 };
        normal(&all.iter().enumerate().map(weight).collect::<Vec<_>>())
    };
    let mix = |often: f64, a: Vec<f64>, b: Vec<f64>| {
        a.iter().zip(&b).map(|(a, b)| often * a + (1.0 - often) * b).collect()
    };
    match name {
        "plain" => keep(&[0, 1, 2, 3, 4, 5], 1.0),
        "temperature" => keep(&[0, 1, 2, 3, 4, 5], 1.0 / 0.6),
        "top-p" => keep(&[1, 3, 4], 1.0),
        "min-p" => keep(&[1, 3, 4], 1.0),
        "top-k" => keep(&[1, 3, 4], 1.0),
        "xtc" => mix(0.4, keep(&[0, 2, 3, 4, 5], 1.0), keep(&[0, 1, 2, 3, 4, 5], 1.0)),
        "filter" => keep(&[0, 2, 3, 4, 5], 1.0),
        "all" => mix(0.5, keep(&[0, 2, 3, 4], 1.0 / 1.5), keep(&[1, 2, 3, 4], 1.0 / 1.5)),
        unknown => panic!("{unknown} is not known"),
    }
}

/// The chi-square statistic of `count` draws, and how many tokens are possible.
fn chi_square(tokens: &[u32], probabilities: &[f64]) -> (f64, usize) {
    let mut statistic = 0.0;
    for (token, &probability) in (0..).zip(probabilities) {
        let seen = tokens.iter().filter(|&&drawn| drawn == token).count() as f64;
        let expected = probability * tokens.len() as f64;
        if probability == 0.0 {
            assert_eq!(seen, 0.0, "token {token} is impossible");
        } else {
            statistic += (seen - expected).powi(2) / expected;
        }
    }
    (statistic, probabilities.iter().filter(|&&p| p > 0.0).count())
}

/// The values that chi-square exceeds once in a thousand times, for 1 to 5 degrees of freedom.
const CRITICAL: [f64; 5] = [10.828, 13.816, 16.266, 18.467, 20.515];

#[test]
fn twenty_thousand_draws_of_each_sampler_have_its_distribution() {
    let scores = Array::from_slice(&SCORES.map(f32::ln), [1, 6]).unwrap().broadcast_to([200, 6]).unwrap();
    for (name, sampler) in samplers() {
        let mut draws = sampler.seed(11).start(6).unwrap();
        let tokens: Vec<u32> =
            (0..100).flat_map(|_| draws.draw(&scores).unwrap().to_vec::<u32>().unwrap()).collect();
        let (statistic, possible) = chi_square(&tokens, &exact(name));
        println!("{name}: chi-square {statistic:.2} over {possible} tokens");
        assert!(statistic < CRITICAL[possible - 2], "{name}: {statistic} over {possible} tokens");
    }
}

#[test]
fn a_batch_draws_each_row_as_that_would_alone() {
    let key = Key::new(5).unwrap();
    let scores = logprobs(&random::normal([12, 6], Dtype::Float32, &key).unwrap()).unwrap();
    let greedy = ("greedy", Sampler::greedy());
    let all: Vec<_> = samplers().into_iter().chain([greedy]).map(|(_, sampler)| sampler).collect();
    let one = |row: usize| &all[[0, 0, 0, 7, 7, 5, 5, 8, 8, 6, 2, 7][row]];
    let start = || (0..12).map(|row| one(row).clone().seed(row as u64).start(6).unwrap());
    let (mut rows, mut alone): (Vec<_>, Vec<_>) = (start().collect(), start().collect());
    for _ in 0..20 {
        let together = draw_batch(&mut rows, &scores).unwrap().to_vec::<u32>().unwrap();
        let mut single = |row: usize| {
            let row_scores = scores.index(row as i32..row as i32 + 1).unwrap();
            alone[row].draw(&row_scores).unwrap().item::<u32>().unwrap()
        };
        assert_eq!(together, (0..12).map(&mut single).collect::<Vec<_>>());
    }
}

#[test]
fn a_seed_repeats_whatever_is_drawn_meanwhile_and_another_differs() {
    let scores = Array::zeros([1, 1000], Dtype::Float32).unwrap();
    let sequence = |seed, disturb: bool| {
        let mut draws = Sampler::default().temperature(1.0).seed(seed).start(1000).unwrap();
        let draw = |_| {
            if disturb {
                random::seed(3);
                random::key().unwrap();
            }
            draws.draw(&scores).unwrap().item::<u32>().unwrap()
        };
        (0..8).map(draw).collect::<Vec<_>>()
    };
    assert_eq!(sequence(7, false), sequence(7, true));
    assert_ne!(sequence(7, false), sequence(8, false));
}
