//! Positions told by rotation (Su et al., "RoFormer: enhanced transformer with rotary position embedding").

#![expect(clippy::indexing_slicing, reason = "within views and tables whose sizes were checked")]

use crate::function::cos_sin;
use crate::norm::{Norm, Wide};
use crate::numbers::{Float, same};
use crate::pool::{self, Columns};
use crate::rows;
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, Numbers, NumbersMut, simd};

/// Numbers `[batch, heads, length, width]`, in any order but for the last axis.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    numbers: Numbers<'a>,
    shape: [usize; 4],
    strides: [usize; 3],
}

impl<'a> Heads<'a> {
    /// Numbers with strides, in elements, for the first three axes. None where they reach past the end.
    pub fn new(numbers: Numbers<'a>, shape: [usize; 4], strides: [usize; 3]) -> Option<Self> {
        let mut end = shape[3];
        for (&size, stride) in shape.iter().zip(strides) {
            end = size.saturating_sub(1).checked_mul(stride)?.checked_add(end)?;
        }
        let fits = shape.contains(&0) || end <= numbers.len();
        fits.then_some(Self { numbers, shape, strides })
    }
}

/// How fast pairs of numbers turn.
#[derive(Clone, Copy, Debug)]
pub enum Frequencies<'a> {
    /// `base^(-i / pairs)` for pair `i`.
    Base(f32),
    /// One divided by a number for each pair: what MLX calls `freqs`.
    Reciprocals(&'a [f32]),
}

/// A rotation of the first numbers of each row by its position.
#[derive(Clone, Copy, Debug)]
pub struct Rope<'a> {
    /// How many numbers are rotated, an even number.
    pub dims: usize,
    /// Whether neighbours are a pair; else the first half and the second are paired.
    pub traditional: bool,
    /// Radians a position.
    pub frequencies: Frequencies<'a>,
    /// What positions are multiplied by.
    pub scale: f32,
    /// The first position: one for all, or one for each of the batch.
    pub offsets: &'a [i32],
}

impl Rope<'_> {
    fn fits(&self, x: &Heads<'_>, norm: Option<&Norm<'_>>) -> bool {
        let [batch, _, _, width] = x.shape;
        let pairs = match self.frequencies {
            Frequencies::Base(_) => self.dims / 2,
            Frequencies::Reciprocals(all) => all.len(),
        };
        let dims = self.dims.is_multiple_of(2) && self.dims <= width && pairs == self.dims / 2;
        let offsets = self.offsets.len() == 1 || self.offsets.len() == batch;
        dims && offsets && norm.is_none_or(|norm| norm.width == width && norm.fits(width))
    }

    /// How many turns each pair makes from a position to the next.
    fn turns(&self) -> Vec<f64> {
        let turn = f64::from(self.scale) / std::f64::consts::TAU;
        match self.frequencies {
            Frequencies::Base(base) => {
                let step = f64::from(base).powf(-2.0 / self.dims as f64);
                std::iter::successors(Some(turn), |turn| Some(turn * step)).take(self.dims / 2).collect()
            }
            Frequencies::Reciprocals(all) => all.iter().map(|&x| turn / f64::from(x)).collect(),
        }
    }
}

/// Rotates each row by its position, after [`crate::norm::rms_norm`] of it if there is a norm, into `out` `[batch, heads,
/// length, width]`. Angles are reduced in double precision, so that far positions are as exact as near ones.
///
/// Returns whether the sizes fit, and both are of the same type.
pub fn rope(
    level: Level,
    x: &Heads<'_>,
    rope: &Rope<'_>,
    norm: Option<&Norm<'_>>,
    out: NumbersMut<'_>,
) -> bool {
    let numbers = x.numbers;
    same!([numbers], [out], {
        let fits = rope.fits(x, norm) && out.len() == x.shape.iter().product::<usize>();
        if fits && !out.is_empty() {
            let mut memory = [Scratch::new(0), Scratch::new(0)];
            let norm = norm.map(|norm| norm.widened(level, &mut memory));
            let rows =
                Rotation { numbers, shape: x.shape, strides: x.strides, rope, turns: &rope.turns(), norm };
            simd::dispatch(level, All { rotation: &rows, out });
        }
        fits
    })
}

struct Rotation<'a, T> {
    numbers: &'a [T],
    shape: [usize; 4],
    strides: [usize; 3],
    rope: &'a Rope<'a>,
    turns: &'a [f64],
    norm: Option<Wide<'a>>,
}

struct All<'a, T> {
    rotation: &'a Rotation<'a, T>,
    out: &'a mut [T],
}

impl<T: Float> Kernel for All<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [batch, heads, length, width] = self.rotation.shape;
        let grain = width * rows::grain(batch * heads * width);
        pool::each_columns(self.out, length * width, grain, |out| {
            s.enter(Positions { rotation: self.rotation, out });
        });
    }
}

/// Some positions, in all of the batch and all heads.
struct Positions<'a, 'b, T> {
    rotation: &'a Rotation<'a, T>,
    out: Columns<'b, T>,
}

impl<T: Float> Kernel for Positions<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let Rotation { shape, strides, rope, .. } = self.rotation;
        let [batch, heads, _, width] = *shape;
        let mut memory = Scratch::new(2 * rope.dims + width);
        let (table, row) = memory.split_at_mut(2 * rope.dims);
        let columns = self.out.range();
        for position in columns.start / width..columns.end / width {
            for item in 0..batch {
                if let Some(&offset) = rope.offsets.get(item) {
                    self.rotation.angles(s, position as f64 + f64::from(offset), table);
                }
                for head in 0..heads {
                    let first = item * strides[0] + head * strides[1] + position * strides[2];
                    let from = &self.rotation.numbers[first..][..width];
                    let to = self.out.row(item * heads + head);
                    let to = &mut to[position * width - columns.start..][..width];
                    match &self.rotation.norm {
                        Some(norm) => {
                            norm.write::<S, T, f32, false>(s, from, row);
                            rotate(s, rope, table, row, to);
                        }
                        None => rotate(s, rope, table, from, to),
                    }
                }
            }
        }
    }
}

/// Added to a double and taken away again, this leaves the nearest whole number.
const WHOLE: f64 = 6_755_399_441_055_744.0;

impl<T> Rotation<'_, T> {
    /// Writes the cosines of a position, and behind them the sines: for each pair, or traditionally for each number.
    #[inline(always)]
    fn angles<S: Simd>(&self, s: S, position: f64, table: &mut [f32]) {
        let (cosines, sines) = table.split_at_mut(self.rope.dims);
        for (number, turns) in self.turns.chunks(S::LANES).enumerate() {
            let mut parts = [0.0; 16];
            for (part, turn) in parts.iter_mut().zip(turns) {
                let turns = position * turn;
                *part = (turns - ((turns + WHOLE) - WHOLE)) as f32;
            }
            let (cos, sin) = cos_sin(s, s.load(&parts));
            if !self.rope.traditional {
                s.store(&mut cosines[number * S::LANES..], cos);
                s.store(&mut sines[number * S::LANES..], sin);
                continue;
            }
            let mut both = [[0.0; 16]; 2];
            s.store(&mut both[0], cos);
            s.store(&mut both[1], sin);
            let first = 2 * number * S::LANES;
            for at in 0..turns.len() {
                cosines[first + 2 * at..][..2].fill(both[0][at]);
                sines[first + 2 * at] = -both[1][at];
                sines[first + 2 * at + 1] = both[1][at];
            }
        }
    }
}

/// The lanes of the other number of each pair of neighbours.
const OTHER: [u32; 16] = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14];

/// Writes a row, rotated.
#[inline(always)]
fn rotate<S: Simd, T: Float, U: Float>(s: S, rope: &Rope<'_>, table: &[f32], from: &[T], to: &mut [U]) {
    let dims = rope.dims;
    let (cosines, sines) = table.split_at(dims);
    if rope.traditional {
        let (from, to) = (&from[..dims], &mut to[..dims]);
        let table = cosines.chunks(S::LANES).zip(sines.chunks(S::LANES));
        for ((from, to), (cos, sin)) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)).zip(table) {
            let x = T::load(s, from);
            let turned = s.mul(s.lookup(x, s.load_int(&OTHER)), s.load(sin));
            U::store(s, to, s.mul_add(x, s.load(cos), turned));
        }
    } else {
        let half = dims / 2;
        let (first, second) = to[..dims].split_at_mut(half);
        for (at, (first, second)) in first.chunks_mut(S::LANES).zip(second.chunks_mut(S::LANES)).enumerate() {
            let place = at * S::LANES;
            let [x, y] = [T::load(s, &from[place..half]), T::load(s, &from[half + place..dims])];
            let [cos, sin] = [s.load(&cosines[place..half]), s.load(&sines[place..half])];
            U::store(s, first, s.sub(s.mul(x, cos), s.mul(y, sin)));
            U::store(s, second, s.mul_add(x, sin, s.mul(y, cos)));
        }
    }
    for (from, to) in from[dims..].chunks(S::LANES).zip(to[dims..].chunks_mut(S::LANES)) {
        U::store(s, to, T::load(s, from));
    }
}
