//! A small model of bytes with each kind of cache, random but for what it may write.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result, stack};
use mlx_lm::cache::{KvCache, LayerCache};
use mlx_lm::sampling::{History, Processor};
use mlx_lm::{Decoder, GenerateOptions, LanguageModel, Model, Processors, Sampler};
use mlx_nn::Module;
use mlx_text::{ChatTemplate, GgufVocab, Tokenizer};

const WIDTH: i32 = 16;
const SPECIAL: [&str; 6] =
    ["<|im_end|>", "<|im_start|>", "<think>", "</think>", "<tool_call>", "</tool_call>"];
pub(super) const VOCABULARY: i32 = 256 + SPECIAL.len() as i32;

/// The token that ends a text.
const END: u32 = 256;

const TEMPLATE: &str = "\
{%- if tools %}{{ '<|im_start|>tools\\n' + tools | tojson + '<|im_end|>\\n' }}{% endif -%}
{%- for m in messages -%}
{%- if m.role == 'nobody' %}{{ raise_exception('nobody speaks') }}{% endif -%}
{{- '<|im_start|>' + m.role + '\\n' -}}
{%- if m.reasoning_content is defined and loop.last %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif -%}
{{- m.content -}}
{%- for call in m.tool_calls -%}
{{- '<tool_call>\\n' + call.function | tojson + '\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif -%}";

thread_local! {
    /// How many tokens decoders have run in this thread.
    static RUN: Cell<usize> = const { Cell::new(0) };
}

/// How many tokens `work` runs, and what it gives.
pub(super) fn run_by<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = RUN.get();
    let result = work();
    (RUN.get() - before, result)
}

/// What a layer remembers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Full,
    Rotating,
    Recurrent,
    Hybrid,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Full, Kind::Rotating, Kind::Recurrent, Kind::Hybrid];

#[derive(Module)]
struct Small {
    embedding: Array,
    head: Array,
    bias: Array,
    window: i32,
    attends: bool,
    recurs: bool,
}

impl Decoder for Small {
    fn embed(&self, tokens: &Array) -> Result<Array> {
        self.embedding.take(tokens, 0)
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> Result<Array> {
        let [_, length, _] = hidden.dims()?;
        RUN.set(RUN.get() + usize::try_from(length).unwrap());
        let mask =
            if self.window > 0 { cache.sliding_mask(&hidden, self.window)? } else { cache.mask(&hidden)? };
        let mut sum = hidden.clone();
        let mut layers = cache.layers();
        if self.attends {
            let h = hidden.reshape([1, 1, length, WIDTH])?;
            let seen = layers.next().unwrap().attend(&h, &h, &h, 0.5, &mask)?;
            sum = (sum + seen.reshape([1, length, WIDTH])? * 2.0)?;
        }
        if self.recurs {
            sum = (sum + recur(&hidden, layers.next().unwrap())?)?;
        }
        Ok(sum)
    }

    fn scores(&self, states: &Array) -> Result<Array> {
        states.matmul(&self.head)? + &self.bias
    }

    fn cache(&self) -> KvCache {
        let attention = if self.window > 0 { LayerCache::sliding(self.window) } else { LayerCache::full() };
        let layers = [self.attends.then_some(attention), self.recurs.then(|| LayerCache::state(1))];
        KvCache::new(layers.into_iter().flatten())
    }
}

/// A sum in which earlier tokens fade.
fn recur(hidden: &Array, layer: &mut LayerCache) -> Result<Array> {
    let length = hidden.dim(1)?;
    let cache = layer.state_mut()?;
    let mut state = match cache.get(0) {
        Some(state) => state.clone(),
        None => Array::zeros([1, WIDTH], Dtype::Float32)?,
    };
    let mut states = Vec::new();
    for at in 0..length {
        state = ((state * 0.8)? + hidden.index((.., at))?)?;
        states.push(state.clone());
    }
    cache.set(0, state)?;
    cache.advance(length);
    stack(&states, 1)
}

/// A model that writes lower-case letters, and ends now and then.
pub(super) fn model(kind: Kind) -> LanguageModel {
    let mut key = Key::new(3).unwrap();
    let mut normal = |shape: [i32; 2]| random::normal(shape, Dtype::Float32, &key.next().unwrap()).unwrap();
    let may_write = |token: u32| token == END || (u32::from(b'a')..=u32::from(b'z')).contains(&token);
    let bias: Vec<f32> =
        (0..VOCABULARY as u32).map(|token| if may_write(token) { 0.0 } else { -1e4 }).collect();
    let decoder = Small {
        embedding: normal([VOCABULARY, WIDTH]),
        head: normal([WIDTH, VOCABULARY]),
        bias: Array::from_slice(&bias, [VOCABULARY]).unwrap(),
        window: if kind == Kind::Rotating { 24 } else { 0 },
        attends: kind != Kind::Recurrent,
        recurs: matches!(kind, Kind::Recurrent | Kind::Hybrid),
    };
    LanguageModel::new(Model::of(decoder, VOCABULARY as usize), tokenizer())
}

fn tokenizer() -> Tokenizer {
    let mut other = 256..;
    let mut letter = |byte: u8| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => char::from_u32(other.next().unwrap()).unwrap(),
    };
    let mut tokens: Vec<String> = (0..=255).map(|byte| letter(byte).to_string()).collect();
    tokens.extend(SPECIAL.map(String::from));
    let vocab = GgufVocab {
        model: "gpt2".into(),
        pre: Some("gpt-2".into()),
        token_types: (0..tokens.len()).map(|token| if token < 256 { 1 } else { 3 }).collect(),
        tokens,
        eos: Some(END),
        ..GgufVocab::default()
    };
    Tokenizer::from_gguf(&vocab).unwrap().with_chat_template(ChatTemplate::new(TEMPLATE))
}

pub(super) fn options() -> GenerateOptions {
    GenerateOptions {
        max_tokens: 20,
        sampler: Sampler::default().temperature(1.5).seed(11),
        prefill_step: 7,
        ..GenerateOptions::default()
    }
}

/// What the model is to write, until it has written it.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<Vec<u32>>>);

impl Script {
    pub(super) fn set(&self, model: &LanguageModel, text: &str) {
        *self.0.lock().unwrap() = model.tokenizer().encode(text, false).unwrap();
    }

    /// Options under which the script is the most likely text.
    pub(super) fn options(&self) -> GenerateOptions {
        let script = self.clone();
        let processor = Processor::new(move |history: &History, scores: &Array| {
            let token = script.0.lock().unwrap().get(history.new_tokens()).copied().unwrap_or(END);
            scores.at((.., &Array::from([token]))).add(1e6)
        });
        let processors = Processors { custom: vec![processor], ..Processors::default() };
        GenerateOptions { processors, max_tokens: 200, ..GenerateOptions::default() }
    }
}
