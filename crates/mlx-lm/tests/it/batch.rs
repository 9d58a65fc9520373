//! Texts of unequal lengths in one batch against each alone.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, concatenate};
use mlx_hub::Source;
use mlx_lm::cache::{CacheOptions, KvCache, Mask};
use mlx_lm::{Loader, Model};
use mlx_testkit::{Checkpoint, relative_rms};
use serde_json::json;

use crate::golden::folders;

/// A name with `-wide` is the checkpoint with heads that are wide enough to be quantized.
pub(crate) fn load(name: &str) -> Model {
    let golden = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let load = |folder: &Path| Loader::new(Source::path(folder)).dtype(Dtype::Float32).load_model().unwrap();
    let Some(name) = name.strip_suffix("-wide") else { return load(&golden(name)) };
    let wide = Checkpoint::read(golden(name)).with_config("num_attention_heads", json!(2));
    load(wide.with_config("num_key_value_heads", json!(1)).write().path())
}

/// A text of its own for each number.
fn text(model: &Model, number: usize, length: usize) -> Vec<i32> {
    let ids = (0..length).map(|at| (at * at * 7 + at * 5 + number * 11 + 1) % model.vocab_size());
    ids.map(|id| i32::try_from(id).unwrap()).collect()
}

fn step(model: &Model, tokens: &[Vec<i32>], cache: &mut KvCache) -> Array {
    let shape = [tokens.len() as i32, tokens[0].len() as i32];
    let tokens = Array::from_slice(&tokens.concat(), shape).unwrap();
    let decoder = model.decoder();
    decoder.decode(decoder.embed(&tokens).unwrap(), cache).unwrap()
}

/// Scores of the last place of each text.
fn last(scores: &Array) -> Vec<Vec<f32>> {
    let [batch, ..] = scores.dims::<3>().unwrap();
    (0..batch).map(|row| scores.index((row, -1)).unwrap().to_vec().unwrap()).collect()
}

/// One text alone, and the cache that it leaves.
fn alone(model: &Model, cache: &KvCache, tokens: &[i32], chunk: usize) -> (Vec<f32>, KvCache) {
    let mut cache = cache.clone();
    let mut scores = Vec::new();
    for chunk in tokens.chunks(chunk) {
        scores = last(&step(model, &[chunk.to_vec()], &mut cache)).remove(0);
    }
    (scores, cache)
}

/// How far scores may be apart; where keys are quantized, what differs in its last bits may be rounded to another step.
fn bound(options: &CacheOptions) -> f64 {
    if options.kv_bits.is_some() { 1e-3 } else { 2e-5 }
}

fn assert_same(actual: &[Vec<f32>], expected: &[Vec<f32>], bound: f64, what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (text, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let widen = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let error = relative_rms(&widen(actual), &widen(expected));
        assert!(error <= bound, "{what}, text {text}: off by {error}");
    }
}

const LENGTHS: [usize; 4] = [3, 17, 1, 9];

/// Models that are run with every way to keep what they keep.
const EVERY_WAY: [&str; 10] = [
    "gemma3n-4bit",
    "gemma3n-shared",
    "gemma4-shared",
    "gemma4-text-4bit",
    "llama-untied",
    "llama-gqa",
    "llama-sliding",
    "llama-traditional-rope",
    "llama-rope-yarn",
    "llama-4bit-wide",
];

/// Those of them whose heads are wide enough to be quantized.
const QUANTIZED: [&str; 3] = ["gemma3n-4bit", "gemma4-text-4bit", "llama-4bit-wide"];

/// Those, and all others whose layers are not the same but for the form of their weights.
pub(crate) fn models() -> Vec<String> {
    let plain = |folder: &PathBuf| {
        !fs::read_to_string(folder.join("config.json")).unwrap().contains("\"quantization")
    };
    let name = |folder: PathBuf| folder.file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<_> = folders().into_iter().filter(plain).map(name).collect();
    // Its keys keep the base of the step that cached them, which other steps change.
    names.retain(|name| name != "llama-rope-dynamic");
    names.extend(QUANTIZED.map(str::to_owned));
    names
}

/// The ways to keep what the model keeps.
pub(crate) fn options(model: &str) -> Vec<CacheOptions> {
    let size =
        |max_kv_size, keep| CacheOptions { max_kv_size: Some(max_kv_size), keep, ..CacheOptions::default() };
    if !EVERY_WAY.contains(&model) {
        return vec![CacheOptions::default(), size(8, 3)];
    }
    let all = vec![CacheOptions::default(), size(8, 0), size(8, 3), size(20, 4), size(6, 4)];
    if !QUANTIZED.contains(&model) {
        return all;
    }
    let quantized = |options: CacheOptions, start| CacheOptions {
        kv_bits: Some(8),
        kv_group_size: 32,
        quantized_kv_start: start,
        ..options
    };
    all.into_iter().map(|options| quantized(options, 0)).collect()
}

/// The same texts alone and together.
struct Both<'m> {
    model: &'m Model,
    texts: Vec<Vec<i32>>,
    seen: Vec<usize>,
    alone: Vec<KvCache>,
    bound: f64,
}

impl<'m> Both<'m> {
    fn new(model: &'m Model, options: &CacheOptions) -> Self {
        let empty = &model.cache().with(options).unwrap();
        let texts: Vec<_> =
            LENGTHS.iter().enumerate().map(|(at, &length)| text(model, at, length + 30)).collect();
        let alone = texts.iter().zip(LENGTHS).map(|(text, length)| alone(model, empty, &text[..length], 6).1);
        Self { model, alone: alone.collect(), texts, seen: LENGTHS.to_vec(), bound: bound(options) }
    }

    /// Runs `count` more tokens of the texts that are in the batch, and of each of them alone.
    fn advance(&mut self, batch: &mut KvCache, members: &[usize], count: usize, what: &str) {
        let next = |&at: &usize| self.texts[at][self.seen[at]..][..count].to_vec();
        let tokens: Vec<_> = members.iter().map(next).collect();
        let scores = last(&step(self.model, &tokens, batch));
        let mut expected = Vec::new();
        for (&at, tokens) in members.iter().zip(tokens) {
            self.seen[at] += count;
            expected.extend(last(&step(self.model, &[tokens], &mut self.alone[at])));
        }
        assert_same(&scores, &expected, self.bound, what);
    }
}

/// Changes the batch on the way.
pub(crate) fn check(model: &Model, options: &CacheOptions, what: &str) {
    let mut both = Both::new(model, options);
    let mut batch = KvCache::merge(&both.alone).unwrap();
    for _ in 0..4 {
        both.advance(&mut batch, &[0, 1, 2, 3], 1, &format!("{what}: merged"));
    }
    both.advance(&mut batch, &[0, 1, 2, 3], 5, &format!("{what}: a chunk"));
    let mut second = batch.extract(1).unwrap();
    batch = batch.filter(&[3, 0]).unwrap();
    both.advance(&mut batch, &[3, 0], 1, &format!("{what}: filtered"));
    both.advance(&mut second, &[1], 2, &format!("{what}: extracted"));
    batch.extend(&second).unwrap();
    for _ in 0..3 {
        both.advance(&mut batch, &[3, 0, 1], 1, &format!("{what}: extended"));
    }
    both.advance(&mut batch, &[3, 0, 1], 7, &format!("{what}: a chunk at the end"));
}

#[test]
fn a_batch_of_unequal_texts_agrees_with_each_alone() {
    for name in models() {
        let model = load(&name);
        for options in options(&name) {
            check(&model, &options, &format!("{name} with {options:?}"));
        }
    }
}

#[test]
fn texts_whose_rope_grows_with_them_agree_with_each_alone() {
    let model = load("llama-rope-dynamic");
    let texts = [text(&model, 0, 12), text(&model, 1, 5)];
    let caches = texts.each_ref().map(|text| alone(&model, &model.cache(), text, 1).1);
    let mut batch = KvCache::merge(&caches).unwrap();
    let mut expected = caches;
    for token in 0..9 {
        let scores = last(&step(&model, &[vec![token], vec![token + 1]], &mut batch));
        let expected: Vec<_> = (0..)
            .zip(&mut expected)
            .map(|(row, cache)| last(&step(&model, &[vec![token + row]], cache)).remove(0))
            .collect();
        assert_same(&scores, &expected, 1e-5, "dynamic");
    }
}

#[test]
fn prompts_padded_on_the_left_agree_with_each_alone() {
    for name in models() {
        let model = load(&name);
        for options in options(&name) {
            let empty = model.cache().with(&options).unwrap();
            let longest = 17;
            let widths: Vec<_> = LENGTHS.iter().map(|&length| (longest - length) as i32).collect();
            let texts: Vec<_> =
                LENGTHS.iter().enumerate().map(|(at, &length)| text(&model, at, length)).collect();
            let padded: Vec<_> =
                texts.iter().map(|text| [vec![0; longest - text.len()], text.clone()].concat()).collect();
            for chunk in [17, 5] {
                let mut batch = empty.clone().with_padding(&widths).unwrap();
                let mut scores = Vec::new();
                for start in (0..longest).step_by(chunk) {
                    let part: Vec<_> =
                        padded.iter().map(|text| text[start..longest.min(start + chunk)].to_vec()).collect();
                    scores = last(&step(&model, &part, &mut batch));
                }
                let expected: Vec<_> = texts.iter().map(|text| alone(&model, &empty, text, 6).0).collect();
                assert_same(
                    &scores,
                    &expected,
                    bound(&options),
                    &format!("{name} by {chunk} with {options:?}"),
                );
                assert_eq!(batch.offset(), 17);
                assert_eq!(batch.padding(), widths);
            }
        }
    }
}

#[test]
fn an_extracted_text_is_the_text_alone() {
    let model = load("llama-untied");
    let alone = |number, length| alone(&model, &model.cache(), &text(&model, number, length), 4).1;
    let batch = KvCache::merge(&[alone(0, 4), alone(1, 9)]).unwrap();
    assert_eq!((batch.offset(), batch.padding()), (9, &[5, 0][..]));
    for (number, length) in [(0, 4), (1, 9)] {
        let (one, single) = (batch.extract(number).unwrap(), alone(number, length));
        assert_eq!(one.offset(), length as i32);
        assert!(one.padding().is_empty());
        for (one, single) in one.arrays().zip(single.arrays()) {
            let seen =
                |array: &Array| array.index((.., .., ..length as i32)).unwrap().to_vec::<f32>().unwrap();
            assert_eq!(seen(one), seen(single));
        }
    }
}

#[test]
fn caches_that_do_not_go_together_are_refused() {
    let model = load("llama-untied");
    let limited =
        |size| model.cache().with(&CacheOptions { max_kv_size: Some(size), ..CacheOptions::default() });
    let refused = KvCache::merge(&[model.cache(), limited(9).unwrap()]).unwrap_err().to_string();
    assert!(refused.contains("same options"), "{refused}");
    assert!(KvCache::merge(&[model.cache(), KvCache::full(7)]).is_err());
    assert!(KvCache::merge([]).is_err());
    assert!(model.cache().extract(1).unwrap_err().to_string().contains("[1]"));
    assert!(model.cache().filter(&[]).is_err());
    assert!(model.cache().with_padding(&[-1]).is_err());
}

#[test]
fn empty_caches_take_part_in_a_batch() {
    let model = load("llama-sliding");
    let tokens = text(&model, 1, 12);
    let (_, grown) = alone(&model, &model.cache(), &tokens[..11], 4);
    let mut batch = KvCache::merge(&[model.cache(), grown]).unwrap();
    let scores = last(&step(&model, &[vec![tokens[0]], vec![tokens[11]]], &mut batch));
    let expected = [&tokens[..1], &tokens].map(|tokens| alone(&model, &model.cache(), tokens, 1).0);
    assert_same(&scores, &expected, 1e-5, "an empty cache and another");
}

#[test]
fn a_batch_of_states_keeps_each() {
    let state = |value: f32, tokens: i32| {
        let mut cache = KvCache::new([mlx_lm::cache::LayerCache::state(2)]);
        let layer = cache.layers().next().unwrap().state_mut().unwrap();
        layer.set(1, Array::full([1, 3], value, Dtype::Float32).unwrap()).unwrap();
        layer.advance(tokens);
        cache
    };
    let batch = KvCache::merge(&[state(1.0, 4), state(2.0, 7)]).unwrap();
    assert_eq!((batch.offset(), batch.padding()), (7, &[3, 0][..]));
    let mut first = batch.extract(0).unwrap();
    assert_eq!(first.offset(), 4);
    let array = first.layers().next().unwrap().state_mut().unwrap().get(1).unwrap().clone();
    assert_eq!(array.to_vec::<f32>().unwrap(), [1.0; 3]);
    let all = concatenate(batch.arrays(), 0).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(all, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
}

#[test]
fn texts_of_a_batch_are_at_positions_of_their_own() {
    let mut batch = KvCache::full(1).with_padding(&[2, 0]).unwrap();
    let layer = batch.layers().next().unwrap();
    let rows = |length| Array::zeros([2, 1, length, 4], Dtype::Float32).unwrap();
    layer.append(&rows(3), &rows(3)).unwrap();
    assert_eq!(layer.offset().positions(2).unwrap().to_vec::<i32>().unwrap(), [1, 2, 3, 4]);
    let (_, _, mask) = layer.append_masked(&rows(1), &rows(1), &Mask::causal()).unwrap();
    let mask = mask.unwrap().to_vec::<bool>().unwrap();
    assert_eq!(mask, [[false, false, true, true], [true; 4]].concat());
}

#[test]
fn a_mask_is_there_for_scores_that_are_computed_elsewhere() {
    let mut cache = KvCache::full(1);
    let layer = cache.layers().next().unwrap();
    assert_eq!(layer.offset().positions(2).unwrap().to_vec::<i32>().unwrap(), [0, 1]);
    let rows = Array::zeros([1, 1, 2, 4], Dtype::Float32).unwrap();
    let (_, _, mask) = layer.append_masked(&rows, &rows, &Mask::causal()).unwrap();
    assert_eq!(mask.unwrap().to_vec::<bool>().unwrap(), [true, false, true, true]);
    let row = rows.index((.., .., ..1)).unwrap();
    assert!(layer.append_masked(&row, &row, &Mask::causal()).unwrap().2.is_none());
}
