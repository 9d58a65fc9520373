//! How fast products with matrices of every coding are: `cargo bench -p mlx-cpu --bench codings`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::time::Instant;

use half::bf16;
use mlx_cpu::quantized::{self, Coding, Precision, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut, Pairs};

const ROWS: usize = 4096;
const COLUMNS: usize = 4096;

/// The best of some rounds, in seconds.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(time).fold(f64::INFINITY, f64::min)
}

/// Numbers that look random.
fn words(count: usize) -> Vec<u32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.rotate_right(16)
    };
    (0..count).map(|_| next()).collect()
}

fn main() {
    println!("{} threads, {}", mlx_cpu::threads(), Level::best());
    let codings = [
        ("4 bits", Coding::Affine(4), 4, 64),
        ("2 bits", Coding::Affine(2), 2, 64),
        ("3 bits", Coding::Affine(3), 3, 64),
        ("5 bits", Coding::Affine(5), 5, 64),
        ("6 bits", Coding::Affine(6), 6, 64),
        ("8 bits", Coding::Affine(8), 8, 64),
        ("mxfp4", Coding::E2m1, 4, 32),
        ("nvfp4", Coding::E2m1, 4, 16),
        ("mxfp8", Coding::E4m3, 8, 32),
    ];
    for (name, coding, bits, group) in codings {
        let groups = ROWS * COLUMNS / group;
        let copies = (64 << 20) / (ROWS * COLUMNS * bits / 8) + 1;
        let packed = words(copies * ROWS * COLUMNS * bits / 32);
        let (numbers, bytes) = (vec![bf16::from_f32(0.01); groups], vec![120; groups]);
        let (scales, biases) = match (coding, group) {
            (Coding::Affine(_), _) => {
                (Scales::Numbers(Numbers::Bf16(&numbers)), Some(Numbers::Bf16(&numbers)))
            }
            (_, 16) => (Scales::E4m3(&bytes, 1.0), None),
            _ => (Scales::E8m0(&bytes), None),
        };
        let matrices: Vec<_> = packed
            .chunks_exact(ROWS * COLUMNS * bits / 32)
            .map(|words| Quantized::new(words, scales, biases, COLUMNS, group, coding).unwrap())
            .collect();
        let bytes = (ROWS * COLUMNS * bits / 8 + groups * if biases.is_some() { 4 } else { 1 }) as f64;
        measure(name, &matrices, bytes);
    }
    experts();
}

type Multiply = fn(Level, Numbers<'_>, &Quantized<'_>, NumbersMut<'_>) -> bool;

/// Products of one row and of many, with the matrix transposed and as it stands.
fn measure(name: &str, matrices: &[Quantized<'_>], bytes: f64) {
    let level = Level::best();
    for m in [1, 256] {
        let x: Vec<f32> = words(m * COLUMNS).iter().map(|&word| word as f32 / 4e9 - 0.5).collect();
        let mut out = vec![0.0_f32; m * ROWS];
        let used = if m == 1 { matrices } else { matrices.get(..1).unwrap() };
        let mut time = |multiply: Multiply| {
            let round = || {
                for w in used {
                    assert!(multiply(level, Numbers::F32(&x), w, NumbersMut::F32(&mut out)));
                }
            };
            best(6, round) / used.len() as f64
        };
        let rounded: Multiply =
            |level, x, w, out| quantized::multiply(level, x, &w.with_precision(Precision::Int8), out);
        let times = [
            ("x · wT", time(quantized::multiply)),
            ("x · wT in integers", time(rounded)),
            ("x · w", time(quantized::multiply_plain)),
        ];
        for (form, time) in times {
            let (speed, flops) = (bytes / time / 1e9, 2.0 * (m * ROWS * COLUMNS) as f64 / time / 1e9);
            println!("{name}, {m} rows, {form}: {speed:.1} GB/s, {flops:.0} GFLOP/s");
        }
    }
}

/// A layer of 64 experts, 8 for each token.
fn experts() {
    let (level, stack, rows, columns) = (Level::best(), 64, 768, 2048);
    let packed = words(stack * rows * columns / 8);
    let numbers = vec![bf16::from_f32(0.01); stack * rows * columns / 64];
    let numbers = Numbers::Bf16(&numbers);
    let w = Quantized::new(&packed, Scales::Numbers(numbers), Some(numbers), columns, 64, Coding::Affine(4))
        .unwrap();
    for tokens in [1, 512] {
        let x = vec![0.5_f32; tokens * columns];
        let mut out = vec![0.0_f32; tokens * 8 * rows];
        let left: Vec<u32> = (0..tokens as u32).flat_map(|token| [token; 8]).collect();
        let mut shift = 0;
        let time = best(32, || {
            shift += 8;
            let right: Vec<u32> = (0..left.len() as u32).map(|at| (at * 5 + shift) % stack as u32).collect();
            let pairs = Pairs { left: &left, right: &right, rows: 1, stack };
            assert!(quantized::gather(level, Numbers::F32(&x), &w, pairs, NumbersMut::F32(&mut out)));
        });
        let read = (left.len().min(stack) * rows * columns) as f64 * 0.5625;
        let flops = 2.0 * (left.len() * rows * columns) as f64;
        println!(
            "8 of 64 experts, {tokens} tokens: {:.1} GB/s, {:.0} GFLOP/s",
            read / time / 1e9,
            flops / time / 1e9
        );
    }
}
