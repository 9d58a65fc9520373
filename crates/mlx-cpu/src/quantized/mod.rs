//! Products with matrices stored in a few bits an element, in MLX's layout.

mod code;
mod feed_forward;
mod few;
mod fields;
mod panel;
mod rounded;
mod rows;
mod scales;

use std::ops::Range;

use crate::{Level, Numbers, NumbersMut, Pairs, product, singles};

pub use feed_forward::feed_forward;
pub use scales::Scales;

use code::{Affine, E2m1, E4m3};

/// Does something with the type of a matrix's codes.
macro_rules! coded {
    ($w:expr, $code:ident => $body:expr) => {
        coded!($w, $code => $body; Affine(2): Affine<2>, Affine(3): Affine<3>, Affine(4): Affine<4>, Affine(5): Affine<5>,
            Affine(6): Affine<6>, Affine(_): Affine<8>, E2m1: E2m1, E4m3: E4m3)
    };
    ($w:expr, $code:ident => $body:expr; $($name:ident$(($bits:tt))?: $type:ty),*) => {
        match $w.coding {
            $(Coding::$name$(($bits))? => {
                type $code = $type;
                $body
            })*
        }
    };
}

use coded;

/// How the elements of a matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Whole numbers of so many bits: 2, 3, 4, 5, 6 or 8. Scales and biases are floats, groups of 32, 64 or 128.
    Affine(u32),
    /// Floats of a sign, 2 bits of exponent and 1 of fraction. Scales are bytes, groups of 16 (nvfp4) or 32 (mxfp4).
    E2m1,
    /// Floats of a sign, 4 bits of exponent and 3 of fraction. Scales are bytes, groups of 16 or 32 (mxfp8).
    E4m3,
}

/// What products are computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Singles. Many rows of `bfloat16` may stay so, where subnormal numbers count as 0; other halves, a few rows with codes
    /// that are whole numbers and many with those of 4 or 8 bits, may be whole numbers of 16 bits with a factor for each
    /// group: an element is off by up to a 65534th of the greatest in its group, less than rounding the product to a half
    /// changes it.
    #[default]
    Exact,
    /// Where codes are whole numbers, rows of `x` are rounded: a few to 16 bits, as above, many with 4 or 8 bits to bytes with
    /// a scale for every 32 elements, where each is off by up to a 254th of the greatest of them; or to 16 bits where that
    /// is faster, as with codes of 8 bits and AVX2.
    Int8,
}

impl Coding {
    fn bits(self) -> usize {
        match self {
            Self::Affine(bits) => bits as usize,
            Self::E2m1 => 4,
            Self::E4m3 => 8,
        }
    }

    /// Whether there are kernels for it with such groups, scales and biases.
    fn takes(self, group: usize, scales: Scales<'_>, biases: Option<Numbers<'_>>) -> bool {
        let numbers = matches!(scales, Scales::Numbers(_));
        match self {
            Self::Affine(bits) => {
                let known = matches!(bits, 2..=6 | 8) && matches!(group, 32 | 64 | 128);
                known && numbers && biases.is_some_and(|biases| biases.len() == scales.len())
            }
            Self::E2m1 | Self::E4m3 => matches!(group, 16 | 32) && !numbers && biases.is_none(),
        }
    }
}

/// A matrix `[rows, columns]`, whose elements are `code · scale + bias` with a scale and a bias for each group along a row.
///
/// See the [microscaling formats](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)
/// for codes that are floats, which have no biases.
#[derive(Clone, Copy, Debug)]
pub struct Quantized<'a> {
    words: &'a [u32],
    scales: Scales<'a>,
    biases: Option<Numbers<'a>>,
    columns: usize,
    group: usize,
    coding: Coding,
    precision: Precision,
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
        if columns == 0 || !columns.is_multiple_of(group.max(1)) || !coding.takes(group, scales, biases) {
            return None;
        }
        let words_of_row = columns * coding.bits() / 32;
        let rows = words.len() / words_of_row;
        let fits = words.len().is_multiple_of(words_of_row) && scales.len() == rows * (columns / group);
        fits.then_some(Self { words, scales, biases, columns, group, coding, precision: Precision::Exact })
    }

    /// The same matrix, whose transpose is multiplied with such precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.scales.len() / (self.columns / self.group)
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether rows of both are stored and multiplied alike.
    fn is_like(&self, other: &Self) -> bool {
        let of = |w: &Self| (w.columns, w.group, w.coding, w.precision);
        of(self) == of(other)
    }

    /// Some of the rows.
    fn part(&self, rows: Range<usize>) -> Self {
        let (groups, words) = (self.columns / self.group, self.row(0).len());
        let of_groups = rows.start * groups..rows.end * groups;
        Self {
            words: self.words.get(rows.start * words..rows.end * words).unwrap_or_default(),
            scales: self.scales.part(of_groups.clone()),
            biases: self.biases.map(|biases| biases.part(of_groups)),
            ..*self
        }
    }

    /// The words of a row.
    fn row(&self, row: usize) -> &'a [u32] {
        let length = self.columns * self.coding.bits() / 32;
        self.words.get(row * length..(row + 1) * length).unwrap_or_default()
    }
}

/// Matrices of one coding with groups and columns as many, and room for the products with each.
type Each<'a, 'b> = Vec<(&'a Quantized<'a>, NumbersMut<'b>)>;

/// The same with room for singles.
type EachSingles<'a, 'b> = Vec<(&'a Quantized<'a>, &'b mut [f32])>;

/// Up to so many rows are multiplied by unpacking the matrix for a few of them at a time, without keeping it.
const FEW: usize = 12;

/// `x · wᵀ`: `[m, columns] -> [m, rows]`.
///
/// Returns whether the sizes fit.
pub fn multiply(level: Level, x: Numbers<'_>, w: &Quantized<'_>, out: NumbersMut<'_>) -> bool {
    let fits = fit([x.len(), w.columns(), w.rows()], out.len());
    if fits {
        transposed(level, x, vec![(w, out)], Elements::of(x));
    }
    fits
}

/// `x · wᵀ` for each of some matrices: `[m, columns] -> [m, rows]`.
///
/// Returns whether the sizes fit.
pub fn multiply_each(
    level: Level,
    x: Numbers<'_>,
    matrices: &[Quantized<'_>],
    outs: Vec<NumbersMut<'_>>,
) -> bool {
    let fits = outs.len() == matrices.len()
        && matrices.iter().zip(&outs).all(|(w, out)| fit([x.len(), w.columns(), w.rows()], out.len()));
    if !fits {
        return false;
    }
    let Some(first) = matrices.first() else { return true };
    if !matrices.iter().all(|w| w.is_like(first)) {
        return matrices.iter().zip(outs).all(|(w, out)| multiply(level, x, w, out));
    }
    transposed(level, x, matrices.iter().zip(outs).collect(), Elements::of(x));
    true
}

/// `x · w`: `[m, rows] -> [m, columns]`.
///
/// Returns whether the sizes fit.
pub fn multiply_plain(level: Level, x: Numbers<'_>, w: &Quantized<'_>, out: NumbersMut<'_>) -> bool {
    let fits = fit([x.len(), w.rows(), w.columns()], out.len());
    if fits {
        singles::converted(level, x, out, |x, out| {
            coded!(w, C => product::multiply(level, x, &panel::Plain::<C>::new(w), out));
        });
    }
    fits
}

/// `x[left] · w[right]ᵀ` for each of the pairs: `[matrices, rows, columns] -> [pairs, rows, rows of w]`, where the matrices of
/// the stack stand one below the other in `w`. Each of them that is needed is read once.
///
/// Returns whether the sizes fit and the numbers of the pairs are within them.
pub fn gather(
    level: Level,
    x: Numbers<'_>,
    w: &Quantized<'_>,
    pairs: Pairs<'_>,
    out: NumbersMut<'_>,
) -> bool {
    let rows = w.rows().checked_div(pairs.stack).unwrap_or(0);
    let fits = rows * pairs.stack == w.rows() && pairs.fit([x.len(), w.columns(), rows], out.len());
    if fits {
        let elements = Elements::of(x);
        singles::converted(level, x, out, |x, out| {
            pairs.each_matrix([w.columns(), rows], x, out, |matrix, x, out| {
                let w = w.part(matrix * rows..(matrix + 1) * rows);
                transposed(level, Numbers::F32(x), vec![(&w, NumbersMut::F32(out))], elements);
            });
        });
    }
    fits
}

/// Whether `left` elements in rows of `depth` make `out` elements in rows of `columns`.
fn fit([left, depth, columns]: [usize; 3], out: usize) -> bool {
    let rows = left.checked_div(depth).unwrap_or(0);
    rows * depth == left && rows * columns == out
}

/// What the elements of the left side are, though they may come as singles.
#[derive(Clone, Copy, PartialEq)]
enum Elements {
    Singles,
    F16,
    Bf16,
}

impl Elements {
    fn of(x: Numbers<'_>) -> Self {
        match x {
            Numbers::F32(_) => Self::Singles,
            Numbers::F16(_) => Self::F16,
            Numbers::Bf16(_) => Self::Bf16,
        }
    }
}

/// The products with matrices that are all like the first.
fn transposed(level: Level, x: Numbers<'_>, each: Each<'_, '_>, elements: Elements) {
    let Some(&(w, _)) = each.first() else { return };
    let whole = elements != Elements::Singles && pays(level, w);
    match (w.coding, w.precision) {
        _ if x.len() / w.columns <= FEW => {
            in_singles(level, x, each, |x, each| few_rows(level, x, each, elements));
        }
        (Coding::Affine(8), Precision::Int8) if level == Level::Avx2 && pays(level, w) => {
            rounded::multiply_shorts::<8>(level, x, each);
        }
        (Coding::Affine(4), Precision::Int8) => rounded::multiply_bytes::<4>(level, x, each),
        (Coding::Affine(8), Precision::Int8) => rounded::multiply_bytes::<8>(level, x, each),
        _ if elements == Elements::Bf16 && level >= Level::Avx512Dots => {
            coded!(w, C => rounded::multiply_halves::<C>(level, x, each));
        }
        (Coding::Affine(4), _) if whole => rounded::multiply_shorts::<4>(level, x, each),
        (Coding::Affine(8), _) if whole => rounded::multiply_shorts::<8>(level, x, each),
        _ => in_singles(level, x, each, |x, each| {
            coded!(w, C => {
                for (w, out) in each {
                    product::multiply(level, x, &panel::Transposed::<C>::new(w), out);
                }
            });
        }),
    }
}

/// Calls `work` with all numbers as singles, and rounds what it wrote.
fn in_singles<'a>(
    level: Level,
    x: Numbers<'_>,
    each: Each<'a, '_>,
    work: impl FnOnce(&[f32], EachSingles<'a, '_>),
) {
    let (matrices, outs): (Vec<_>, Vec<_>) = each.into_iter().unzip();
    singles::converted_each(level, x, outs, |x, outs| work(x, matrices.into_iter().zip(outs).collect()));
}

/// Whether products of many rows in whole numbers of 16 bits are faster than in singles: AVX2 has room for twice as many, and
/// the sums of a group, which become floats, are of 64 at least. Plain AVX-512 adds integers where it multiplies floats.
fn pays(level: Level, w: &Quantized<'_>) -> bool {
    match level {
        Level::Avx2 => w.group >= 64,
        Level::Avx512Dots => true,
        Level::Baseline | Level::Avx512 => false,
    }
}

/// The products of a few rows with matrices that are all like the first.
fn few_rows(level: Level, x: &[f32], each: EachSingles<'_, '_>, elements: Elements) {
    let Some(&(w, _)) = each.first() else { return };
    if elements == Elements::Singles && w.precision == Precision::Exact {
        coded!(w, C => few::multiply::<C>(level, x, each));
        return;
    }
    match w.coding {
        Coding::Affine(2) => few::multiply_shorts::<2>(level, x, each),
        Coding::Affine(3) => few::multiply_windows::<3>(level, x, each),
        Coding::Affine(4) => few::multiply_shorts::<4>(level, x, each),
        Coding::Affine(5) => few::multiply_windows::<5>(level, x, each),
        Coding::Affine(6) => few::multiply_windows::<6>(level, x, each),
        Coding::Affine(8) => few::multiply_shorts::<8>(level, x, each),
        _ => coded!(w, C => few::multiply::<C>(level, x, each)),
    }
}
