//! How fast products are, beside what memory and arithmetic allow: `cargo bench -p mlx-cpu --bench products`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::time::Instant;

use mlx_cpu::quantized::{self, Coding, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut};

/// The best of some rounds, in seconds.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Numbers that look random.
fn words(count: usize) -> Vec<u32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    (0..count).map(|_| next()).collect()
}

fn main() {
    println!("{} threads", mlx_cpu::threads());
    let level = Level::best();
    let only_few = std::env::args().any(|arg| arg == "few");
    for (rows, columns) in [(4096, 4096), (3072, 1024), (256, 1024), (1536, 576)] {
        for bits in [4, 8, 2, 3] {
            // More matrices than the caches hold; of the smallest only one, which stays in them.
            let (group, copies) =
                (64, if rows == 256 { 0 } else { 64 << 20 } / (rows * columns * bits / 8) + 1);
            let packed = words(copies * rows * columns * bits / 32);
            let scales: Vec<half::bf16> = vec![half::bf16::from_f32(0.01); rows * columns / group];
            let matrices: Vec<_> = packed
                .chunks_exact(rows * columns * bits / 32)
                .map(|words| {
                    let scales = Numbers::Bf16(&scales);
                    let coding = Coding::Affine(bits as u32);
                    Quantized::new(words, Scales::Numbers(scales), Some(scales), columns, group, coding)
                        .unwrap()
                })
                .collect();
            for m in [1, 2, 4, 8, 16, 64, 512] {
                if only_few && m > 4 {
                    continue;
                }
                if m > 1 && bits != 4 {
                    continue;
                }
                let x: Vec<f32> = words(m * columns).iter().map(|&w| w as f32 / 4e9 - 0.5).collect();
                let mut out = vec![0.0_f32; m * rows];
                let used = matrices.get(..if m < 16 { matrices.len() } else { 1 }).unwrap();
                let time = best(if m > 4 { 5 } else { 40 }, || {
                    for w in used {
                        assert!(quantized::multiply(level, Numbers::F32(&x), w, NumbersMut::F32(&mut out)));
                    }
                }) / used.len() as f64;
                let bytes = rows * columns * bits / 8 + rows * columns / group * 4;
                let flops = 2.0 * (m * rows * columns) as f64;
                println!(
                    "{rows}x{columns} {bits} bits, {m} rows: {:.1} GB/s, {:.0} GFLOP/s",
                    bytes as f64 / time / 1e9,
                    flops / time / 1e9
                );
                if m > 4 {
                    continue;
                }
                let x: Vec<_> = x.iter().map(|&x| half::bf16::from_f32(x)).collect();
                let mut out = vec![half::bf16::ZERO; m * rows];
                let time = best(if m > 4 { 5 } else { 40 }, || {
                    for w in used {
                        let (x, out) = (Numbers::Bf16(&x), NumbersMut::Bf16(&mut out));
                        assert!(quantized::multiply(level, x, w, out));
                    }
                }) / used.len() as f64;
                println!("    bf16: {:.1} GB/s", bytes as f64 / time / 1e9);
            }
        }
    }
}
