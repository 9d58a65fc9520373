//! Work on each row or number, beside how fast memory is copied.

use half::bf16;
use mlx_cpu::choice::{argmax, top_k};
use mlx_cpu::gate::{self, Activation};
use mlx_cpu::norm::{Norm, add_rms_norm, layer_norm, rms_norm};
use mlx_cpu::rope::{Frequencies, Heads, Rope, rope};
use mlx_cpu::softmax::softmax;
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::measure::{Bench, Case, Limit, copies};
use super::store::{Kind, Store};

const ROWS: usize = 512;
const WIDTH: usize = 1024;
const HEADS: usize = 16;
const HEAD: usize = 128;
const VOCABULARY: usize = 151_936;

pub(crate) fn run(bench: &Bench) {
    let (level, weight) = (Level::best(), vec![bf16::ONE; WIDTH]);
    let norm = Norm { width: WIDTH, epsilon: 1e-6, weight: Some(Numbers::Bf16(&weight)), bias: None };
    map(bench, "rms_norm", Kind::Bf16, [ROWS, WIDTH], |x, out| rms_norm(level, x, &norm, out));
    map(bench, "layer_norm", Kind::Bf16, [ROWS, WIDTH], |x, out| layer_norm(level, x, &norm, out));
    add_norm(bench, &norm);
    map(bench, "softmax", Kind::F32, [ROWS, WIDTH], |x, out| softmax(level, x, WIDTH, out));
    gates(bench, Activation::Silu);
    rotation(bench);
    choices(bench);
}

/// Sizes and type, in words.
fn what([rows, width]: [usize; 2], kind: Kind) -> String {
    format!("[{rows}, {width}] {kind}")
}

/// A kernel that makes as many numbers as it reads.
fn map(
    bench: &Bench,
    kernel: &'static str,
    kind: Kind,
    sizes: [usize; 2],
    call: impl Fn(Numbers<'_>, NumbersMut<'_>) -> bool,
) {
    if !bench.wants(kernel) {
        return;
    }
    let size = sizes[0] * sizes[1];
    let bytes = 2 * size * kind.size();
    let count = copies(bytes);
    let x = Store::random(kind, count * size);
    let mut out = Store::random(kind, count * size);
    let case = Case { kernel, what: what(sizes, kind), bytes, operations: 0, limit: Limit::Copy };
    bench.measure(&case, count, |at| call(x.piece(at, size), out.piece_mut(at, size)));
}

fn add_norm(bench: &Bench, norm: &Norm<'_>) {
    if !bench.wants("add_rms_norm") {
        return;
    }
    let size = ROWS * WIDTH;
    let count = copies(8 * size);
    let [x, y] = [(); 2].map(|()| Store::random(Kind::Bf16, count * size));
    let [mut sum, mut out] = [(); 2].map(|()| Store::random(Kind::Bf16, count * size));
    let case = Case {
        kernel: "add_rms_norm",
        what: what([ROWS, WIDTH], Kind::Bf16),
        bytes: 8 * size,
        operations: 0,
        limit: Limit::Copy,
    };
    bench.measure(&case, count, |at| {
        let (x, y) = (x.piece(at, size), y.piece(at, size));
        add_rms_norm(Level::best(), [x, y], norm, sum.piece_mut(at, size), out.piece_mut(at, size))
    });
}

fn gates(bench: &Bench, function: Activation) {
    if !bench.wants("gate::multiply") {
        return;
    }
    let sizes = [ROWS, 3 * WIDTH];
    let size = sizes[0] * sizes[1];
    let count = copies(6 * size);
    let [x, y] = [(); 2].map(|()| Store::random(Kind::Bf16, count * size));
    let mut out = Store::random(Kind::Bf16, count * size);
    let case = Case {
        kernel: "gate::multiply",
        what: format!("{function:?}, {}", what(sizes, Kind::Bf16)),
        bytes: 6 * size,
        operations: 0,
        limit: Limit::Copy,
    };
    bench.measure(&case, count, |at| {
        let pair = [x.piece(at, size), y.piece(at, size)];
        gate::multiply(Level::best(), function, pair, out.piece_mut(at, size))
    });
}

fn rotation(bench: &Bench) {
    let frequencies = Frequencies::Base(1e6);
    let settings = Rope { dims: HEAD, traditional: false, frequencies, scale: 1.0, offsets: &[100] };
    map(bench, "rope", Kind::Bf16, [ROWS, HEADS * HEAD], |x, out| {
        let x = Heads::new(x, [1, HEADS, ROWS, HEAD], [ROWS * HEADS * HEAD, HEAD, HEADS * HEAD]).unwrap();
        rope(Level::best(), &x, &settings, None, out)
    });
}

/// Choices among the scores of a vocabulary.
fn choices(bench: &Bench) {
    let count = copies(2 * VOCABULARY);
    let scores = Store::random(Kind::Bf16, count * VOCABULARY);
    let mut values = Store::random(Kind::Bf16, 50);
    let measure = |kernel, what: &str, call: &mut dyn FnMut(Numbers<'_>) -> bool| {
        let (what, bytes) = (format!("{what}[1, {VOCABULARY}] bf16"), 2 * VOCABULARY);
        let case = Case { kernel, what, bytes, operations: 0, limit: Limit::Read };
        if bench.wants(kernel) {
            bench.measure(&case, count, |at| call(scores.piece(at, VOCABULARY)));
        }
    };
    let level = Level::best();
    measure("argmax", "", &mut |x| argmax(level, x, VOCABULARY, &mut [0]));
    measure("top_k", "50 of ", &mut |x| top_k(level, x, VOCABULARY, values.all_mut(), &mut [0; 50]));
}
