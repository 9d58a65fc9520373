//! Texts whose tokens are drafted against the same texts written one token at a time.

use std::sync::OnceLock;

use mlx_core::{Array, Dtype};
use mlx_hub::Source;
use mlx_lm::cache::CacheOptions;
use mlx_lm::sampling::{Allowed, Constraint, Grammar, History, Processor};
use mlx_lm::{
    Drafts, GenerateOptions, LanguageModel, Loader, Model, Penalty, Piece, Processors, Result, Sampler,
    Speculation, Token,
};
use mlx_testkit::Checkpoint;
use mlx_text::Tokenizer;
use serde_json::json;

use crate::bad_input::speller_of;
use crate::batch::{load, models};
use crate::sampling::golden;

const PROMPT: [u32; 11] = [3, 1, 4, 1, 5, 9, 2, 6, 3, 1, 4];
const DRAFT: Option<Speculation> = Some(Speculation::Draft { tokens: 3 });
const LOOKUP: Option<Speculation> = Some(Speculation::PromptLookup { max_ngram: 2, tokens: 4 });

fn language_model(name: &str) -> LanguageModel {
    speaking(load(name))
}

/// The model with a tokenizer of single letters.
fn speaking(model: Model) -> LanguageModel {
    static LETTERS: OnceLock<Tokenizer> = OnceLock::new();
    let letters = LETTERS.get_or_init(|| speller_of("llama-tied").tokenizer().clone());
    LanguageModel::new(model, letters.clone())
}

fn with_draft(name: &str, draft: &str) -> LanguageModel {
    language_model(name).with_draft(load(draft)).unwrap()
}

fn options(speculation: Option<Speculation>) -> GenerateOptions {
    GenerateOptions { max_tokens: 24, speculation, ..GenerateOptions::default() }
}

fn tokens(model: &LanguageModel, options: GenerateOptions) -> (Vec<Token>, Drafts) {
    let mut stream = model.generate_tokens(&PROMPT, options).unwrap();
    let tokens = stream.by_ref().map(Result::unwrap).collect();
    (tokens, stream.drafts())
}

fn ids(tokens: &[Token]) -> Vec<u32> {
    tokens.iter().map(|token| token.id).collect()
}

/// Checks that drafts change nothing. Returns what became of them.
fn assert_unchanged(model: &LanguageModel, options: &GenerateOptions, what: &str) -> Drafts {
    let (plain, _) = tokens(model, GenerateOptions { speculation: None, ..options.clone() });
    assert_writes(model, options, &ids(&plain), what)
}

fn assert_writes(model: &LanguageModel, options: &GenerateOptions, plain: &[u32], what: &str) -> Drafts {
    let (drafted, drafts) = tokens(model, options.clone());
    assert_eq!(ids(&drafted), plain, "{what} with {options:?}");
    assert_eq!(drafted.iter().filter(|token| token.drafted).count(), drafts.accepted, "{what}");
    drafts
}

#[test]
fn a_greedy_text_of_every_family_is_the_same_with_drafts() {
    let quantized = ["llama-rope-dynamic", "gemma3-text-4bit", "qwen3-4bit"].map(str::to_owned);
    let names = models().into_iter().chain(quantized);
    let models: Vec<_> = names.map(|name| (load(&name), name)).collect();
    let (mut own, mut others, mut lookup) = (Drafts::default(), Drafts::default(), Drafts::default());
    let add = |sum: &mut Drafts, more: Drafts| {
        sum.drafted += more.drafted;
        sum.accepted += more.accepted;
    };
    for (at, (model, name)) in models.iter().enumerate() {
        let both = with_draft(name, name);
        let plain = ids(&tokens(&both, options(None)).0);
        add(&mut own, assert_writes(&both, &options(DRAFT), &plain, name));
        add(&mut lookup, assert_writes(&both, &options(LOOKUP), &plain, name));
        let other = models.iter().cycle().skip(at + 1).take(models.len()).find(|(other, _)| {
            other.vocab_size() == model.vocab_size() && other.model_type() != model.model_type()
        });
        let Some((_, other)) = other else { continue };
        let what = format!("{name} after {other}");
        add(&mut others, assert_writes(&with_draft(name, other), &options(DRAFT), &plain, &what));
    }
    assert!(own.acceptance() > 0.95, "{own}");
    assert!(others.accepted > 0 && others.acceptance() < 0.9, "{others}");
    assert!(lookup.accepted > 0 && lookup.acceptance() < 0.95, "{lookup}");
}

/// The ways to keep what a model keeps.
fn caches(quantized: bool) -> Vec<CacheOptions> {
    let size =
        |max_kv_size, keep| CacheOptions { max_kv_size: Some(max_kv_size), keep, ..CacheOptions::default() };
    let all = [CacheOptions::default(), size(8, 0), size(8, 3), size(20, 4), size(6, 4), size(5, 4)];
    if !quantized {
        return all.to_vec();
    }
    let quantized = |options: &CacheOptions, start| CacheOptions {
        kv_bits: Some(8),
        kv_group_size: 32,
        quantized_kv_start: start,
        ..options.clone()
    };
    all.iter().flat_map(|options| [0, 13, 17].map(|start| quantized(options, start))).collect()
}

#[test]
fn a_greedy_text_is_the_same_whatever_the_cache_keeps() {
    for (name, other) in [
        ("llama-untied", "qwen2-tied"),
        ("llama-4bit-wide", "llama-gptq-wide"),
        ("gemma3-text", "phi3-window"),
        ("mistral-window", "llama-untied"),
        ("qwen2-window", "qwen3-tied"),
    ] {
        let (both, others, mut rejected) = (with_draft(name, name), with_draft(name, other), 0);
        for cache in caches(name.ends_with("-wide")) {
            let options = |speculation| GenerateOptions { cache: cache.clone(), ..options(speculation) };
            let plain = ids(&tokens(&both, options(None)).0);
            let drafts = assert_writes(&others, &options(DRAFT), &plain, name);
            // One last token beside the first 4 is not enough to go back.
            let none = cache.max_kv_size == Some(5);
            assert!(drafts.drafted > 0 || none, "{name}: {drafts}");
            rejected += drafts.drafted - drafts.accepted;
            assert_writes(&both, &options(DRAFT), &plain, name);
            assert_writes(&both, &options(LOOKUP), &plain, name);
        }
        assert!(rejected > 60, "{name}: only {rejected} tokens were taken back");
    }
}

#[test]
fn rope_that_grows_with_the_text_gets_drafts_as_long_as_it_does_not() {
    let model = with_draft("llama-rope-dynamic", "llama-rope-dynamic");
    let run = |prompt: &[u32]| {
        let options = GenerateOptions { max_tokens: 12, ..options(DRAFT) };
        let mut stream = model.generate_tokens(prompt, options).unwrap();
        assert_eq!(stream.by_ref().map(Result::unwrap).count(), 12);
        stream.drafts()
    };
    assert!(run(&[1, 2]).drafted > 0);
    assert_eq!(run(&PROMPT).drafted, 0);
}

#[test]
fn processors_see_the_tokens_before_each_place() {
    let no_neighbours = Processor::new(|history: &History, scores: &Array| {
        let last = history.last(1)?;
        scores.at((.., &last)).set(f32::NEG_INFINITY)?.at((.., history.new_tokens() as i32)).add(3.0)
    });
    let strong = Penalty { amount: 1.5, context_size: 6 };
    for processors in [
        Processors { repetition_penalty: 1.3.into(), ..Processors::default() },
        Processors { presence_penalty: strong, frequency_penalty: strong, ..Processors::default() },
        Processors { custom: vec![no_neighbours], logit_bias: [(5, 2.0)].into(), ..Processors::default() },
    ] {
        let options =
            |speculation| GenerateOptions { processors: processors.clone(), ..options(speculation) };
        let drafts = assert_unchanged(&with_draft("llama-untied", "llama-untied"), &options(DRAFT), "itself");
        assert!(drafts.acceptance() > 0.9, "{drafts}");
        assert_unchanged(&with_draft("llama-untied", "qwen3-tied"), &options(DRAFT), "another");
        assert_unchanged(&language_model("llama-untied"), &options(LOOKUP), "the prompt");
    }
}

#[test]
fn log_probabilities_are_those_of_the_model() {
    let model = with_draft("qwen2-tied", "llama-untied");
    let run = |speculation, logprobs| {
        let processors = Processors { repetition_penalty: 1.2.into(), ..Processors::default() };
        tokens(&model, GenerateOptions { processors, logprobs, ..options(speculation) }).0
    };
    for count in [0, 3] {
        let plain = run(None, Some(count));
        for speculation in [DRAFT, LOOKUP] {
            for (drafted, plain) in run(speculation, Some(count)).iter().zip(&plain) {
                let [drafted, plain] = [drafted, plain].map(|token| token.logprobs.clone().unwrap());
                assert!((drafted.chosen - plain.chosen).abs() < 1e-5);
                assert_eq!((drafted.top.len(), plain.top.len()), (count, count));
                for ((token, value), (expected, near)) in drafted.top.into_iter().zip(plain.top) {
                    assert!(token == expected && (value - near).abs() < 1e-5);
                }
            }
        }
    }
    assert!(run(DRAFT, None).iter().all(|token| token.logprobs.is_none()));
}

#[test]
fn a_seed_repeats_a_text() {
    let model = with_draft("llama-untied", "qwen2-tied");
    for speculation in [DRAFT, LOOKUP] {
        let draw = |seed| {
            let sampler = Sampler::default().temperature(1.0).top_p(0.95).seed(seed);
            ids(&tokens(&model, GenerateOptions { sampler, ..options(speculation) }).0)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}

#[test]
fn a_text_has_no_more_tokens_than_asked_for() {
    let model = with_draft("llama-untied", "llama-untied");
    for max_tokens in 0..9 {
        for speculation in [DRAFT, LOOKUP] {
            let options = GenerateOptions { max_tokens, ..options(speculation) };
            assert_unchanged(&model, &options, "so many tokens");
            assert_eq!(tokens(&model, options).0.len(), max_tokens);
        }
    }
}

#[test]
fn a_text_ends_with_the_context() {
    let model = with_draft("llama-untied", "llama-untied");
    let context = model.model().context().unwrap();
    for length in context - 6..=context {
        for speculation in [None, DRAFT, LOOKUP] {
            let prompt: Vec<_> = PROMPT.into_iter().cycle().take(length).collect();
            let stream = model.generate_tokens(&prompt, options(speculation)).unwrap();
            assert_eq!(stream.map(Result::unwrap).count(), context - length + 1, "{speculation:?}");
        }
    }
}

#[test]
fn a_draft_model_of_a_shorter_context_leaves_the_rest_to_the_model() {
    let short = Checkpoint::read(golden("llama-untied")).with_config("max_position_embeddings", json!(19));
    let folder = short.write();
    let short = || Loader::new(Source::path(folder.path())).dtype(Dtype::Float32).load_model().unwrap();
    let model = language_model("llama-untied").with_draft(short()).unwrap();
    let drafts = assert_unchanged(&model, &options(DRAFT), "a short draft model");
    assert!((1..=9).contains(&drafts.drafted), "{drafts}");
    let long: Vec<_> = PROMPT.into_iter().cycle().take(25).collect();
    let mut stream = model.generate_tokens(&long, options(DRAFT)).unwrap();
    assert_eq!(stream.by_ref().map(Result::unwrap).count(), 24);
    assert_eq!(stream.drafts().drafted, 0);
}

#[test]
fn ends_of_text_and_stop_texts_within_a_draft_are_exact() {
    let write = |model: &LanguageModel, options: GenerateOptions| -> Vec<Piece> {
        model.generate(&PROMPT, options).unwrap().map(Result::unwrap).collect()
    };
    let shown = |pieces: &[Piece]| {
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        (
            text,
            pieces.iter().filter_map(|piece| piece.token).collect::<Vec<_>>(),
            pieces.last().unwrap().finish,
        )
    };
    let model = || with_draft("llama-untied", "llama-untied");
    let (text, written, _) = shown(&write(&model(), options(None)));
    for (place, &last) in written.iter().enumerate().take(9) {
        let letter: String = text.chars().skip(place).take(2).collect();
        let ending = Checkpoint::read(golden("llama-untied")).with_config("eos_token_id", json!(last));
        let folder = ending.write();
        let ending = Loader::new(Source::path(folder.path())).dtype(Dtype::Float32).load_model().unwrap();
        let ending = speaking(ending).with_draft(load("llama-untied")).unwrap();
        for speculation in [DRAFT, LOOKUP] {
            let stopping =
                |speculation| GenerateOptions { stop: vec![letter.clone()], ..options(speculation) };
            let expected = shown(&write(&model(), stopping(None)));
            assert_eq!(shown(&write(&model(), stopping(speculation))), expected);
            let expected = shown(&write(&ending, options(None)));
            assert_eq!(shown(&write(&ending, options(speculation))), expected);
        }
    }
}

#[test]
fn the_statistics_tell_how_many_drafted_tokens_were_accepted() {
    let model = with_draft("llama-untied", "llama-untied");
    let mut stream = model.generate(&PROMPT, options(DRAFT)).unwrap();
    let pieces: Vec<_> = stream.by_ref().map(Result::unwrap).collect();
    let stats = stream.stats();
    assert_eq!(pieces.iter().filter(|piece| piece.drafted).count(), 18);
    assert_eq!(stats.drafts, Drafts { drafted: 18, accepted: 18, rounds: 6 });
    assert!(stats.to_string().contains("drafts: 18 of 18 tokens accepted (100.0 %) in 6 rounds"), "{stats}");
    let mut stream = model.generate(&PROMPT, options(None)).unwrap();
    stream.by_ref().for_each(drop);
    assert!(!stream.stats().to_string().contains("drafts"));
}

/// Anything.
struct Free;

impl Constraint for Free {
    fn allowed(&mut self) -> Result<Allowed> {
        Ok(Allowed::Any)
    }

    fn accept(&mut self, _: u32) -> Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_drafted_is_refused_with_the_way_out() {
    let refuse =
        |options| language_model("llama-untied").generate(&PROMPT, options).err().unwrap().to_string();
    assert!(refuse(options(DRAFT)).contains("`with_draft`"));
    let none = Speculation::PromptLookup { max_ngram: 2, tokens: 0 };
    assert_eq!(refuse(options(Some(none))), "tokens of the speculation is 0: must be 1 or more");
    let none = Speculation::PromptLookup { max_ngram: 0, tokens: 2 };
    assert_eq!(refuse(options(Some(none))), "max_ngram of the speculation is 0: must be 1 or more");
    let grammar = Some(Grammar::new(|| Ok(Box::new(Free))));
    assert!(refuse(GenerateOptions { grammar, ..options(LOOKUP) }).contains("grammar"));
    let other = language_model("llama-untied").with_draft(load("llama-sliding")).err().unwrap().to_string();
    assert!(other.contains("vocabulary of 24") && other.contains("one of 40"), "{other}");
}
