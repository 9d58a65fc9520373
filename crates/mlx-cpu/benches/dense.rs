//! How fast products of dense matrices are, beside what memory and arithmetic allow:
//! `cargo bench -p mlx-cpu --bench dense`.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop"
)]

use std::hint::black_box;
use std::time::Instant;

use half::bf16;
use mlx_cpu::convolution::{self, Axis, Channels};
use mlx_cpu::dense::{self, Order, Sizes};
use mlx_cpu::{Level, Numbers, NumbersMut};

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

/// Numbers that look random, between -1 and 1.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / 2_147_483_648.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// What all threads together read from memory, in GB/s.
fn memory() -> f64 {
    let all = vec![1_u64; 32 << 20];
    let time = best(10, || {
        std::thread::scope(|scope| {
            for part in all.chunks(all.len().div_ceil(mlx_cpu::threads())) {
                scope.spawn(move || black_box(part.iter().fold(0_u64, |sum, x| sum.wrapping_add(*x))));
            }
        });
    });
    size_of_val(&all[..]) as f64 / time / 1e9
}

/// One way to multiply, with as many matrices as do not fit the caches.
fn measure(name: &str, sizes: Sizes, left: Numbers<'_>, rights: &[Numbers<'_>]) {
    let mut out = vec![0.0_f32; sizes.rows * sizes.columns];
    let rights = if sizes.rows < 16 { rights } else { &rights[..1] };
    let time = best(if sizes.rows > 100 { 9 } else { 15 }, || {
        for &right in rights {
            let out = NumbersMut::F32(&mut out);
            assert!(dense::multiply(Level::best(), sizes, left, right, out));
        }
    }) / rights.len() as f64;
    let elements = (sizes.depth * sizes.columns) as f64;
    let bytes = elements * if matches!(rights[0], Numbers::F32(_)) { 4.0 } else { 2.0 };
    println!(
        "{:?} [{}, {}] of {name}, {} rows: {:.1} GB/s, {:.0} GFLOP/s",
        sizes.order,
        sizes.columns,
        sizes.depth,
        sizes.rows,
        bytes / time / 1e9,
        2.0 * elements * sizes.rows as f64 / time / 1e9
    );
}

/// A convolution of a model.
fn convolution(name: &str, axes: [Axis; 2], channels: Channels) {
    let [rows, columns] = axes.map(|axis| axis.positions().unwrap());
    let places = axes[0].kernel * axes[1].kernel;
    let x = numbers(axes[0].length * axes[1].length * channels.input);
    let w = numbers(channels.output * places * channels.input / channels.groups);
    let mut out = vec![0.0_f32; rows * columns * channels.output];
    let time = best(15, || {
        let (x, w, out) = (Numbers::F32(&x), Numbers::F32(&w), NumbersMut::F32(&mut out));
        assert!(convolution::conv2d(Level::best(), axes, channels, x, w, out));
    });
    let flops = 2.0 * (w.len() * rows * columns) as f64;
    println!("{name}: {:.2} ms, {:.0} GFLOP/s", time * 1e3, flops / time / 1e9);
}

fn convolutions() {
    let axis = |length, kernel, stride, padding| Axis { length, kernel, stride, padding, dilation: 1 };
    let one = axis(1, 1, 1, [0; 2]);
    let channels = |input, output, groups| Channels { input, output, groups };
    let patch = axis(224, 14, 14, [0; 2]);
    convolution("conv1d of 3000, 80 -> 384, 3", [one, axis(3000, 3, 1, [1; 2])], channels(80, 384, 1));
    convolution("conv1d of 3000, 384 -> 384, 3/2", [one, axis(3000, 3, 2, [1; 2])], channels(384, 384, 1));
    convolution("conv2d of 224x224, 3 -> 768, 14/14", [patch; 2], channels(3, 768, 1));
    convolution(
        "conv1d of 512, 2048 depthwise, 4",
        [one, axis(512, 4, 1, [3, 0])],
        channels(2048, 2048, 2048),
    );
}

fn main() {
    println!("{} threads; memory gives {:.1} GB/s", mlx_cpu::threads(), memory());
    convolutions();
    for (columns, depth) in [(4096, 4096), (3072, 1024), (1536, 576)] {
        let copies = (96 << 20) / (columns * depth * 4) + 1;
        let singles: Vec<_> = (0..copies).map(|_| numbers(columns * depth)).collect();
        let halves: Vec<Vec<_>> =
            singles.iter().map(|all| all.iter().map(|&x| bf16::from_f32(x)).collect()).collect();
        let singles: Vec<_> = singles.iter().map(|all| Numbers::F32(all)).collect();
        let halves: Vec<_> = halves.iter().map(|all| Numbers::Bf16(all)).collect();
        for order in [Order::Transposed, Order::Plain] {
            for rows in [1, 2, 3, 4, 6, 8, 12, 16, 64, 512] {
                let x = numbers(rows * depth);
                let sizes = Sizes { rows, depth, columns, order };
                measure("f32", sizes, Numbers::F32(&x), &singles);
                measure("bf16", sizes, Numbers::F32(&x), &halves);
            }
        }
    }
}
