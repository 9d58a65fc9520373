//! Products with matrices stored in a few bits an element, in MLX's layout.

mod code;
mod few;
mod panel;
mod rows;
mod scales;

use crate::numbers::{Float, with};
use crate::{Level, Numbers, NumbersMut, product};

pub use scales::Scales;

use code::{Affine, Code};

/// How the elements of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Whole numbers of so many bits: 2, 3, 4, 6 or 8.
    Affine(u32),
}

/// A matrix `[rows, columns]`, whose elements are `code · scale + bias` with a scale and a bias for each group along a row.
#[derive(Clone, Copy, Debug)]
pub struct Quantized<'a> {
    words: &'a [u32],
    scales: Scales<'a>,
    biases: Option<Numbers<'a>>,
    columns: usize,
    group: usize,
    coding: Coding,
}

impl<'a> Quantized<'a> {
    /// A matrix of `columns`, a multiple of `group`, whose parts have as many rows as there are words for.
    ///
    /// Returns none where the parts do not fit together, or there are no kernels for the coding.
    pub fn new(
        words: &'a [u32],
        scales: Scales<'a>,
        biases: Option<Numbers<'a>>,
        columns: usize,
        group: usize,
        coding: Coding,
    ) -> Option<Self> {
        let Coding::Affine(bits) = coding;
        let known = matches!(bits, 2 | 3 | 4 | 6 | 8) && matches!(group, 32 | 64 | 128);
        let whole = columns > 0 && known && columns.is_multiple_of(group);
        let words_of_row = columns / 32 * bits as usize;
        if !whole || !words.len().is_multiple_of(words_of_row) {
            return None;
        }
        let groups = words.len() / words_of_row * (columns / group);
        let fits = scales.len() == groups && biases.is_some_and(|biases| biases.len() == groups);
        fits.then_some(Self { words, scales, biases, columns, group, coding })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.scales.len() / (self.columns / self.group)
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn bits(&self) -> usize {
        let Coding::Affine(bits) = self.coding;
        bits as usize
    }

    /// The words of a row.
    fn row(&self, row: usize) -> &'a [u32] {
        let length = self.columns / 32 * self.bits();
        self.words.get(row * length..(row + 1) * length).unwrap_or_default()
    }
}

/// Up to so many rows are multiplied by unpacking the matrix for a few of them at a time, without keeping it.
const FEW: usize = 12;

/// `x · wᵀ`: `[m, columns] -> [m, rows]`.
///
/// Returns whether the sizes fit.
pub fn multiply(level: Level, x: Numbers<'_>, w: &Quantized<'_>, out: NumbersMut<'_>) -> bool {
    let (columns, rows) = (w.columns(), w.rows());
    if !x.len().is_multiple_of(columns) || x.len() / columns * rows != out.len() {
        return false;
    }
    with!(Numbers, x, |x| with!(NumbersMut, out, |out| any_bits(level, x, w, out)));
    true
}

fn any_bits<T: Float, U: Float>(level: Level, x: &[T], w: &Quantized<'_>, out: &mut [U]) {
    match w.coding {
        Coding::Affine(2) => coded::<_, _, Affine<2>>(level, x, w, out),
        Coding::Affine(3) => coded::<_, _, Affine<3>>(level, x, w, out),
        Coding::Affine(4) => coded::<_, _, Affine<4>>(level, x, w, out),
        Coding::Affine(6) => coded::<_, _, Affine<6>>(level, x, w, out),
        Coding::Affine(_) => coded::<_, _, Affine<8>>(level, x, w, out),
    }
}

fn coded<T: Float, U: Float, C: Code>(level: Level, x: &[T], w: &Quantized<'_>, out: &mut [U]) {
    if x.len() / w.columns() <= FEW {
        few::multiply::<T, U, C>(level, x, w, out);
    } else {
        product::multiply(level, x, &panel::Transposed::<C>::new(w), out);
    }
}
