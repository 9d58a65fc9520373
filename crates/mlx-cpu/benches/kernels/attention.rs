//! Attention of one query and of many, in the shape of Qwen3-0.6B.

use mlx_cpu::attention::{Attention, Heads, Reach, attention};
use mlx_cpu::{Level, Numbers};

use super::measure::{Bench, Case, Limit, copies};
use super::quantized::{Form, Matrices};
use super::store::{Kind, Store};

const HEADS: usize = 16;
const KV_HEADS: usize = 8;
const WIDTH: usize = 128;

pub(crate) fn run(bench: &Bench) {
    if bench.wants("attention") {
        [1024, 4096].iter().for_each(|&keys| decode(bench, keys));
        [4, 8].iter().for_each(|&bits| decode_quantized(bench, 4096, bits));
        [512, 2048].iter().for_each(|&keys| prefill(bench, 512, keys));
    }
}

fn settings() -> Attention<'static> {
    Attention { reach: Reach::Causal, ..Attention::new(0.1) }
}

fn heads(numbers: Numbers<'_>, heads: usize, length: usize) -> Heads<'_> {
    let strides = [heads * length * WIDTH, length * WIDTH, WIDTH];
    Heads::new(numbers, [1, heads, length, WIDTH], strides).unwrap()
}

/// What one call does, for queries at the end of the keys.
fn case([queries, keys]: [usize; 2], form: &str, bytes: usize) -> Case {
    let causal = if queries == 1 { "" } else { ", causal" };
    let pairs = queries * keys - queries * (queries - 1) / 2;
    Case {
        kernel: "attention",
        what: format!("{queries} x {HEADS} queries, {keys} x {KV_HEADS} keys {form}{causal}"),
        bytes,
        operations: 4 * HEADS * WIDTH * pairs,
        limit: if queries == 1 { Limit::Read } else { Limit::Arithmetic },
    }
}

fn decode(bench: &Bench, keys: usize) {
    let size = KV_HEADS * keys * WIDTH;
    let count = copies(4 * size);
    let store = Store::random(Kind::Bf16, count * 2 * size);
    let query = Store::random(Kind::Bf16, HEADS * WIDTH);
    let mut out = Store::random(Kind::Bf16, HEADS * WIDTH);
    bench.measure(&case([1, keys], "bf16", 4 * size), count, |at| {
        let [k, v] = [2 * at, 2 * at + 1].map(|at| heads(store.piece(at, size), KV_HEADS, keys));
        attention(Level::best(), &heads(query.all(), HEADS, 1), &k, &v, &settings(), out.all_mut())
    });
}

fn decode_quantized(bench: &Bench, keys: usize, bits: u32) {
    let form = Form::affine(bits);
    let bytes = 2 * form.bytes(KV_HEADS * keys * WIDTH);
    let count = copies(bytes);
    let store = Matrices::random(form, [KV_HEADS * keys, WIDTH], 2 * count);
    let query = Store::random(Kind::Bf16, HEADS * WIDTH);
    let mut out = Store::random(Kind::Bf16, HEADS * WIDTH);
    bench.measure(&case([1, keys], &form.to_string(), bytes), count, |at| {
        let [k, v] = [2 * at, 2 * at + 1]
            .map(|at| Heads::quantized(store.get(at), [1, KV_HEADS, keys, WIDTH], [0, keys, 1]).unwrap());
        attention(Level::best(), &heads(query.all(), HEADS, 1), &k, &v, &settings(), out.all_mut())
    });
}

fn prefill(bench: &Bench, queries: usize, keys: usize) {
    let size = KV_HEADS * keys * WIDTH;
    let query = Store::random(Kind::Bf16, HEADS * queries * WIDTH);
    let store = Store::random(Kind::Bf16, 2 * size);
    let mut out = Store::random(Kind::Bf16, HEADS * queries * WIDTH);
    bench.measure(&case([queries, keys], "bf16", 4 * size), 1, |_| {
        let [k, v] = [0, 1].map(|at| heads(store.piece(at, size), KV_HEADS, keys));
        attention(Level::best(), &heads(query.all(), HEADS, queries), &k, &v, &settings(), out.all_mut())
    });
}
