//! Texts that join, end and leave at any time against each alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlx_core::memory;
use mlx_lm::cache::CacheOptions;
use mlx_lm::sampling::Xtc;
use mlx_lm::{
    BatchGenerator, BatchOptions, BatchPrompt, Event, EventKind, FinishReason, GenerateOptions,
    LanguageModel, Logprobs, Penalty, Processors, Result, Sampler, SequenceId, TextBatchGenerator,
};

use crate::bad_input::{letters, speller_of};
use crate::{batch, choice};

/// A text: how it begins, and how it goes on.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) prompt: Vec<u32>,
    pub(crate) options: GenerateOptions,
}

/// What was told of a text: its tokens, and how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) tokens: Vec<u32>,
    pub(crate) end: Option<Result<FinishReason, String>>,
}

pub(crate) fn language(name: &str) -> LanguageModel {
    LanguageModel::new(batch::load(name), letters())
}

/// The tokens of a text alone, and how it ends.
pub(crate) fn alone(model: &LanguageModel, text: &Text) -> Told {
    let mut told = Told::default();
    let mut stream = model.generate_tokens(&text.prompt, text.options.clone()).unwrap();
    for token in &mut stream {
        match token {
            Ok(token) => told.tokens.push(token.id),
            Err(error) => {
                told.end = Some(Err(error.to_string()));
                return told;
            }
        }
    }
    told.end = Some(Ok(if stream.is_complete() { FinishReason::Stop } else { FinishReason::Length }));
    told
}

/// What is told of each text.
pub(crate) type Record = BTreeMap<SequenceId, Told>;

pub(crate) fn record(record: &mut Record, events: impl IntoIterator<Item = Event>) {
    for Event { id, kind } in events {
        let told = record.entry(id).or_default();
        assert_eq!(told.end, None, "{id} goes on after its end");
        match kind {
            EventKind::Prompt { processed, total } => assert!(processed < total),
            EventKind::New(token) => told.tokens.push(token.id),
            EventKind::Finished { reason, stats } => {
                assert_eq!(stats.generation_tokens, told.tokens.len());
                told.end = Some(Ok(reason));
            }
            EventKind::Failed(error) => told.end = Some(Err(error.to_string())),
        }
    }
}

/// Ways to choose tokens.
fn choosing(number: usize) -> GenerateOptions {
    let warm = || Sampler::default().temperature(1.0).seed(number as u64);
    let sampler = match number % 5 {
        0 => Sampler::greedy(),
        1 => warm(),
        2 => warm().top_p(0.8).xtc(Xtc { probability: 0.5, ..Xtc::default() }),
        3 => warm().top_k(7),
        _ => warm().filter(|logprobs| logprobs + 0.0),
    };
    let penalty = Penalty { amount: 1.3, context_size: 5 };
    let processors = Processors { repetition_penalty: penalty, ..Processors::default() };
    let processors = if number.is_multiple_of(3) { processors } else { Processors::default() };
    let logprobs = (number % 4 == 1).then_some(2);
    GenerateOptions { sampler, processors, logprobs, prefill_step: 8, ..GenerateOptions::default() }
}

/// Texts that differ in all that they can.
fn texts(vocab_size: usize, caches: &[CacheOptions]) -> Vec<Text> {
    let sizes = [(3, 9), (17, 4), (1, 12), (9, 7), (26, 10), (2, 6), (12, 5), (5, 1), (1, 8)];
    let text = |(number, (length, max_tokens)): (usize, (usize, usize))| Text {
        prompt: (0..length)
            .map(|at| ((at * at * 7 + at * 5 + number * 11 + 1) % vocab_size) as u32)
            .collect(),
        options: GenerateOptions {
            max_tokens,
            cache: caches.iter().cycle().nth(number).unwrap().clone(),
            ..choosing(number)
        },
    };
    sizes.into_iter().enumerate().map(text).collect()
}

const SMALL: BatchOptions = BatchOptions {
    completion_batch_size: 5,
    prefill_batch_size: 3,
    prefill_step: 24,
    stop_tokens: Vec::new(),
};

/// Lets the texts join one after the other, some while others are run, and one leave before its end.
fn check(model: &LanguageModel, texts: &[Text], what: &str) {
    let expected: Vec<_> = texts.iter().map(|text| alone(model, text)).collect();
    let mut batch = BatchGenerator::new(model.model(), SMALL).unwrap();
    let mut told = Record::new();
    let mut ids = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        ids.push(batch.insert(&text.prompt, text.options.clone()).unwrap());
        for _ in 0..number % 3 {
            record(&mut told, batch.step());
        }
    }
    let leaves = 4;
    while told.get(&ids[leaves]).is_none_or(|told| told.tokens.len() < 3) {
        record(&mut told, batch.step());
    }
    assert!(batch.cancel(ids[leaves]));
    record(&mut told, &mut batch);
    assert!(batch.is_idle());
    for (number, (id, expected)) in ids.iter().zip(expected).enumerate() {
        let mut told = told.remove(id).unwrap();
        if number == leaves {
            let more = expected.tokens.iter().skip(told.tokens.len());
            told.tokens.extend(more);
            told.end = expected.end.clone();
        }
        assert_eq!(told, expected, "{what}: text {number}");
    }
}

#[test]
fn a_text_in_a_batch_gets_the_tokens_that_it_gets_alone() {
    let names = batch::models().into_iter().chain(["llama-rope-dynamic".to_owned()]);
    for name in names {
        let model = language(&name);
        let caches = batch::options(&name);
        check(&model, &texts(model.model().vocab_size(), &caches), &name);
    }
}

#[test]
fn short_prompts_are_run_together_as_they_would_be_alone() {
    for name in batch::models().into_iter().chain(["llama-rope-dynamic".to_owned()]) {
        let model = language(&name);
        for cache in batch::options(&name) {
            let text = |(number, length): (usize, usize)| Text {
                prompt: (0..length)
                    .map(|at| ((at * 5 + number * 7) % model.model().vocab_size()) as u32)
                    .collect(),
                options: GenerateOptions {
                    max_tokens: 4,
                    cache: cache.clone(),
                    prefill_step: 64,
                    ..choosing(number)
                },
            };
            let texts: Vec<_> = [13, 10, 17, 15].into_iter().enumerate().map(text).collect();
            let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
            let ids: Vec<_> =
                texts.iter().map(|text| batch.insert(&text.prompt, text.options.clone()).unwrap()).collect();
            let events = batch.step();
            let together = events.iter().filter(|event| matches!(event.kind, EventKind::Prompt { .. }));
            assert_eq!(together.count(), 4);
            let mut told = Record::new();
            record(&mut told, events);
            record(&mut told, &mut batch);
            for (id, text) in ids.iter().zip(&texts) {
                assert_eq!(told[id], alone(&model, text), "{name} with {cache:?}: {id}");
            }
        }
    }
}

#[test]
fn caches_of_one_kind_are_one_batch() {
    let model = language("llama-untied");
    for options in batch::options("llama-untied") {
        let what = format!("{options:?}");
        check(&model, &texts(model.model().vocab_size(), &[options]), &what);
    }
}

#[test]
fn keys_and_values_of_a_text_are_quantized_when_they_would_be_alone() {
    let model = language("llama-4bit-wide");
    let quantized = |kv_bits, quantized_kv_start, max_kv_size| CacheOptions {
        kv_bits: Some(kv_bits),
        kv_group_size: 32,
        quantized_kv_start,
        max_kv_size,
        ..CacheOptions::default()
    };
    let late = [quantized(2, 13, None)];
    let mixed = [quantized(2, 6, Some(20)), CacheOptions::default(), quantized(2, 0, None)];
    for caches in [&late[..], &mixed] {
        check(&model, &texts(model.model().vocab_size(), caches), &format!("{caches:?}"));
    }
}

#[test]
fn pieces_of_a_batch_are_those_of_each_text_alone() {
    let model = speller_of("llama-untied");
    let generate = |prompt: &[u32], options: GenerateOptions| {
        let pieces: Vec<_> = model.generate(prompt, options).unwrap().map(Result::unwrap).collect();
        pieces.into_iter().map(|piece| (piece.text, piece.token, piece.finish)).collect::<Vec<_>>()
    };
    let prompts: [&[u32]; 4] = [&[3, 1, 4], &[1, 5, 9, 2, 6, 5], &[3], &[5, 8]];
    let mut options: Vec<_> =
        (0..4).map(|number| GenerateOptions { max_tokens: 12, ..choosing(number) }).collect();
    let text: String = generate(prompts[1], options[1].clone()).into_iter().map(|(text, ..)| text).collect();
    options[1].stop = vec![text.get(3..5).unwrap().to_owned()];
    let mut batch = TextBatchGenerator::new(&model, BatchOptions::default()).unwrap();
    let insert =
        |(prompt, options): (&&[u32], &GenerateOptions)| batch.insert(*prompt, options.clone()).unwrap();
    let ids: Vec<_> = prompts.iter().zip(&options).map(insert).collect();
    let (mut pieces, mut ends) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for Event { id, kind } in &mut batch {
        match kind {
            EventKind::New(piece) => {
                pieces.entry(id).or_default().push((piece.text, piece.token, piece.finish));
            }
            EventKind::Finished { reason, .. } => assert_eq!(ends.insert(id, reason), None),
            EventKind::Prompt { .. } => {}
            EventKind::Failed(error) => panic!("{error}"),
        }
    }
    assert!(batch.is_idle());
    for ((id, prompt), options) in ids.iter().zip(prompts).zip(options) {
        let expected = generate(prompt, options);
        assert_eq!(ends.get(id).copied(), expected.last().and_then(|(.., finish)| *finish));
        assert_eq!(pieces.remove(id).unwrap(), expected);
    }
    assert_eq!(ends.get(&ids[1]), Some(&FinishReason::Stop));
}

#[test]
fn log_probabilities_of_a_batch_are_those_of_each_text_alone() {
    let model = language("llama-untied");
    let options = |number| GenerateOptions { max_tokens: 6, logprobs: Some(number), ..choosing(number) };
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let ids: Vec<_> =
        (0..5).map(|number| batch.insert(&[7, number], options(number as usize)).unwrap()).collect();
    let mut told = BTreeMap::<SequenceId, Vec<Logprobs>>::new();
    for Event { id, kind } in &mut batch {
        if let EventKind::New(token) = kind {
            told.entry(id).or_default().push(token.logprobs.unwrap());
        }
    }
    for (number, id) in (0..).zip(ids) {
        let expected = model.generate_tokens(&[7, number], options(number as usize)).unwrap();
        for (told, expected) in told.remove(&id).unwrap().iter().zip(expected) {
            let expected = expected.unwrap().logprobs.unwrap();
            assert!((told.chosen - expected.chosen).abs() < 1e-4);
            let ids = |logprobs: &Logprobs| logprobs.top.iter().map(|&(id, _)| id).collect::<Vec<_>>();
            assert_eq!(ids(told), ids(&expected));
        }
    }
}

#[test]
fn a_constraint_holds_for_its_own_text() {
    let (model, accepted) = (language("llama-untied"), Arc::default());
    let texts = [
        Text { prompt: vec![2, 2], options: choice::counting(13, false, &accepted) },
        Text { prompt: vec![4, 1, 1], options: GenerateOptions { max_tokens: 9, ..choosing(1) } },
        Text { prompt: vec![4], options: choice::counting(7, true, &accepted) },
        Text { prompt: vec![9; 11], options: GenerateOptions { max_tokens: 3, ..choosing(3) } },
    ];
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let ids: Vec<_> =
        texts.iter().map(|text| batch.insert(&text.prompt, text.options.clone()).unwrap()).collect();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    for (id, text) in ids.iter().zip(&texts) {
        assert_eq!(told[id], alone(&model, text));
    }
    assert_eq!(told[&ids[0]], Told { tokens: vec![1, 4, 7, 10, 13], end: Some(Ok(FinishReason::Stop)) });
}

#[test]
fn a_stop_token_ends_a_text() {
    let model = language("llama-untied");
    let text = Text { prompt: vec![3, 1], options: GenerateOptions { max_tokens: 9, ..choosing(1) } };
    let tokens = alone(&model, &text).tokens;
    let stop = tokens[4];
    let before = tokens.iter().position(|&token| token == stop).unwrap();
    let options = BatchOptions { stop_tokens: vec![stop], ..BatchOptions::default() };
    let mut batch = BatchGenerator::new(model.model(), options).unwrap();
    let id = batch.insert(&text.prompt, text.options).unwrap();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    assert_eq!(told[&id], Told { tokens: tokens[..=before].to_vec(), end: Some(Ok(FinishReason::Stop)) });
}

#[test]
fn a_long_prompt_does_not_hold_the_others_up() {
    let model = language("llama-untied");
    let options = |max_tokens| GenerateOptions { max_tokens, ..GenerateOptions::default() };
    let limits = BatchOptions { prefill_step: 4, completion_batch_size: 2, ..BatchOptions::default() };
    let mut batch = BatchGenerator::new(model.model(), limits).unwrap();
    let first = batch.insert(&[1, 2], options(40)).unwrap();
    batch.step();
    batch.step();
    let long = batch.insert(vec![5; 30], options(2)).unwrap();
    let waits = batch.insert(&[1], options(2)).unwrap();
    let mut done = 0;
    while done < 29 {
        let events = batch.step();
        let new = |event: &Event| event.id == first && matches!(event.kind, EventKind::New(_));
        assert_eq!(events.iter().filter(|event| new(event)).count(), 1);
        let progress: Vec<_> = events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::Prompt { processed, total: 30 } if event.id == long => Some(processed),
                _ => None,
            })
            .collect();
        assert!(progress.len() <= 1);
        for processed in progress {
            assert!(processed > done && processed - done <= 4);
            done = processed;
        }
    }
    let mut running = Vec::new();
    while !batch.is_idle() {
        let events = batch.step();
        let tokens = events.iter().filter(|event| matches!(event.kind, EventKind::New(_)));
        running.push(tokens.map(|event| event.id).collect::<Vec<_>>());
    }
    assert!(running.iter().all(|ids| ids.len() <= 2), "{running:?}");
    assert!(running.iter().flatten().any(|&id| id == waits));
}

#[test]
fn a_cancelled_text_leaves_no_cache_and_no_word() {
    let model = language("llama-untied");
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let options = || GenerateOptions { max_tokens: 2, ..GenerateOptions::default() };
    let finished = batch.insert(BatchPrompt::new([4, 5, 6]).keep_cache(), options()).unwrap();
    let other = batch.insert(&[1], options()).unwrap();
    let told = batch.by_ref().map(|event| event.id).collect::<Vec<_>>();
    assert!(told.contains(&finished) && told.contains(&other));
    assert!(!batch.cancel(finished));
    assert!(batch.take_cache(finished).is_none());
    let third = batch.insert(&[1, 2], options()).unwrap();
    assert!(third != finished && third != other);
    assert_eq!(batch.next().map(|event| event.id), Some(third));
    assert!(batch.cancel(third));
    assert!(batch.next().is_none());
}

#[test]
fn a_text_that_is_enough_ends_where_it_is_and_leaves_its_cache() {
    let model = language("llama-untied");
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let options = || GenerateOptions { max_tokens: 20, ..GenerateOptions::default() };
    let prompt = [4, 5, 6];
    let first = batch.insert(BatchPrompt::new(prompt).keep_cache(), options()).unwrap();
    assert!(!batch.finish(first, FinishReason::Stop), "it has not begun");
    let other = batch.insert(&[1, 2], options()).unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        let news = batch.step().into_iter().filter(|event| event.id == first);
        told.extend(news.filter_map(|event| match event.kind {
            EventKind::New(token) => Some(token.id),
            _ => None,
        }));
    }
    assert!(batch.finish(first, FinishReason::Stop));
    assert!(!batch.finish(first, FinishReason::Stop), "it has ended");
    assert!(!batch.is_idle());
    let events: Vec<_> = batch.by_ref().collect();
    let of_first: Vec<_> = events.iter().filter(|event| event.id == first).collect();
    assert!(matches!(
        of_first.as_slice(),
        [Event { kind: EventKind::Finished { reason: FinishReason::Stop, .. }, .. }]
    ));
    assert_eq!(events.iter().filter(|event| matches!(event.kind, EventKind::Finished { .. })).count(), 2);
    let (cache, tokens) = batch.take_cache(first).unwrap();
    assert_eq!(tokens, [prompt.as_slice(), told.as_slice()].concat());
    assert!(cache.offset() as usize >= tokens.len() - 1);
    assert!(events.iter().any(|event| event.id == other));
    let last = batch.insert(&[1, 2], options()).unwrap();
    while !batch.step().iter().any(|event| matches!(event.kind, EventKind::New(_))) {}
    assert!(batch.finish(last, FinishReason::Stop));
    assert!(!batch.is_idle(), "its end is not told yet");
    assert_eq!(batch.step().len(), 1);
    assert!(batch.is_idle());
}

#[test]
fn the_cache_of_a_prompt_is_there_while_its_text_is_written() {
    let model = language("llama-untied");
    let text = |prompt: &[u32]| Text {
        prompt: prompt.to_vec(),
        options: GenerateOptions { max_tokens: 6, ..choosing(0) },
    };
    // Two that are run together, and one in parts.
    let texts = [text(&[4, 5, 6, 7]), text(&[9, 8, 7]), text(&[3; 40])];
    let mut batch = BatchGenerator::new(model.model(), BatchOptions { prefill_step: 16, ..SMALL }).unwrap();
    let insert = |batch: &mut BatchGenerator<'_>, text: &Text| {
        batch.insert(BatchPrompt::new(text.prompt.clone()).keep_prompt_cache(), text.options.clone()).unwrap()
    };
    let ids: Vec<_> = texts.iter().map(|text| insert(&mut batch, text)).collect();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    for (id, text) in ids.iter().zip(&texts) {
        let expected = alone(&model, text);
        assert_eq!(told[id], expected);
        let (cache, tokens) = batch.take_prompt_cache(*id).unwrap();
        assert_eq!((cache.offset() as usize + 1, &tokens), (text.prompt.len(), &text.prompt));
        assert!(batch.take_prompt_cache(*id).is_none() && batch.take_cache(*id).is_none());
        let again = batch.insert(BatchPrompt::new(tokens).cache(cache), text.options.clone()).unwrap();
        record(&mut told, &mut batch);
        assert_eq!(told[&again], expected);
    }
}

#[test]
fn the_cache_of_a_finished_text_is_the_beginning_of_another() {
    let model = language("llama-4bit-wide");
    let quantized = |start| CacheOptions {
        kv_bits: Some(8),
        kv_group_size: 32,
        quantized_kv_start: start,
        ..CacheOptions::default()
    };
    let limited = CacheOptions { max_kv_size: Some(8), keep: 3, ..CacheOptions::default() };
    let caches = [CacheOptions::default(), limited, quantized(0), quantized(7)];
    let text = |number: usize, prompt: Vec<u32>| {
        let cache = caches[number].clone();
        Text { prompt, options: GenerateOptions { max_tokens: 5, cache, prefill_step: 64, ..choosing(0) } }
    };
    let begin = |number: usize| text(number, vec![2 + number as u32; 6]);
    let stop = alone(&model, &begin(0)).tokens[2];
    let options = BatchOptions { stop_tokens: vec![stop], ..BatchOptions::default() };
    let mut batch = BatchGenerator::new(model.model(), options).unwrap();
    let insert = |number| {
        let Text { prompt, options } = begin(number);
        batch.insert(BatchPrompt::new(prompt).keep_cache(), options).unwrap()
    };
    let ids: Vec<_> = (0..4).map(insert).collect();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    assert_eq!(told[&ids[0]].end, Some(Ok(FinishReason::Stop)));
    for (number, id) in ids.iter().enumerate() {
        let (cache, tokens) = batch.take_cache(*id).unwrap();
        assert!(batch.take_cache(*id).is_none());
        assert_eq!(tokens, [begin(number).prompt, told[id].tokens.clone()].concat());
        let all = if told[id].end == Some(Ok(FinishReason::Stop)) { tokens.len() } else { tokens.len() - 1 };
        assert_eq!(cache.offset() as usize, all);
        let Text { prompt, options } = text(number, [tokens, vec![9, 8, 7]].concat());
        let again = batch.insert(BatchPrompt::new(prompt.clone()).cache(cache), options.clone()).unwrap();
        let mut told = Record::new();
        record(&mut told, &mut batch);
        // Alone, the whole prompt is run before any of it is quantized.
        if number != 3 {
            let mut expected = alone(&model, &Text { prompt, options });
            if let Some(place) = expected.tokens.iter().position(|&token| token == stop) {
                expected.tokens.truncate(place + 1);
                expected.end = Some(Ok(FinishReason::Stop));
            }
            assert_eq!(told[&again], expected, "text {number}");
        }
    }
}

#[test]
fn what_cannot_be_run_is_refused_when_it_comes() {
    let model = language("llama-untied");
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let mut refusal = |prompt: BatchPrompt, options: GenerateOptions| {
        batch.insert(prompt, options).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let options = GenerateOptions::default;
    assert!(refusal(Vec::new().into(), options()).contains("empty"));
    assert!(refusal(vec![5000].into(), options()).contains("outside the vocabulary"));
    let hot = GenerateOptions { sampler: Sampler::default().temperature(-1.0), ..options() };
    assert!(refusal(vec![1].into(), hot).contains("temperature"));
    let filled = || {
        let mut cache = model.model().cache();
        model.model().logits(&[1, 2, 3], &mut cache).unwrap();
        cache
    };
    assert!(refusal(BatchPrompt::new([1, 2, 3]).cache(filled()), options()).contains("trim it"));
    let limited = CacheOptions { max_kv_size: Some(9), ..CacheOptions::default() };
    let limited = GenerateOptions { cache: limited, ..options() };
    assert!(refusal(BatchPrompt::new([1, 2, 3, 4]).cache(filled()), limited).contains("other options"));
    assert!(batch.is_idle() && batch.step().is_empty());
    for (name, options) in [
        ("completion_batch_size", BatchOptions { completion_batch_size: 0, ..BatchOptions::default() }),
        ("prefill_batch_size", BatchOptions { prefill_batch_size: 0, ..BatchOptions::default() }),
        ("prefill_step", BatchOptions { prefill_step: 0, ..BatchOptions::default() }),
    ] {
        let refused = BatchGenerator::new(model.model(), options).err().unwrap().to_string();
        assert!(refused.contains(name), "{refused}");
    }
}

#[test]
fn a_text_without_tokens_to_come_leaves_its_cache() {
    let model = language("llama-untied");
    let mut batch = BatchGenerator::new(model.model(), BatchOptions::default()).unwrap();
    let options = GenerateOptions { max_tokens: 0, ..GenerateOptions::default() };
    let id = batch.insert(BatchPrompt::new([4, 5, 6]).keep_cache(), options).unwrap();
    let mut told = Record::new();
    record(&mut told, &mut batch);
    assert_eq!(told[&id], Told { tokens: Vec::new(), end: Some(Ok(FinishReason::Length)) });
    let (cache, tokens) = batch.take_cache(id).unwrap();
    assert_eq!((cache.offset(), tokens), (2, vec![4, 5, 6]));
}

/// The bytes in use once nothing is being computed.
fn active() -> usize {
    mlx_core::Stream::current().unwrap().synchronize().unwrap();
    memory::active().unwrap()
}

#[test]
fn memory_is_given_back_when_texts_leave() {
    let model = language("llama-untied");
    let options = |max_tokens| GenerateOptions { max_tokens, ..GenerateOptions::default() };
    let run = |steps: usize, leave: &[usize]| {
        let mut batch = BatchGenerator::new(model.model(), SMALL).unwrap();
        let lengths = [70, 3, 40, 5];
        let ids = lengths.map(|length| batch.insert(vec![3; length], options(300)).unwrap());
        for _ in 0..steps {
            batch.step();
        }
        let full = active();
        for &text in leave {
            assert!(batch.cancel(ids[text]));
            assert!(!batch.cancel(ids[text]));
        }
        for _ in 0..2 {
            batch.step();
        }
        (full, active(), batch.is_idle())
    };
    run(3, &[]);
    let before = active();
    for steps in [0, 1, 2, 5, 9] {
        let (_, after, idle) = run(steps, &[0, 1, 2, 3]);
        assert!(idle);
        assert!(after <= before, "{after} bytes are in use after {steps} steps, {before} were before");
    }
    let (full, after, idle) = run(12, &[0, 2, 3]);
    assert!(!idle && after < full, "{after} bytes are in use, {full} were");
    assert!(active() <= before);
}
