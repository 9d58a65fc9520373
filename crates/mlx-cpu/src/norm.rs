//! Rows brought to the same size: root mean square and layer normalization.

#![expect(clippy::indexing_slicing, reason = "rows of a length that was checked")]

use crate::numbers::{Float, same, widen, with};
use crate::rows::{self, Rows};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::sums::sum;
use crate::{Level, Numbers, NumbersMut, pool, simd};

/// How rows are normalized, and what they are multiplied by and moved by afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// The length of a row.
    pub width: usize,
    /// What is added to the mean square, so that a row of zeros stays one.
    pub epsilon: f32,
    /// A factor for each column.
    pub weight: Option<Numbers<'a>>,
    /// What is added to each column.
    pub bias: Option<Numbers<'a>>,
}

impl Norm<'_> {
    /// Whether there are rows, and weights for their width.
    pub(crate) fn fits(&self, length: usize) -> bool {
        let whole = |numbers: Option<Numbers<'_>>| numbers.is_none_or(|all| all.len() == self.width);
        self.width > 0 && length.is_multiple_of(self.width) && whole(self.weight) && whole(self.bias)
    }
}

/// `x / √(mean(x²) + epsilon) · weight + bias` for each row, in single precision, rounded once
/// (Zhang and Sennrich, "Root mean square layer normalization").
///
/// Returns whether the sizes fit, and `x` and `out` are of the same type.
pub fn rms_norm(level: Level, x: Numbers<'_>, norm: &Norm<'_>, out: NumbersMut<'_>) -> bool {
    any::<false>(level, x, norm, out)
}

/// `(x - mean(x)) / √(variance(x) + epsilon) · weight + bias` for each row, in single precision, rounded once
/// (Ba, Kiros and Hinton, "Layer normalization").
///
/// Returns whether the sizes fit, and `x` and `out` are of the same type.
pub fn layer_norm(level: Level, x: Numbers<'_>, norm: &Norm<'_>, out: NumbersMut<'_>) -> bool {
    any::<true>(level, x, norm, out)
}

/// `sum = x + y`, and [`rms_norm`] of that as it was rounded.
///
/// Returns whether the sizes fit, and all are of the same type.
pub fn add_rms_norm(
    level: Level,
    [x, y]: [Numbers<'_>; 2],
    norm: &Norm<'_>,
    sum: NumbersMut<'_>,
    out: NumbersMut<'_>,
) -> bool {
    same!([x, y], [sum, out], {
        let fits = norm.fits(x.len()) && [y.len(), sum.len(), out.len()] == [x.len(); 3];
        if fits {
            let mut memory = [Scratch::new(0), Scratch::new(0)];
            let norm = &norm.widened(level, &mut memory);
            simd::dispatch(level, Sums { x, y, norm, sum, out });
        }
        fits
    })
}

fn any<const CENTERED: bool>(level: Level, x: Numbers<'_>, norm: &Norm<'_>, out: NumbersMut<'_>) -> bool {
    same!([x], [out], {
        let fits = norm.fits(x.len()) && out.len() == x.len();
        if fits {
            let mut memory = [Scratch::new(0), Scratch::new(0)];
            let norm = norm.widened(level, &mut memory);
            let (width, grain) = (norm.width, rows::grain(norm.width));
            rows::write(level, out, width, grain, &Normalized::<_, CENTERED> { x, norm });
        }
        fits
    })
}

/// A norm whose weights are singles.
pub(crate) struct Wide<'a> {
    width: usize,
    epsilon: f64,
    weight: Option<&'a [f32]>,
    bias: Option<&'a [f32]>,
}

impl Norm<'_> {
    /// The norm with its weights as singles, for which there is memory if they are not.
    pub(crate) fn widened<'a>(&'a self, level: Level, memory: &'a mut [Scratch; 2]) -> Wide<'a> {
        let [weight, bias] = memory;
        Wide {
            width: self.width,
            epsilon: f64::from(self.epsilon),
            weight: self.weight.map(|all| singles(level, all, weight)),
            bias: self.bias.map(|all| singles(level, all, bias)),
        }
    }
}

/// The numbers as singles, written to memory if they are not.
fn singles<'a>(level: Level, numbers: Numbers<'a>, memory: &'a mut Scratch) -> &'a [f32] {
    if let Numbers::F32(all) = numbers {
        return all;
    }
    *memory = Scratch::new(numbers.len());
    simd::dispatch(level, Widen { numbers, to: memory });
    memory
}

struct Widen<'a> {
    numbers: Numbers<'a>,
    to: &'a mut [f32],
}

impl Kernel for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        with!(Numbers, self.numbers, |all| widen(s, all, self.to));
    }
}

impl Wide<'_> {
    /// Writes a row, normalized, `CENTERED` or not.
    #[inline(always)]
    pub(crate) fn write<S: Simd, T: Float, U: Float, const CENTERED: bool>(
        &self,
        s: S,
        from: &[T],
        to: &mut [U],
    ) {
        let count = self.width as f64;
        let zero = s.splat(0.0);
        let mut mean = zero;
        if CENTERED {
            // The second time what was lost to rounding is added.
            for _ in 0..2 {
                let rest = sum(
                    s,
                    from,
                    mean,
                    #[inline(always)]
                    |v| s.sub(v, mean),
                );
                mean = s.add(mean, s.splat((rest / count) as f32));
            }
        }
        let squares = sum(
            s,
            from,
            mean,
            #[inline(always)]
            |v| s.mul(s.sub(v, mean), s.sub(v, mean)),
        );
        let factor = s.splat((1.0 / (squares / count + self.epsilon).sqrt()) as f32);
        for (at, (from, to)) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)).enumerate() {
            let mut v = s.mul(s.sub(T::load(s, from), mean), factor);
            if let Some(weight) = self.weight {
                v = s.mul(v, s.load(&weight[at * S::LANES..]));
            }
            if let Some(bias) = self.bias {
                v = s.add(v, s.load(&bias[at * S::LANES..]));
            }
            U::store(s, to, v);
        }
    }
}

/// The rows of `x`, normalized.
struct Normalized<'a, T, const CENTERED: bool> {
    x: &'a [T],
    norm: Wide<'a>,
}

impl<T: Float, const CENTERED: bool> Rows for Normalized<'_, T, CENTERED> {
    type Out = T;

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [T]) {
        let row = &self.x[number * self.norm.width..][..self.norm.width];
        self.norm.write::<S, T, T, CENTERED>(s, row, out);
    }
}

/// Sums, and these normalized.
struct Sums<'a, T> {
    x: &'a [T],
    y: &'a [T],
    norm: &'a Wide<'a>,
    sum: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Float> Kernel for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { x, y, norm, sum, out } = self;
        let length = norm.width * rows::grain(norm.width);
        pool::each_part_of_two([sum, out], length, |number, [sum, out]| {
            let first = number * length;
            s.enter(SomeSums(Sums { x: &x[first..], y: &y[first..], norm, sum, out }));
        });
    }
}

/// Some rows of sums.
struct SomeSums<'a, T>(Sums<'a, T>);

impl<T: Float> Kernel for SomeSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Sums { x, y, norm, sum, out } = self.0;
        let terms = x.chunks(norm.width).zip(y.chunks(norm.width));
        let results = sum.chunks_mut(norm.width).zip(out.chunks_mut(norm.width));
        for ((x, y), (sum, out)) in terms.zip(results) {
            for ((x, y), sum) in x.chunks(S::LANES).zip(y.chunks(S::LANES)).zip(sum.chunks_mut(S::LANES)) {
                T::store(s, sum, s.add(T::load(s, x), T::load(s, y)));
            }
            norm.write::<S, T, T, false>(s, sum, out);
        }
    }
}
