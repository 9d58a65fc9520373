//! What this machine can do with as many threads as the kernels use.

use std::fmt;
use std::hint::black_box;
use std::thread;

use mlx_cpu::Level;
use mlx_cpu::dense::{self, Order, Sizes};

use super::measure::shortest;
use super::store::{Kind, Store};

/// Elements of 8 bytes that are read or copied.
const MEMORY: usize = 32 << 20;

/// Those of one round.
const PART: usize = MEMORY / 4;

/// Rows, depth and columns of products.
const PRODUCTS: [[usize; 3]; 3] = [[768, 512, 768], [1024, 1024, 1024], [512, 2048, 2048]];

/// How often each is measured: all lines are held against them.
const ROUNDS: usize = 3;

/// The most that can be done in a second.
pub(crate) struct Ceiling {
    /// Bytes read from memory.
    pub(crate) read: f64,
    /// Bytes copied within memory, both those read and those written.
    pub(crate) copy: f64,
    /// Multiplications and additions of singles in the fastest product that was seen: a loop of its own would need
    /// instructions that only unsafe code can ask for.
    pub(crate) arithmetic: f64,
}

impl Ceiling {
    pub(crate) fn measured() -> Self {
        let mut best = Self { read: 0.0, copy: 0.0, arithmetic: 0.0 };
        for _ in 0..ROUNDS {
            best.read = best.read.max(read());
            best.copy = best.copy.max(copy());
            best.arithmetic = PRODUCTS.into_iter().map(product).fold(best.arithmetic, f64::max);
        }
        best
    }

    pub(crate) fn json(&self) -> String {
        let (threads, level, Self { read, copy, arithmetic }) = (mlx_cpu::threads(), Level::best(), self);
        format!(
            r#"{{"ceiling":{{"threads":{threads},"level":"{level}","read":{read:e},"copy":{copy:e},"arithmetic":{arithmetic:e}}}}}"#
        )
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} threads, {}: memory read at {:.1} GB/s, copied at {:.1} GB/s, products of f32 at {:.0} GFLOP/s",
            mlx_cpu::threads(),
            Level::best(),
            self.read / 1e9,
            self.copy / 1e9,
            self.arithmetic / 1e9
        )
    }
}

fn read() -> f64 {
    let memory = vec![1_u64; MEMORY];
    let mut parts = memory.chunks(PART).cycle();
    let seconds = shortest(|| {
        thread::scope(|scope| {
            for part in parts.next().unwrap().chunks(PART.div_ceil(mlx_cpu::threads())) {
                scope.spawn(|| black_box(part.iter().fold(0_u64, |sum, x| sum.wrapping_add(*x))));
            }
        });
    });
    (8 * PART) as f64 / seconds
}

fn copy() -> f64 {
    let (from, mut to) = (vec![1_u64; MEMORY], vec![2_u64; MEMORY]);
    let mut starts = (0..MEMORY).step_by(PART).cycle();
    let seconds = shortest(|| {
        let start = starts.next().unwrap();
        let (from, to) = (&from[start..start + PART], &mut to[start..start + PART]);
        let share = PART.div_ceil(mlx_cpu::threads());
        thread::scope(|scope| {
            for (from, to) in from.chunks(share).zip(to.chunks_mut(share)) {
                scope.spawn(|| to.copy_from_slice(black_box(from)));
            }
        });
    });
    (2 * 8 * PART) as f64 / seconds
}

fn product([rows, depth, columns]: [usize; 3]) -> f64 {
    let sizes = Sizes { rows, depth, columns, order: Order::Transposed };
    let [x, w] = [rows * depth, depth * columns].map(|count| Store::random(Kind::F32, count));
    let mut out = Store::random(Kind::F32, rows * columns);
    let seconds = shortest(|| {
        assert!(dense::multiply(Level::best(), sizes, x.all(), w.all(), out.all_mut()));
    });
    (2 * rows * depth * columns) as f64 / seconds
}
