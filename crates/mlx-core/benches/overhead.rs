//! What a call through the crate costs beside the same call of mlx-c: `cargo bench -p mlx-core --bench overhead`.
//!
//! Nothing is computed; both sides build a node of the graph and free it. Rounds of both alternate and the fastest
//! of each counts, so that a busy machine does not decide. An op over the bar makes the program fail.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::process::ExitCode;
use std::ptr::null_mut;
use std::time::Instant;

use mlx_core::{Array, Result};
use mlx_sys as sys;

/// An op may cost this much more than mlx-c, whichever is larger.
const BAR_NANOSECONDS: f64 = 50.0;
const BAR_SHARE: f64 = 0.05;

const ROUNDS: u32 = 10_000;
const CALLS: u32 = 50;

/// A 2 by 2 array and a stream, as mlx-c has them. They live as long as the program.
struct Raw {
    array: sys::mlx_array,
    stream: sys::mlx_stream,
}

impl Raw {
    fn new() -> Self {
        let (data, shape) = ([1.0_f32, 2.0, 3.0, 4.0], [2, 2]);
        // SAFETY: C copies the four numbers that the shape asks for, and gives both handles away.
        unsafe {
            let data = data.as_ptr().cast::<c_void>();
            let array = sys::mlx_array_new_data(data, shape.as_ptr(), 2, sys::mlx_dtype_::MLX_FLOAT32);
            Self { array, stream: sys::mlx_default_cpu_stream_new() }
        }
    }
}

/// Nanoseconds of one call.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// Measures one op both ways; `raw` fills the array that it is given. Whether it is within the bar.
fn compare(op: &str, safe: impl Fn() -> Result<Array>, raw: impl Fn(*mut sys::mlx_array) -> c_int) -> bool {
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(time(|| drop(black_box(safe().unwrap()))));
        theirs = theirs.min(time(|| {
            let mut out = sys::mlx_array { ctx: null_mut() };
            assert_eq!(raw(&raw mut out), 0);
            // SAFETY: the call above filled `out`, and nothing else frees it.
            unsafe { sys::mlx_array_free(black_box(out)) };
        }));
    }
    let more = ours - theirs;
    let is_within = more <= BAR_NANOSECONDS.max(theirs * BAR_SHARE);
    let verdict = if is_within { "" } else { "  over the bar" };
    println!("{op:<8} crate {ours:6.1} ns   mlx-c {theirs:6.1} ns   {more:5.1} ns more{verdict}");
    is_within
}

fn main() -> ExitCode {
    let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    let Raw { array: a, stream: s } = Raw::new();
    let within = [
        // SAFETY: `a` and `s` are live handles, and `out` points to an empty one.
        compare("add", || &x + &x, |out| unsafe { sys::mlx_add(out, a, a, s) }),
        // SAFETY: reads the live `a`, and fills `out`.
        compare("exp", || x.exp(), |out| unsafe { sys::mlx_exp(out, a, s) }),
        compare(
            "reshape",
            || x.reshape([4]),
            |out| {
                // SAFETY: `a` is live, and the shape has the length given.
                unsafe { sys::mlx_reshape(out, a, [4].as_ptr(), 1, s) }
            },
        ),
        compare(
            "sum",
            || x.sum(0),
            |out| {
                // SAFETY: `a` is live, and there is one axis.
                unsafe { sys::mlx_sum_axes(out, a, [0].as_ptr(), 1, false, s) }
            },
        ),
        // SAFETY: multiplies the live `a` with itself into `out`.
        compare("matmul", || x.matmul(&x), |out| unsafe { sys::mlx_matmul(out, a, a, s) }),
    ];
    if within.iter().all(|&is_within| is_within) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
