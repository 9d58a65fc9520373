//! Products of dense matrices.

mod dots;
mod sums;

use crate::numbers::{Float, Pair, narrow, widen, with};
use crate::product::dense::{Plain, Transposed, TransposedPairs};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, Numbers, NumbersMut, pool, product, simd};

use dots::Dots;
use sums::Sums;

/// How the right side of a product is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `[depth, columns]`.
    Plain,
    /// `[columns, depth]`, as the weights of a layer are.
    Transposed,
}

/// The sizes of a product `[rows, depth] · [depth, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows of the left side and of the product.
    pub rows: usize,
    /// Columns of the left side, rows of the right side.
    pub depth: usize,
    /// Columns of the right side and of the product.
    pub columns: usize,
    /// How the right side is stored.
    pub order: Order,
}

/// Matrices of one size, each by rows, that begin `stride` elements after each other; 0 where all are the same.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The elements of all.
    pub elements: Numbers<'a>,
    /// From the first element of a matrix to that of the next.
    pub stride: usize,
}

impl Batch<'_> {
    /// Whether there are `count` matrices of `size` elements.
    fn holds(&self, count: usize, size: usize) -> bool {
        let last = (count - 1).checked_mul(self.stride);
        last.and_then(|last| last.checked_add(size)).is_some_and(|end| end <= self.elements.len())
    }
}

/// `left · right`: `[rows, depth]`, `[depth, columns] -> [rows, columns]`.
///
/// Sums are singles. Of `bfloat16`, numbers below 2⁻¹²⁶ may count as 0.
///
/// Returns whether the sizes fit.
pub fn multiply(
    level: Level,
    sizes: Sizes,
    left: Numbers<'_>,
    right: Numbers<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let fits = sizes.rows.checked_mul(sizes.columns) == Some(out.len())
        && sizes.rows.checked_mul(sizes.depth) == Some(left.len())
        && sizes.depth.checked_mul(sizes.columns) == Some(right.len());
    let (left, right) = (Batch { elements: left, stride: 0 }, Batch { elements: right, stride: 0 });
    fits && multiply_batch(level, sizes, left, right, out)
}

/// The products of matrices, pair by pair, into `out` `[batch, rows, columns]`.
///
/// Returns whether the sizes fit.
pub fn multiply_batch(
    level: Level,
    sizes: Sizes,
    left: Batch<'_>,
    right: Batch<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let (rows, depth, columns) = (sizes.rows, sizes.depth, sizes.columns);
    let (Some(of_left), Some(of_right), Some(of_out)) =
        (rows.checked_mul(depth), depth.checked_mul(columns), rows.checked_mul(columns))
    else {
        return false;
    };
    if of_out == 0 || out.is_empty() {
        return out.is_empty();
    }
    let count = out.len() / of_out;
    let fits = out.len().is_multiple_of(of_out) && left.holds(count, of_left) && right.holds(count, of_right);
    if fits {
        with!(Numbers, left.elements, |x| with!(Numbers, right.elements, |w| {
            let pairs = Pairs { level, sizes, left: (x, left.stride), right: (w, right.stride) };
            with!(NumbersMut, out, |out| pairs.multiply(out));
        }));
    }
    fits
}

/// Up to so many rows are multiplied with a matrix as it is read, without laying it out.
const FEW: usize = 8;

struct Pairs<'a, T, W> {
    level: Level,
    sizes: Sizes,
    left: (&'a [T], usize),
    right: (&'a [W], usize),
}

impl<T: Float, W: Float> Pairs<'_, T, W> {
    fn multiply<U: Float>(&self, out: &mut [U]) {
        let Sizes { rows, depth, columns, .. } = self.sizes;
        let (size, count) = (rows * columns, out.len() / (rows * columns));
        if depth == 0 {
            out.fill(U::default());
        } else if self.right.1 == 0 && (count == 1 || self.left.1 == rows * depth) {
            self.product(0, count * rows, out);
        } else if count < 2 * pool::threads() {
            out.chunks_exact_mut(size).enumerate().for_each(|(number, out)| self.product(number, rows, out));
        } else {
            let grain = SMALL / (size * depth).max(1);
            pool::each_part(out, size, grain, |number, out| self.product(number, rows, out));
        }
    }

    /// The product of pair `number`, whose left side has so many rows.
    fn product<U: Float>(&self, number: usize, rows: usize, out: &mut [U]) {
        let Sizes { depth, columns, order, .. } = self.sizes;
        let x = part(self.left, number, rows * depth);
        let w = part(self.right, number, depth * columns);
        match order {
            _ if rows <= FEW => simd::dispatch(self.level, Few { depth, order, x, w, out }),
            Order::Plain => product::multiply(self.level, x, &Plain { elements: w, depth, columns }, out),
            Order::Transposed => match pairs(self.level, depth, x, w) {
                Some([x, w]) => {
                    let w = TransposedPairs(Transposed { elements: w, depth: depth / 2, columns });
                    product::multiply(self.level, x, &w, out);
                }
                None => product::multiply(self.level, x, &Transposed { elements: w, depth, columns }, out),
            },
        }
    }
}

/// Both sides in pairs of elements, if there are such along a row and an instruction that multiplies them.
fn pairs<'a, T: Float, W: Float>(
    level: Level,
    depth: usize,
    x: &'a [T],
    w: &'a [W],
) -> Option<[&'a [Pair]; 2]> {
    let fits = level >= Level::Avx512Dots && depth.is_multiple_of(2);
    fits.then(|| Some([T::pairs(x)?, W::pairs(w)?])).flatten()
}

/// A few rows with a matrix.
struct Few<'a, T, W, U> {
    depth: usize,
    order: Order,
    x: &'a [T],
    w: &'a [W],
    out: &'a mut [U],
}

impl<T: Float, W: Float, U: Float> Kernel for Few<'_, T, W, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { depth, w, .. } = self;
        let (mut x, mut out) = (Scratch::new(self.x.len()), Scratch::new(self.out.len()));
        widen(s, self.x, &mut x);
        match self.order {
            Order::Plain => s.enter(Sums { depth, x: &x, w, out: &mut out }),
            Order::Transposed => s.enter(Dots { depth, x: &x, w, out: &mut out }),
        }
        narrow(s, &out, self.out);
    }
}

/// Products of numbers that one thread takes at a time: some 10 µs.
const SMALL: usize = 500_000;

/// Matrix `number` of those that begin so many elements after each other.
fn part<T>((elements, stride): (&[T], usize), number: usize, size: usize) -> &[T] {
    let first = number * stride;
    elements.get(first..first + size).unwrap_or_default()
}

/// How many lines of so many elements a thread takes at a time: some 10 µs.
fn grain(length: usize) -> usize {
    (65_536 / length.max(1)).max(1)
}
