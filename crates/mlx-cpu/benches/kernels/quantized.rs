//! Products with matrices of every coding, and with those of experts.

use std::fmt;

use half::bf16;
use mlx_cpu::quantized::{self, Coding, Precision, Quantized, Scales};
use mlx_cpu::{Level, Numbers, Pairs};

use super::measure::{Bench, Case, Limit, copies};
use super::store::{Kind, Store, random};

const MANY: usize = 512;

/// How matrices are stored.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) coding: Coding,
    pub(crate) bits: usize,
    pub(crate) group: usize,
}

const FORMS: [Form; 9] = [
    Form::affine(2),
    Form::affine(3),
    Form::affine(4),
    Form::affine(5),
    Form::affine(6),
    Form::affine(8),
    Form { coding: Coding::E2m1, bits: 4, group: 32 },
    Form { coding: Coding::E2m1, bits: 4, group: 16 },
    Form { coding: Coding::E4m3, bits: 8, group: 32 },
];

/// Matrices of one form.
pub(crate) struct Matrices {
    form: Form,
    columns: usize,
    /// Elements of each.
    size: usize,
    words: Vec<u32>,
    numbers: Vec<bf16>,
    bytes: Vec<u8>,
}

pub(crate) fn run(bench: &Bench) {
    if bench.wants("quantized::multiply") {
        for form in FORMS {
            cases(form).into_iter().for_each(|(rows, kind, how)| product(bench, form, rows, kind, how));
        }
    }
    if bench.wants("quantized::gather") {
        [1, MANY].iter().for_each(|&tokens| experts(bench, tokens));
    }
}

impl Form {
    pub(crate) const fn affine(bits: u32) -> Self {
        Self { coding: Coding::Affine(bits), bits: bits as usize, group: 64 }
    }

    fn is_affine(self) -> bool {
        matches!(self.coding, Coding::Affine(_))
    }

    /// Bytes of so many elements, with their scales and biases.
    pub(crate) fn bytes(self, elements: usize) -> usize {
        elements * self.bits / 8 + elements / self.group * if self.is_affine() { 4 } else { 1 }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.coding, self.group) {
            (Coding::Affine(bits), _) => write!(f, "{bits} bits"),
            (Coding::E4m3, _) => f.write_str("mxfp8"),
            (_, 16) => f.write_str("nvfp4"),
            _ => f.write_str("mxfp4"),
        }
    }
}

impl Matrices {
    pub(crate) fn random(form: Form, [rows, columns]: [usize; 2], count: usize) -> Self {
        let size = rows * columns;
        let groups = count * size / form.group;
        let (numbers, bytes) = if form.is_affine() { (2 * groups, 0) } else { (0, groups) };
        Self {
            form,
            columns,
            size,
            words: random().take(count * size * form.bits / 32).collect(),
            numbers: vec![bf16::from_f32(0.01); numbers],
            bytes: vec![120; bytes],
        }
    }

    pub(crate) fn get(&self, at: usize) -> Quantized<'_> {
        let Form { coding, bits, group } = self.form;
        let (words, groups) = (self.size * bits / 32, self.size / group);
        let numbers = |at: usize| Numbers::Bf16(&self.numbers[at * groups..(at + 1) * groups]);
        let bytes = || &self.bytes[at * groups..(at + 1) * groups];
        let (scales, biases) = match (coding, group) {
            (Coding::Affine(_), _) => (Scales::Numbers(numbers(2 * at)), Some(numbers(2 * at + 1))),
            (_, 16) => (Scales::E4m3(bytes(), 1.0), None),
            _ => (Scales::E8m0(bytes()), None),
        };
        let words = &self.words[at * words..(at + 1) * words];
        Quantized::new(words, scales, biases, self.columns, group, coding).unwrap()
    }
}

/// Rows, their type, and what is computed with.
fn cases(form: Form) -> Vec<(usize, Kind, Precision)> {
    let mut cases = vec![(1, Kind::Bf16, Precision::Exact)];
    // The other codings differ from their neighbours only in how they are unpacked.
    if matches!(form.coding, Coding::Affine(3 | 4 | 8)) || form.group == 32 {
        cases.push((MANY, Kind::Bf16, Precision::Exact));
    }
    if matches!(form.coding, Coding::Affine(4 | 8)) {
        cases.push((MANY, Kind::Bf16, Precision::Int8));
    }
    if form.coding == Coding::Affine(4) {
        cases.extend([1, MANY].map(|rows| (rows, Kind::F32, Precision::Exact)));
    }
    cases
}

fn product(bench: &Bench, form: Form, rows: usize, kind: Kind, precision: Precision) {
    let side = side(rows);
    let bytes = form.bytes(side * side);
    let count = if rows == 1 { copies(bytes) } else { 1 };
    let matrices = Matrices::random(form, [side, side], count);
    let x = Store::random(kind, rows * side);
    let mut out = Store::random(kind, rows * side);
    let rounded = if precision == Precision::Int8 { " as int8" } else { "" };
    let case = Case {
        kernel: "quantized::multiply",
        what: format!("[{rows}, {side}] {kind}{rounded} by [{side}, {side}] {form}"),
        bytes,
        operations: 2 * rows * side * side,
        limit: if rows == 1 { Limit::Read } else { Limit::Arithmetic },
    };
    bench.measure(&case, count, |at| {
        let w = matrices.get(at).with_precision(precision);
        quantized::multiply(Level::best(), x.all(), &w, out.all_mut())
    });
}

/// Rows and columns of a matrix that is multiplied by so many rows: smaller for many, as no round should be long.
pub(crate) fn side(rows: usize) -> usize {
    if rows == 1 { 4096 } else { 2048 }
}

/// A layer of 64 experts, 8 for each token.
fn experts(bench: &Bench, tokens: usize) {
    let ([stack, rows, columns], form) = ([64, 768, 2048], Form::affine(4));
    let w = Matrices::random(form, [stack * rows, columns], 1);
    let x = Store::random(Kind::Bf16, tokens * columns);
    let mut out = Store::random(Kind::Bf16, tokens * 8 * rows);
    let left: Vec<u32> = (0..tokens as u32).flat_map(|token| [token; 8]).collect();
    let case = Case {
        kernel: "quantized::gather",
        what: format!("{tokens} x 8 of {stack} experts [{rows}, {columns}] {form}"),
        bytes: form.bytes(left.len().min(stack) * rows * columns),
        operations: 2 * left.len() * rows * columns,
        limit: if tokens == 1 { Limit::Read } else { Limit::Arithmetic },
    };
    bench.measure(&case, if tokens == 1 { stack / 8 } else { 1 }, |at| {
        let place = |pair: u32| (pair * 5 + 8 * at as u32) % stack as u32;
        let right: Vec<u32> = (0..left.len() as u32).map(place).collect();
        let pairs = Pairs { left: &left, right: &right, rows: 1, stack };
        quantized::gather(Level::best(), x.all(), &w.get(0), pairs, out.all_mut())
    });
}
