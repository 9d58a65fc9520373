//! Products of dense matrices.

mod dots;
mod sums;

use crate::gate::Activation;
use crate::numbers::{Element, Float, Pair, widen, with};
use crate::product::After;
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

impl Sizes {
    /// Whether the two sides and the product have so many elements.
    fn fit(self, [left, right, out]: [usize; 3]) -> bool {
        self.rows.checked_mul(self.columns) == Some(out)
            && self.rows.checked_mul(self.depth) == Some(left)
            && self.depth.checked_mul(self.columns) == Some(right)
    }
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
    let fits = sizes.fit([left.len(), right.len(), out.len()]);
    let (left, right) = (Batch { elements: left, stride: 0 }, Batch { elements: right, stride: 0 });
    fits && multiply_batch(level, sizes, left, right, out)
}

/// What becomes of a product in [`linear`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Then<'a> {
    /// Added to each row: `[columns]`.
    pub bias: Option<Numbers<'a>>,
    /// The function of each number after that.
    pub activation: Option<Activation>,
    /// Added at last, of the type of the result: `[rows, columns]`.
    pub plus: Option<Numbers<'a>>,
}

/// `activation(left · right + bias) + plus`: [`multiply`] without a number being rounded in between.
///
/// Returns whether the sizes and the types fit.
pub fn linear(
    level: Level,
    sizes: Sizes,
    left: Numbers<'_>,
    right: Numbers<'_>,
    then: Then<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let fits = sizes.fit([left.len(), right.len(), out.len()])
        && then.bias.is_none_or(|bias| bias.len() == sizes.columns)
        && then.plus.is_none_or(|plus| plus.len() == out.len());
    fits && with!(NumbersMut, out, |out| layer(level, sizes, [left, right], then, out))
}

fn layer<U: Float>(
    level: Level,
    sizes: Sizes,
    sides: [Numbers<'_>; 2],
    then: Then<'_>,
    out: &mut [U],
) -> bool {
    let Some(plus) = then.plus.map_or(Some(&[][..]), U::slice) else { return false };
    let mut bias = Scratch::new(then.bias.map_or(0, |bias| bias.len()));
    if let Some(all) = then.bias {
        with!(Numbers, all, |all| bias.iter_mut().zip(all).for_each(|(to, bias)| *to = bias.to_f32()));
    }
    let after = After { bias: &bias, activation: then.activation, plus };
    let [left, right] = sides;
    if !out.is_empty() {
        with!(Numbers, left, |x| with!(Numbers, right, |w| product(level, sizes, x, w, after, out)));
    }
    true
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
        let Sizes { depth, columns, .. } = self.sizes;
        let x = part(self.left, number, rows * depth);
        let w = part(self.right, number, depth * columns);
        product(self.level, Sizes { rows, ..self.sizes }, x, w, After::nothing(), out);
    }
}

/// What `after` makes of a product.
fn product<T: Float, W: Float, U: Float>(
    level: Level,
    sizes: Sizes,
    x: &[T],
    w: &[W],
    after: After<'_, U>,
    out: &mut [U],
) {
    let Sizes { rows, depth, columns, order } = sizes;
    match order {
        _ if rows <= FEW || depth == 0 => simd::dispatch(level, Few { sizes, x, w, after, out }),
        Order::Plain => product::multiply_then(level, x, &Plain { elements: w, depth, columns }, after, out),
        Order::Transposed => match pairs(level, depth, x, w) {
            Some([x, w]) => {
                let w = TransposedPairs(Transposed { elements: w, depth: depth / 2, columns });
                product::multiply_then(level, x, &w, after, out);
            }
            None => {
                product::multiply_then(level, x, &Transposed { elements: w, depth, columns }, after, out);
            }
        },
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
    sizes: Sizes,
    x: &'a [T],
    w: &'a [W],
    after: After<'a, U>,
    out: &'a mut [U],
}

impl<T: Float, W: Float, U: Float> Kernel for Few<'_, T, W, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (Sizes { depth, columns, order, .. }, w) = (self.sizes, self.w);
        let whole = self.out.len().next_multiple_of(S::LANES);
        let (mut x, mut memory) = (Scratch::new(self.x.len()), Scratch::new(whole));
        memory.fill(0.0);
        let (out, _) = memory.split_at_mut(self.out.len());
        widen(s, self.x, &mut x);
        match order {
            _ if depth == 0 => {}
            Order::Plain => s.enter(Sums { depth, x: &x, w, out }),
            Order::Transposed => s.enter(Dots { depth, x: &x, w, out }),
        }
        self.after.change(s, 0, columns, &mut memory);
        self.after.write(s, 0, &memory, self.out);
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
