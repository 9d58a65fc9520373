//! How fast attention is, beside what memory and arithmetic allow: `cargo bench -p mlx-cpu --bench attention`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and may stop"
)]

use std::time::Instant;

use half::bf16;
use mlx_cpu::attention::{Attention, Heads, Reach, attention};
use mlx_cpu::quantized::{Coding, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut};

/// What one core does of multiplications with additions, on the processor that the kernels were made on.
const PEAK: f64 = 110e9;

/// Elements of all keys that are read one after the other, so that they come from memory.
const STORE: usize = 16 << 20;

/// The best of some rounds, in seconds.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

/// Bytes a second that all threads read from memory.
fn bandwidth() -> f64 {
    let memory = vec![1_u64; 32 << 20];
    let time = best(5, || {
        std::thread::scope(|scope| {
            for part in memory.chunks(memory.len() / mlx_cpu::threads()) {
                scope.spawn(|| std::hint::black_box(part.iter().fold(0, |sum: u64, x| sum.wrapping_add(*x))));
            }
        });
    });
    memory.len() as f64 * 8.0 / time
}

/// Heads, heads of keys and their width.
type Sizes = (&'static str, usize, usize, usize);

fn numbers(count: usize) -> Vec<bf16> {
    (0..count).map(|at| bf16::from_f32((at * 7919 % 2003) as f32 / 1000.0 - 1.0)).collect()
}

fn whole(numbers: &[bf16], heads: usize, length: usize, width: usize) -> Heads<'_> {
    let strides = [heads * length * width, length * width, width];
    Heads::new(Numbers::Bf16(numbers), [1, heads, length, width], strides).unwrap()
}

/// One query, keys from memory; each of several stores in turn.
fn decode(level: Level, (name, heads, kv_heads, width): Sizes, keys: usize, ceiling: f64) {
    let size = kv_heads * keys * width;
    let store = numbers(STORE / size * size);
    let query = numbers(heads * width);
    let q = whole(&query, heads, 1, width);
    let mut out = vec![bf16::ZERO; heads * width];
    let how = Attention { reach: Reach::Causal, ..Attention::new(0.1) };
    let pairs: Vec<_> = store.chunks_exact(2 * size).map(|pair| pair.split_at(size)).collect();
    let time = best(9, || {
        for (k, v) in &pairs {
            let (k, v) = (whole(k, kv_heads, keys, width), whole(v, kv_heads, keys, width));
            assert!(attention(level, &q, &k, &v, &how, NumbersMut::Bf16(&mut out)));
        }
    }) / pairs.len() as f64;
    let (bytes, flops) = (4.0 * size as f64, 4.0 * (heads * keys * width) as f64);
    println!(
        "{name}, 1 query, {keys} keys: {:.0} us, {:.1} of {:.1} GB/s, {:.0} GFLOP/s",
        time * 1e6,
        bytes / time / 1e9,
        ceiling / 1e9,
        flops / time / 1e9
    );
}

/// One query, keys of 4 or 8 bits.
fn decode_quantized(level: Level, (name, heads, kv_heads, width): Sizes, keys: usize, bits: usize) {
    let size = kv_heads * keys * width;
    let words: Vec<u32> = (0..size * bits / 32).map(|at| at as u32 * 2_654_435_761).collect();
    let scales = numbers(size / 64);
    let scales = Numbers::Bf16(&scales);
    let coding = Coding::Affine(bits as u32);
    let matrix = Quantized::new(&words, Scales::Numbers(scales), Some(scales), width, 64, coding).unwrap();
    let k = Heads::quantized(matrix, [1, kv_heads, keys, width], [0, keys, 1]).unwrap();
    let query = numbers(heads * width);
    let q = whole(&query, heads, 1, width);
    let mut out = vec![bf16::ZERO; heads * width];
    let how = Attention { reach: Reach::Causal, ..Attention::new(0.1) };
    let time = best(99, || {
        assert!(attention(level, &q, &k, &k, &how, NumbersMut::Bf16(&mut out)));
    });
    let flops = 4.0 * (heads * keys * width) as f64;
    println!(
        "{name}, 1 query, {keys} keys of {bits} bits: {:.0} us, {:.0} GFLOP/s",
        time * 1e6,
        flops / time / 1e9
    );
}

/// Some queries at the end of as many or more keys.
fn prefill(level: Level, (name, heads, kv_heads, width): Sizes, [queries, keys]: [usize; 2], reach: Reach) {
    let store = numbers(heads * queries * width + kv_heads * keys * width);
    let q = whole(&store, heads, queries, width);
    let k = whole(&store[heads * queries * width..], kv_heads, keys, width);
    let mut out = vec![bf16::ZERO; heads * queries * width];
    let how = Attention { reach, ..Attention::new(0.1) };
    let time = best(9, || assert!(attention(level, &q, &k, &k, &how, NumbersMut::Bf16(&mut out))));
    let masked = if reach == Reach::All { 0 } else { queries * (queries - 1) / 2 };
    let flops = 4.0 * (heads * (queries * keys - masked) * width) as f64;
    println!(
        "{name}, {queries} queries, {keys} keys, {reach:?}: {:.2} ms, {:.0} GFLOP/s, {:.0} % of {:.0}",
        time * 1e3,
        flops / time / 1e9,
        flops / time / PEAK / mlx_cpu::threads() as f64 * 100.0,
        PEAK * mlx_cpu::threads() as f64 / 1e9
    );
}

fn main() {
    let (level, ceiling) = (Level::best(), bandwidth());
    println!("{} threads, {level}", mlx_cpu::threads());
    for sizes in [("SmolLM2-135M", 9, 3, 64), ("Qwen3-0.6B", 16, 8, 128)] {
        for keys in [128, 1024, 4096] {
            decode(level, sizes, keys, ceiling);
        }
        for bits in [4, 8] {
            decode_quantized(level, sizes, 1024, bits);
        }
        for reach in [Reach::Causal, Reach::All] {
            prefill(level, sizes, [512, 512], reach);
            prefill(level, sizes, [512, 2048], reach);
        }
        prefill(level, sizes, [16, 1024], Reach::Causal);
    }
}
