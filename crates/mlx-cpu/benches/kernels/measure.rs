//! A kernel with its work, measured and printed as a line.

use std::time::{Duration, Instant};

use super::ceiling::Ceiling;

/// Bytes of all copies of a kernel's operands, so that each comes from memory and not from a cache.
const BEYOND_CACHES: usize = 96 << 20;

/// Rounds that see all copies once: a short round is more often one that nobody else disturbed.
const PARTS: usize = 4;

/// Fewest rounds, and how long rounds go on if that is longer.
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_millis(500);

/// What bounds a kernel.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Bytes read from memory.
    Read,
    /// Bytes read from memory and written to it.
    Copy,
    /// Multiplications and additions.
    Arithmetic,
}

/// A kernel and the work of one call.
pub(crate) struct Case {
    pub(crate) kernel: &'static str,
    pub(crate) what: String,
    pub(crate) bytes: usize,
    pub(crate) operations: usize,
    pub(crate) limit: Limit,
}

/// What to measure, and how to print it.
#[derive(Default)]
pub(crate) struct Wanted {
    names: Vec<String>,
    json: bool,
}

/// Measures what is wanted.
pub(crate) struct Bench {
    wanted: Wanted,
    ceiling: Ceiling,
}

impl Wanted {
    /// What the words of a command line ask for. Cargo adds `--bench`.
    pub(crate) fn of(words: impl Iterator<Item = String>) -> Self {
        let mut wanted = Self::default();
        for word in words.filter(|word| word != "--bench") {
            match &*word {
                "--json" => wanted.json = true,
                _ => wanted.names.push(word),
            }
        }
        wanted
    }
}

impl Bench {
    pub(crate) fn new(wanted: Wanted, ceiling: Ceiling) -> Self {
        if wanted.json {
            println!("{}", ceiling.json());
        } else {
            println!("{ceiling}");
        }
        Self { wanted, ceiling }
    }

    pub(crate) fn wants(&self, kernel: &str) -> bool {
        self.wanted.names.is_empty() || self.wanted.names.iter().any(|name| kernel.contains(name))
    }

    /// Measures calls with each of some copies of the operands, and prints a line.
    pub(crate) fn measure(&self, case: &Case, copies: usize, mut call: impl FnMut(usize) -> bool) {
        let (part, mut next) = (copies.div_ceil(PARTS), 0..copies);
        let seconds = shortest(|| {
            if next.len() < part {
                next = 0..copies;
            }
            assert!(next.by_ref().take(part).all(&mut call), "{}: sizes", case.kernel);
        });
        let seconds = seconds / part as f64;
        println!("{}", if self.wanted.json { case.json(seconds) } else { case.text(seconds, &self.ceiling) });
    }
}

impl Case {
    fn json(&self, seconds: f64) -> String {
        let Self { kernel, what, bytes, operations, limit } = self;
        let limit = match limit {
            Limit::Read => "read",
            Limit::Copy => "copy",
            Limit::Arithmetic => "arithmetic",
        };
        format!(
            r#"{{"line":{{"kernel":"{kernel}","what":"{what}","seconds":{seconds:e},"bytes":{bytes},"operations":{operations},"limit":"{limit}"}}}}"#
        )
    }

    fn text(&self, seconds: f64, ceiling: &Ceiling) -> String {
        let (done, most, unit) = match self.limit {
            Limit::Read => (self.bytes, ceiling.read, "GB/s"),
            Limit::Copy => (self.bytes, ceiling.copy, "GB/s"),
            Limit::Arithmetic => (self.operations, ceiling.arithmetic, "GFLOP/s"),
        };
        let speed = done as f64 / seconds;
        format!(
            "{:<19} {:<48} {:>10.1} us {:>7.1} {unit:<7} {:>4.0} %",
            self.kernel,
            self.what,
            seconds * 1e6,
            speed / 1e9,
            speed / most * 100.0
        )
    }
}

/// The seconds of the shortest of many rounds, after one to get warm.
pub(crate) fn shortest(mut round: impl FnMut()) -> f64 {
    round();
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < ROUNDS || start.elapsed() < TIME {
        let start = Instant::now();
        round();
        times.push(start.elapsed().as_secs_f64());
    }
    times.into_iter().fold(f64::INFINITY, f64::min)
}

/// How many operands of so many bytes do not fit the caches together.
pub(crate) fn copies(bytes: usize) -> usize {
    (BEYOND_CACHES / PARTS / bytes + 1) * PARTS
}
