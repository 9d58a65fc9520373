//! The weights of old samples in a new one.

use std::f64::consts::PI;

use super::Resampler;
use crate::{Error, Result};

/// How many zero crossings of the sinc there are on each side, as in resampy's `kaiser_best`.
const ZEROS: f64 = 64.0;
/// Where the sinc cuts off, as a part of half the lower rate; `kaiser_best`'s.
const ROLLOFF: f64 = 0.947_593_716_739_959_6;
/// The shape of Kaiser's window; `kaiser_best`'s.
const BETA: f64 = 14.769_656_459_379_492;

/// More parts than this are interpolated.
const MOST_PARTS: u64 = 1024;
/// More weights than this are interpolated.
const MOST_WEIGHTS: u64 = 1 << 19;
/// Rows of weights between which straight lines are within 1e-6 of the curve, where the lower rate is the old one.
const ROWS: f64 = 2048.0;

/// Weights for each place that a new sample can have between two old ones.
#[derive(Debug)]
pub(super) struct Kernel {
    /// New samples in the shortest whole time, which is also the number of parts between two old samples.
    pub(super) up: u64,
    /// Old samples in that time.
    pub(super) down: u64,
    /// How many old samples each new one is made of; a multiple of 16.
    pub(super) taps: usize,
    /// The weights, a row for each place from one old sample to the next.
    weights: Vec<f32>,
    /// How many rows there are from one old sample to the next. If not one for each part, the next has one too.
    rows: u64,
}

impl Kernel {
    pub(super) fn new(from: u32, to: u32) -> Result<Self> {
        for (option, rate, other) in [("from", from, to), ("to", to, from)] {
            if rate == 0 || (other > 0 && rate.div_ceil(Resampler::MOST_RATIO) > other) {
                let range = format!("rates are above 0 and at most {} times apart", Resampler::MOST_RATIO);
                return Err(Error::option(option, rate, range));
            }
        }
        let common = gcd(from, to);
        let (up, down) = (u64::from(to / common), u64::from(from / common));
        if up == down {
            return Ok(Self { up, down, taps: 16, weights: one(), rows: 1 });
        }
        let stretch = (down as f64 / up as f64).max(1.0);
        let half = ((ZEROS * stretch).ceil() as usize).next_multiple_of(8);
        let taps = 2 * half;
        let exact = up <= MOST_PARTS && up * taps as u64 <= MOST_WEIGHTS;
        let rows = if exact { up } else { (ROWS / stretch).ceil().max(64.0) as u64 };
        let count = if exact { rows } else { rows + 1 };
        let row = |row: u64| {
            let first = row as f64 / rows as f64 + (half - 1) as f64;
            (0..taps).map(move |tap| weight((first - tap as f64) / stretch) / stretch)
        };
        let weights = (0..count).flat_map(row).map(|weight| weight as f32).collect();
        Ok(Self { up, down, taps, weights, rows })
    }

    /// How many old samples before the place of a new one it is made of.
    pub(super) fn before(&self) -> usize {
        self.taps / 2 - 1
    }

    /// The new sample so many parts behind the middle of old ones.
    pub(super) fn apply(&self, part: u64, old: &[f32]) -> f32 {
        if self.rows == self.up {
            return dot(self.row(part), old);
        }
        let place = part as f64 * self.rows as f64 / self.up as f64;
        let row = place as u64;
        let behind = (place - row as f64) as f32;
        (1.0 - behind) * dot(self.row(row), old) + behind * dot(self.row(row + 1), old)
    }

    fn row(&self, row: u64) -> &[f32] {
        let begin = row as usize * self.taps;
        self.weights.get(begin..begin + self.taps).unwrap_or_default()
    }
}

/// The weights that change nothing.
fn one() -> Vec<f32> {
    (0..16).map(|tap| if tap == 7 { 1.0 } else { 0.0 }).collect()
}

/// The windowed sinc at a distance in zero crossings of a sinc that does not roll off.
fn weight(distance: f64) -> f64 {
    let inside = 1.0 - (distance / ZEROS).powi(2);
    if inside < 0.0 {
        return 0.0;
    }
    let angle = PI * ROLLOFF * distance;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    ROLLOFF * sinc * bessel(BETA * inside.sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum, mut order) = (1.0, 1.0, 1.0);
    while term > 1e-17 * sum {
        term *= quarter / (order * order);
        sum += term;
        order += 1.0;
    }
    sum
}

fn gcd(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { gcd(other, one % other) }
}

/// The sum of products of two slices whose length is a multiple of 16.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (one, other) in one.as_chunks::<16>().0.iter().zip(other.as_chunks::<16>().0) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
    sums.iter().sum()
}
