//! What is there for texts works with images in them: caches that are smaller, drafts, grammars, penalties. Each is compared
//! with tokens that are run and chosen one by one.

use std::fs;

use mlx_core::{Dtype, Precision, concatenate};
use mlx_lm::cache::{CacheOptions, KvCache};
use mlx_lm::{GenerateOptions, Penalty, Processors, Sampler, Speculation};
use mlx_testkit::relative_rms;
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Prompt, Turn, VisionLanguageModel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::conversations::{Family, picture};
use crate::stored::stored;

/// A family that spreads positions over three axes, and one that sees tiles.
const FAMILIES: [&str; 2] = ["qwen2-vl", "internvl"];

/// What ends a text of these models.
const END: u32 = 257;

fn open(name: &str) -> VisionLanguageModel {
    Family::open(name).model
}

/// Such a model whose decoder has one head, as wide as caches are quantized in groups.
fn wide(name: &str) -> (TempDir, VisionLanguageModel) {
    let copy = stored(name, |name, array| {
        let shared = name.contains("layers.") && (name.contains(".k_proj.") || name.contains(".v_proj."));
        let text = shared && !name.contains("vision") && !name.contains("visual");
        let array = if text { concatenate([&array, &array], 0).unwrap() } else { array };
        (name.to_owned(), array)
    });
    let path = copy.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let text = &mut config["text_config"];
    text["num_attention_heads"] = json!(1);
    text["num_key_value_heads"] = json!(1);
    if let Some(sections) = text["rope_parameters"].get_mut("mrope_section") {
        *sections = json!([4, 6, 6]);
    }
    fs::write(path, config.to_string()).unwrap();
    let model =
        VisionLanguageModel::load(Source::path(copy.path()), Dtype::Float32, Precision::Exact).unwrap();
    (copy, model)
}

/// A conversation about two images, with a text that repeats itself.
fn prompt(model: &VisionLanguageModel) -> Prompt {
    let shown = |size, seed| picture(size, seed);
    let turns = [
        Turn::user("One and one.").with(shown(Size { height: 37, width: 51 }, 0)),
        Turn::assistant("Yes."),
        Turn::user("One and one.").with(shown(Size { height: 30, width: 61 }, 1)),
    ];
    model.chat(&turns).unwrap()
}

fn options() -> GenerateOptions {
    GenerateOptions {
        max_tokens: 24,
        prefill_step: 7,
        processors: Processors { logit_bias: [(END, f64::NEG_INFINITY)].into(), ..Processors::default() },
        ..GenerateOptions::default()
    }
}

/// The tokens that are generated.
fn generated(model: &VisionLanguageModel, prompt: &Prompt, options: GenerateOptions) -> Vec<u32> {
    let pieces = model.generate(prompt, options).unwrap();
    pieces.filter_map(|piece| piece.unwrap().token).collect()
}

/// The tokens that `choose` takes of the scores after those so far. The prompt is run at once.
fn plain(
    model: &VisionLanguageModel,
    prompt: &Prompt,
    cache: &CacheOptions,
    mut choose: impl FnMut(&[u32], Vec<f32>) -> u32,
) -> Vec<u32> {
    let decoder = model.language().model();
    let mut cache = decoder.cache().with(cache).unwrap();
    let mut scores = model.logits(prompt, &mut cache).unwrap();
    let mut written = prompt.tokens().to_vec();
    for _ in 0..options().max_tokens {
        let last = scores.index((0, -1)).unwrap().to_vec::<f32>().unwrap();
        written.push(choose(&written, last));
        scores = decoder.logits(&written[written.len() - 1..], &mut cache).unwrap();
    }
    written.split_off(prompt.tokens().len())
}

/// The most likely token that does not end the text.
fn likeliest(_: &[u32], mut scores: Vec<f32>) -> u32 {
    scores[END as usize] = f32::NEG_INFINITY;
    let all = (0..).zip(&scores);
    all.max_by(|(_, one), (_, other)| one.total_cmp(other)).unwrap().0
}

/// Scores after the prompt and tokens behind it, of which the prompt is run in small chunks.
fn scores(model: &VisionLanguageModel, prompt: &Prompt, cache: CacheOptions) -> Vec<f32> {
    let mut cache: KvCache = model.prefill(prompt, &GenerateOptions { cache, ..options() }).unwrap();
    let held = cache.offset() as usize;
    let rest = [&prompt.tokens()[held..], &[65, 66, 200]].concat();
    let decoder = model.language().model();
    rest.iter()
        .flat_map(|token| decoder.logits(&[*token], &mut cache).unwrap().to_vec::<f32>().unwrap())
        .collect()
}

#[test]
fn a_quantized_cache_holds_images() {
    for name in FAMILIES {
        let (_copy, model) = wide(name);
        let prompt = prompt(&model);
        let exact = scores(&model, &prompt, CacheOptions::default());
        let inside = prompt.shown().next().unwrap().start as i32 + 3;
        for (bits, start, bounds) in [(8, 0, 1e-6..0.02), (8, inside, 1e-6..0.02), (4, 0, 0.01..0.4)] {
            let cache = CacheOptions {
                kv_bits: Some(bits),
                kv_group_size: 32,
                quantized_kv_start: start,
                ..CacheOptions::default()
            };
            let error = relative_rms(&scores(&model, &prompt, cache.clone()), &exact);
            assert!(bounds.contains(&error), "{name}: {bits} bits from {start}: off by {error}");
            let found = generated(&model, &prompt, GenerateOptions { cache: cache.clone(), ..options() });
            assert_eq!(found, plain(&model, &prompt, &cache, likeliest), "{name}: {bits} bits from {start}");
        }
    }
}

#[test]
fn a_limited_cache_keeps_the_last_tokens_with_their_places() {
    for name in FAMILIES {
        let model = open(name);
        let prompt = prompt(&model);
        let whole = plain(&model, &prompt, &CacheOptions::default(), likeliest);
        let mut others = 0;
        for size in [12, 40, 1000] {
            let cache = CacheOptions { max_kv_size: Some(size), keep: 3, ..CacheOptions::default() };
            let found = generated(&model, &prompt, GenerateOptions { cache: cache.clone(), ..options() });
            assert_eq!(found, plain(&model, &prompt, &cache, likeliest), "{name}: {size} tokens");
            others += usize::from(found != whole);
        }
        assert_eq!(others, 2, "{name}: limits that change the text");
    }
}

#[test]
fn images_that_see_themselves_fit_into_a_limited_cache_or_are_refused() {
    let cache = |size| CacheOptions { max_kv_size: Some(size), keep: 0, ..CacheOptions::default() };
    let model = open("paligemma");
    let prompt = model.chat(&[Turn::user("?").with(picture(Size::square(20), 0))]).unwrap();
    let limited = |size| GenerateOptions { cache: cache(size), ..options() };
    let message = model.prefill(&prompt, &limited(6)).unwrap_err().to_string();
    assert!(message.contains("tokens see each other"), "{message}");
    let found = generated(&model, &prompt, limited(500));
    assert_eq!(found, generated(&model, &prompt, options()));
}

#[test]
fn drafts_change_no_text_with_images() {
    for name in FAMILIES {
        let model = open(name);
        let prompt = prompt(&model);
        let expected = plain(&model, &prompt, &CacheOptions::default(), likeliest);
        let mut drafted = 0;
        for tokens in [2, 7] {
            let speculation = Some(Speculation::PromptLookup { max_ngram: 1, tokens });
            let mut pieces = model.generate(&prompt, GenerateOptions { speculation, ..options() }).unwrap();
            let found: Vec<_> = pieces.by_ref().filter_map(|piece| piece.unwrap().token).collect();
            assert_eq!(found, expected, "{name}: {tokens} tokens a round");
            drafted += pieces.stats().drafts.drafted;
        }
        assert!(drafted > 0, "{name}: nothing was drafted");
        let speculation = Some(Speculation::draft());
        let refused = model.generate(&prompt, GenerateOptions { speculation, ..options() }).err().unwrap();
        assert!(refused.to_string().contains("draft"), "{refused}");
    }
}

#[test]
fn a_grammar_holds_what_is_said_of_images() {
    let schema = json!({
        "type": "object",
        "properties": {"label": {"type": "string", "maxLength": 6}, "count": {"type": "integer", "maximum": 99, "minimum": 0}},
        "required": ["label", "count"],
        "additionalProperties": false,
    });
    for name in FAMILIES {
        let model = open(name);
        let prompt = prompt(&model);
        let grammar = model.language().grammars().unwrap().json_schema(&schema).unwrap();
        let options = GenerateOptions {
            grammar: Some(grammar),
            max_tokens: 200,
            prefill_step: 7,
            ..GenerateOptions::default()
        };
        let text =
            |pieces: mlx_lm::TextStream<'_>| pieces.map(|piece| piece.unwrap().text).collect::<String>();
        let found = text(model.generate(&prompt, options.clone()).unwrap());
        let value: Value = serde_json::from_str(&found).unwrap();
        assert!(value["label"].is_string() && value["count"].is_u64(), "{name}: {found}");
        let mut cache = model.language().model().cache();
        model.logits(&prompt, &mut cache).unwrap();
        cache.trim(1).unwrap();
        let at_once = model.language().generate_from(cache, prompt.tokens(), options.clone()).unwrap();
        assert_eq!(found, text(at_once), "{name}");
        let blind =
            text(model.language().generate(&model.language().encode("One.").unwrap(), options).unwrap());
        assert_ne!(found, blind, "{name}: the text does not depend on what is seen");
    }
}

/// What [`Processors`] does, in the order in which it does it, to the scores of a `liked` token and of those that were
/// written.
fn processed(written: &[u32], liked: u32, mut scores: Vec<f32>) -> Vec<f32> {
    scores[liked as usize] += 30.0;
    let mut once = written.to_vec();
    once.sort_unstable();
    once.dedup();
    for token in once {
        let score = &mut scores[token as usize];
        *score = if *score < 0.0 { *score * 50.0 } else { *score / 50.0 };
    }
    scores
}

#[test]
fn penalties_and_biases_count_what_is_written_and_what_stands_for_images() {
    for name in FAMILIES {
        let model = open(name);
        let prompt = prompt(&model);
        // It would be written again and again, were it not in the prompt already.
        let liked = prompt.tokens()[prompt.shown().next().unwrap().start];
        let mut processors = options().processors;
        processors.logit_bias.insert(liked, 30.0);
        let biased = GenerateOptions { processors: processors.clone(), ..options() };
        assert_eq!(generated(&model, &prompt, biased)[0], liked, "{name}");
        processors.repetition_penalty = Penalty { amount: 50.0, context_size: 0 };
        let found = generated(&model, &prompt, GenerateOptions { processors, ..options() });
        let choose = |written: &[u32], scores| likeliest(written, processed(written, liked, scores));
        assert_eq!(found, plain(&model, &prompt, &CacheOptions::default(), choose), "{name}");
    }
}

#[test]
fn what_is_drawn_depends_on_the_seed_alone() {
    for name in FAMILIES {
        let model = open(name);
        let prompt = prompt(&model);
        let drawn = |seed, prefill_step| {
            let sampler = Sampler::default().temperature(1.0).seed(seed);
            generated(&model, &prompt, GenerateOptions { sampler, prefill_step, ..options() })
        };
        assert_eq!(drawn(1, 7), drawn(1, 1000), "{name}");
        assert_ne!(drawn(1, 7), drawn(2, 7), "{name}");
    }
}
