//! Arrays from recipes, by the formula of `xtask/golden/recipe.py`, which explains them.

use mlx_core::{Array, Complex64, Dtype, Element, Index, Slice, bf16, f16};

use super::args::{dtype, lengths};

const SPECIALS: [f64; 12] =
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.5, -2.5, 0.5, -1.0, 3.0, -0.5, 2.0];
const IMAGINARY: u32 = 100;
const LOW: u32 = 1000;

/// The array of a recipe; `seed` is its place among the inputs.
pub(super) fn build(recipe: &str, seed: u32) -> Array {
    let mut parts = recipe.split(' ');
    let mut next = || parts.next().unwrap();
    let (dtype, kind, shape) = (dtype(next()), next(), lengths(next()));
    let array = Values { dtype, kind, seed, size: shape.iter().product::<i32>() as usize }.array(&shape);
    parts.fold(array, |array, step| view(&array, step))
}

fn view(array: &Array, step: &str) -> Array {
    let (name, argument) = step.split_at(1);
    match name {
        "t" => array.t(),
        "p" => array.transpose(lengths(argument)),
        "b" => array.broadcast_to(lengths(argument)),
        _ => array.index(argument.split(',').map(|text| slice(text).into()).collect::<Vec<Index>>()),
    }
    .unwrap()
}

/// A slice as Python writes it.
pub(super) fn slice(text: &str) -> Slice {
    let mut bounds = text.split(':').map(|bound| bound.parse().ok());
    let mut next = || bounds.next().flatten();
    let (start, stop) = (next(), next());
    Slice { start, stop, step: next().unwrap_or(1) }
}

/// What an array holds before any step.
struct Values<'a> {
    dtype: Dtype,
    kind: &'a str,
    seed: u32,
    size: usize,
}

impl Values<'_> {
    fn array(&self, shape: &[i32]) -> Array {
        match self.dtype {
            Dtype::Bool => array(&self.bits(), shape, |bits| bits & 1 == 1),
            Dtype::Uint8 => array(&self.bits(), shape, |bits| bits as u8),
            Dtype::Uint16 => array(&self.bits(), shape, |bits| bits as u16),
            Dtype::Uint32 => array(&self.bits(), shape, |bits| bits as u32),
            Dtype::Uint64 => array(&self.bits(), shape, |bits| bits as u64),
            Dtype::Int8 => array(&self.bits(), shape, |bits| bits as i8),
            Dtype::Int16 => array(&self.bits(), shape, |bits| bits as i16),
            Dtype::Int32 => array(&self.bits(), shape, |bits| bits as i32),
            Dtype::Int64 => array(&self.bits(), shape, |bits| bits),
            Dtype::Float16 => array(&self.numbers(self.seed), shape, f16::from_f64),
            Dtype::Bfloat16 => array(&self.numbers(self.seed), shape, bf16::from_f64),
            Dtype::Float32 => array(&self.numbers(self.seed), shape, |number| number as f32),
            Dtype::Float64 => array(&self.numbers(self.seed), shape, |number| number),
            Dtype::Complex64 => {
                let (re, im) = (self.numbers(self.seed), self.imaginary());
                let pairs: Vec<_> = re.into_iter().zip(im).collect();
                array(&pairs, shape, |(re, im)| Complex64 { re: re as f32, im: im as f32 })
            }
        }
    }

    /// Whole numbers, of which the type takes its low bits.
    fn bits(&self) -> Vec<i64> {
        if self.kind == "full" {
            let (high, low) = (self.hashes(self.seed), self.hashes(self.seed + LOW));
            return high.zip(low).map(|(high, low)| i64::from(high) << 32 | i64::from(low)).collect();
        }
        if let Some(literals) = self.literals() {
            return literals.into_iter().map(|number| number as i64).collect();
        }
        let whole = self.whole(self.seed);
        if self.dtype.is_signed() || self.dtype == Dtype::Bool {
            whole
        } else {
            whole.into_iter().map(i64::abs).collect()
        }
    }

    fn numbers(&self, seed: u32) -> Vec<f64> {
        if self.kind == "special" {
            return SPECIALS.into_iter().cycle().take(self.size).collect();
        }
        if let Some(literals) = self.literals() {
            return literals;
        }
        let denominator = match self.kind {
            "any" | "pos" | "nonzero" => 8.0,
            "unit" => 32.0,
            "distinct" => 4.0,
            _ => 1.0,
        };
        self.whole(seed).into_iter().map(|whole| whole as f64 / denominator).collect()
    }

    fn imaginary(&self) -> Vec<f64> {
        match self.literals() {
            Some(literals) => vec![0.0; literals.len()],
            None => self.numbers(self.seed + IMAGINARY),
        }
    }

    fn literals(&self) -> Option<Vec<f64>> {
        let literals = self.kind.strip_prefix('=')?;
        Some(literals.split(',').map(|number| number.parse().unwrap()).collect())
    }

    fn hashes(&self, seed: u32) -> impl Iterator<Item = u32> {
        (0..self.size as u32).map(move |place| hash(place, seed))
    }

    /// The numerators of the kind.
    fn whole(&self, seed: u32) -> Vec<i64> {
        let is_fraction = self.dtype.is_float() || self.dtype == Dtype::Complex64;
        match self.kind {
            "distinct" => return self.ranks(seed),
            "stripes" => return (0..self.size).map(|place| i64::from(place % 3 != 0)).collect(),
            _ => {}
        }
        let number = |hash: i64| match self.kind {
            "any" => hash % 63 - 31,
            "pos" => hash % 32 + 1,
            "nonzero" if self.dtype == Dtype::Bool => 1,
            "nonzero" => (hash % 31 + 1) * if hash >> 16 & 1 == 1 { -1 } else { 1 },
            "unit" if is_fraction => hash % 61 - 30,
            "unit" => hash % 3 - 1,
            "small" => hash % 7 - 3,
            kind => match (kind.strip_prefix("below"), kind.strip_prefix("around")) {
                (Some(bound), _) => hash % bound.parse::<i64>().unwrap(),
                (_, Some(bound)) => {
                    let bound: i64 = bound.parse().unwrap();
                    hash % (2 * bound) - bound
                }
                _ => panic!("no kind {kind}"),
            },
        };
        self.hashes(seed).map(|hash| number(hash.into())).collect()
    }

    /// The place of each hash in their order, around 0 if the type has negative numbers.
    fn ranks(&self, seed: u32) -> Vec<i64> {
        let hashes: Vec<u32> = self.hashes(seed).collect();
        let mut order: Vec<usize> = (0..self.size).collect();
        order.sort_by_key(|&place| hashes[place]);
        let first = if matches!(self.dtype, Dtype::Uint8 | Dtype::Uint16 | Dtype::Uint32 | Dtype::Uint64) {
            0
        } else {
            -(self.size as i64 / 2)
        };
        let mut ranks = vec![0; self.size];
        for (rank, place) in (first..).zip(order) {
            ranks[place] = rank;
        }
        ranks
    }
}

fn array<V: Copy, T: Element>(values: &[V], shape: &[i32], convert: impl Fn(V) -> T) -> Array {
    Array::from_slice(&values.iter().map(|&value| convert(value)).collect::<Vec<_>>(), shape).unwrap()
}

/// lowbias32 (Wellons, "Prospecting for Hash Functions", 2018).
fn hash(place: u32, seed: u32) -> u32 {
    let mut h = place.wrapping_mul(0x9e37_79b1).wrapping_add(seed.wrapping_mul(0x85eb_ca6b));
    h = (h ^ h >> 16).wrapping_mul(0x7feb_352d);
    h = (h ^ h >> 15).wrapping_mul(0x846c_a68b);
    h ^ h >> 16
}
