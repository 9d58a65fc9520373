//! How fast work on rows is, beside how fast memory is copied: `cargo bench -p mlx-cpu --bench rows`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::hint::black_box;
use std::time::Instant;

use half::bf16;
use mlx_cpu::choice::{argmax, log_sum_exp, top_k};
use mlx_cpu::gate::{self, Activation};
use mlx_cpu::norm::{Norm, add_rms_norm, layer_norm, rms_norm};
use mlx_cpu::rope::{Frequencies, Heads, Rope, rope};
use mlx_cpu::softmax::softmax;
use mlx_cpu::{Level, Numbers, NumbersMut};

/// Prints the best of some rounds, of `moves` singles and as many halves for each of `count` elements.
fn report(name: &str, count: usize, moves: usize, mut work: impl FnMut(bool)) {
    for half in [false, true] {
        let repeats = (1 << 20) / count + 1;
        let mut best = f64::INFINITY;
        for _ in 0..30 {
            let start = Instant::now();
            for _ in 0..repeats {
                work(half);
            }
            best = best.min(start.elapsed().as_secs_f64() / repeats as f64);
        }
        let (kind, size) = if half { ("bf16", 2) } else { ("f32", 4) };
        println!(
            "{name} {kind}, {count}: {:.1} us, {:.2} Gelem/s, {:.1} GB/s",
            best * 1e6,
            count as f64 / best / 1e9,
            (count * moves * size) as f64 / best / 1e9
        );
    }
}

fn main() {
    let level = Level::best();
    println!("{} threads, {level}", mlx_cpu::threads());
    for (rows, width) in [(1, 1024), (16, 1024), (512, 1024), (512, 3072)] {
        matrices(level, rows, width);
    }
    for length in [1, 512] {
        heads(level, length);
    }
    vocabulary(level);
}

fn matrices(level: Level, rows: usize, width: usize) {
    let count = rows * width;
    let x: Vec<f32> = (0..count).map(|at| (at as f32 * 0.37).sin() * 4.0).collect();
    let short: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
    let (mut out, mut short_out) = (x.clone(), short.clone());
    let (mut sum, mut short_sum) = (x.clone(), short.clone());
    let weight = vec![bf16::ONE; width];
    let norm = Norm { width, epsilon: 1e-6, weight: Some(Numbers::Bf16(&weight)), bias: None };
    let read = |half| if half { Numbers::Bf16(&short) } else { Numbers::F32(&x) };
    macro_rules! row {
        ($name:expr, $moves:expr, |$in:ident, $to:ident| $call:expr) => {
            report(&format!("{} of {rows} rows", $name), count, $moves, |half| {
                let $in = read(half);
                let $to = if half { NumbersMut::Bf16(&mut short_out) } else { NumbersMut::F32(&mut out) };
                assert!($call);
            });
        };
    }
    report(&format!("copy of {rows} rows"), count, 2, |half| {
        if half {
            short_out.copy_from_slice(black_box(&short));
        } else {
            out.copy_from_slice(black_box(&x));
        }
    });
    row!("rms_norm", 2, |x, out| rms_norm(level, x, &norm, out));
    row!("layer_norm", 2, |x, out| layer_norm(level, x, &norm, out));
    row!("softmax", 2, |x, out| softmax(level, x, width, out));
    for function in [Activation::Silu, Activation::Gelu, Activation::GeluApprox, Activation::Tanh] {
        row!(format!("{function:?} gate"), 3, |x, out| gate::multiply(level, function, [x, x], out));
    }
    report(&format!("add_rms_norm of {rows} rows"), count, 4, |half| {
        let x = read(half);
        let (sum, out) = if half {
            (NumbersMut::Bf16(&mut short_sum), NumbersMut::Bf16(&mut short_out))
        } else {
            (NumbersMut::F32(&mut sum), NumbersMut::F32(&mut out))
        };
        assert!(add_rms_norm(level, [x, x], &norm, sum, out));
    });
}

fn heads(level: Level, length: usize) {
    let shape = [1, 16, length, 128];
    let count = shape.iter().product();
    let x: Vec<f32> = (0..count).map(|at| (at as f32 * 0.37).sin()).collect();
    let short: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
    let (mut out, mut short_out) = (x.clone(), short.clone());
    let weight = vec![bf16::ONE; 128];
    let norm = Norm { width: 128, epsilon: 1e-6, weight: Some(Numbers::Bf16(&weight)), bias: None };
    for (traditional, norm) in [(false, None), (false, Some(&norm)), (true, None)] {
        let frequencies = Frequencies::Base(1e6);
        let settings = Rope { dims: 128, traditional, frequencies, scale: 1.0, offsets: &[100] };
        let name =
            format!("rope of {length} positions, traditional: {traditional}, norm: {}", norm.is_some());
        report(&name, count, 2, |half| {
            let x = if half { Numbers::Bf16(&short) } else { Numbers::F32(&x) };
            let x = Heads::new(x, shape, [length * 2048, 128, 2048]).unwrap();
            let out = if half { NumbersMut::Bf16(&mut short_out) } else { NumbersMut::F32(&mut out) };
            assert!(rope(level, &x, &settings, norm, out));
        });
    }
}

fn vocabulary(level: Level) {
    let width = 151_936;
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / 4e8
    };
    let x: Vec<f32> = (0..width).map(|_| next()).collect();
    let short: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
    let read = |half| if half { Numbers::Bf16(&short) } else { Numbers::F32(&x) };
    report("argmax", width, 1, |half| assert!(argmax(level, read(half), width, &mut [0])));
    report("log_sum_exp", width, 1, |half| {
        assert!(log_sum_exp(level, read(half), width, NumbersMut::F32(&mut [0.0])));
    });
    for count in [1, 50] {
        let (mut values, mut short_values) = (vec![0.0; count], vec![bf16::ZERO; count]);
        let mut indices = vec![0; count];
        report(&format!("top {count}"), width, 1, |half| {
            let values =
                if half { NumbersMut::Bf16(&mut short_values) } else { NumbersMut::F32(&mut values) };
            assert!(top_k(level, read(half), width, values, &mut indices));
        });
    }
}
