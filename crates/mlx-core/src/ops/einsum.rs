//! Sums of products in Einstein's notation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fmt;

use crate::ffi::{Vector, raw};
use crate::{Array, Error, Kind, Result};

/// The indices of one array, by number.
type Term = BTreeSet<usize>;

/// The products that `subscripts` name, summed over the letters that the part after `->` does not have.
///
/// ```
/// use mlx_core::{Array, einsum};
///
/// let (a, b) = (Array::from([[1.0, 2.0], [3.0, 4.0]]), Array::from([1.0, -1.0]));
/// assert_eq!(einsum("ij,j->i", [&a, &b])?.to_vec::<f32>()?, [-1.0, -1.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// The subscripts are no letters, do not fit the arrays, or ask for a letter that no array has.
#[track_caller]
pub fn einsum<'a>(subscripts: &str, operands: impl IntoIterator<Item = &'a Array>) -> Result<Array> {
    let operands: Vec<_> = operands.into_iter().collect();
    let shapes: Vec<_> = operands.iter().map(|array| array.shape()).collect();
    Problem::new("einsum", subscripts, &shapes)?;
    match CString::new(subscripts) {
        Ok(text) => {
            let empty = operands.iter().any(|array| array.size() == 0);
            raw::einsum(&text, &Vector::collect(operands)?)?.or_zeros(empty)
        }
        Err(_) => Err(Error::new(Kind::Shape, "einsum", "subscripts hold a zero byte")),
    }
}

/// The order in which [`einsum`] multiplies, and what that costs. Its text is that of MLX's Python interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EinsumPath {
    /// For each step the operands that are taken out; their product goes to the end of the list.
    pub steps: Vec<Vec<usize>>,
    /// Letters in the whole sum.
    pub naive_scaling: usize,
    /// Letters in the largest step.
    pub optimized_scaling: usize,
    /// Operations of the whole sum at once.
    pub naive_cost: usize,
    /// Operations in this order.
    pub optimized_cost: usize,
    subscripts: String,
}

impl fmt::Display for EinsumPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  Complete contraction:  {}", self.subscripts)?;
        writeln!(f, "         Naive scaling:  {}", self.naive_scaling)?;
        writeln!(f, "     Optimized scaling:  {}", self.optimized_scaling)?;
        writeln!(f, "      Naive FLOP count:  {}", self.naive_cost)?;
        writeln!(f, "  Optimized FLOP count:  {}", self.optimized_cost)
    }
}

/// The order in which [`einsum`] multiplies these arrays: greedy, as NumPy's `einsum_path` describes.
#[track_caller]
pub fn einsum_path<'a>(
    subscripts: &str,
    operands: impl IntoIterator<Item = &'a Array>,
) -> Result<EinsumPath> {
    let shapes: Vec<_> = operands.into_iter().map(Array::shape).collect();
    let problem = Problem::new("einsum_path", subscripts, &shapes)?;
    let (naive_cost, naive_scaling) = problem.cost(&problem.inputs);
    let mut path = EinsumPath {
        steps: vec![(0..problem.inputs.len()).collect()],
        naive_scaling,
        optimized_scaling: naive_scaling,
        naive_cost,
        optimized_cost: naive_cost,
        subscripts: subscripts.to_owned(),
    };
    if problem.inputs.len() > 2 {
        problem.greedy(&mut path);
    }
    Ok(path)
}

/// What is summed: the terms of the inputs and of the result, and the length of each index.
struct Problem {
    inputs: Vec<Term>,
    output: Term,
    lengths: Vec<usize>,
}

/// A pair of inputs that may be multiplied next.
struct Candidate {
    pair: (usize, usize),
    /// What the pair holds less what its product would.
    saved: i64,
    cost: usize,
    term: Term,
    scaling: usize,
}

impl Problem {
    #[track_caller]
    fn new(op: &'static str, subscripts: &str, shapes: &[&[i32]]) -> Result<Self> {
        match Self::read(subscripts, shapes) {
            Ok(problem) => Ok(problem),
            Err(message) => Err(Error::new(Kind::Shape, op, message)),
        }
    }

    /// Reads subscripts for arrays of these shapes. What it refuses, MLX reads past the end for, or gives a result of
    /// another shape.
    fn read(subscripts: &str, shapes: &[&[i32]]) -> Result<Self, String> {
        let text: String = subscripts.chars().filter(|&c| c != ' ').collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let terms: Vec<_> = left.split(',').map(Subscript::read).collect::<Result<_, _>>()?;
        if terms.len() != shapes.len() {
            return Err(format!("{subscripts:?} names {} arrays, not {}", terms.len(), shapes.len()));
        }
        let unnamed = terms.iter().zip(shapes).map(|(term, shape)| term.unnamed(shape.len()));
        let unnamed: Vec<_> = unnamed.collect::<Result<_, _>>()?;
        let widest = unnamed.iter().copied().max().unwrap_or_default();
        let mut indices = Indices::new(&terms, widest)?;
        let mut inputs = Vec::new();
        for ((term, shape), &unnamed) in terms.iter().zip(shapes).zip(&unnamed) {
            let names = indices.expand(term, unnamed);
            indices.measure(&names, shape)?;
            inputs.push(names.into_iter().collect());
        }
        let output = match right {
            Some(right) => indices.output(&Subscript::read(right)?)?,
            None => indices.once(&terms),
        };
        Ok(Self { inputs, output, lengths: indices.lengths })
    }

    /// Elements of an array with these indices, as MLX counts.
    fn size(&self, term: &Term) -> usize {
        term.iter().filter_map(|&index| self.lengths.get(index)).fold(1, |size, &n| size.wrapping_mul(n))
    }

    fn operations(&self, term: &Term, sums: bool, factors: usize) -> usize {
        let each = factors.saturating_sub(1).max(1) + usize::from(sums);
        self.size(term).wrapping_mul(each)
    }

    /// Operations and letters of the product of `inputs` at once.
    fn cost(&self, inputs: &[Term]) -> (usize, usize) {
        let all: Term = inputs.iter().flatten().copied().collect();
        let sums = !all.is_subset(&self.output);
        (self.operations(&all, sums, inputs.len()), all.len())
    }

    /// Takes the pair that saves most until one array is left, or no pair is better than all at once.
    fn greedy(&self, path: &mut EinsumPath) {
        let mut left = self.inputs.clone();
        let largest = left.iter().chain([&self.output]).map(|term| self.size(term)).max().unwrap_or(1);
        let limits = (largest, path.naive_cost);
        let mut pairs: Vec<_> =
            (0..left.len()).flat_map(|i| (i + 1..left.len()).map(move |j| (i, j))).collect();
        let mut known: Vec<Candidate> = Vec::new();
        (path.steps, path.optimized_cost, path.optimized_scaling) = (Vec::new(), 0, 0);
        while left.len() > 1 {
            let candidate = |&pair: &(usize, usize)| self.candidate(&left, pair, limits, path.optimized_cost);
            let meet = |&&(i, j): &&(usize, usize)| match (left.get(i), left.get(j)) {
                (Some(a), Some(b)) => !a.is_disjoint(b),
                _ => false,
            };
            known.extend(pairs.iter().filter(meet).filter_map(candidate));
            if known.is_empty() {
                known.extend(pairs.iter().filter_map(candidate));
            }
            let best =
                known.iter().enumerate().min_by_key(|(_, c)| (Reverse(c.saved), c.cost)).map(|(at, _)| at);
            let Some(best) = best.map(|at| known.remove(at)) else {
                let (cost, scaling) = self.cost(&left);
                path.steps.push((0..left.len()).collect());
                path.optimized_cost = path.optimized_cost.wrapping_add(cost);
                path.optimized_scaling = path.optimized_scaling.max(scaling);
                return;
            };
            let (i, j) = best.pair;
            path.steps.push(vec![i, j]);
            path.optimized_cost = path.optimized_cost.wrapping_add(best.cost);
            path.optimized_scaling = path.optimized_scaling.max(best.scaling);
            left.remove(j);
            left.remove(i);
            left.push(best.term);
            known.retain(|c| ![c.pair.0, c.pair.1].iter().any(|&at| at == i || at == j));
            let moved = |at: usize| at - usize::from(at > i) - usize::from(at > j);
            known.iter_mut().for_each(|c| c.pair = (moved(c.pair.0), moved(c.pair.1)));
            pairs = (0..left.len() - 1).map(|at| (at, left.len() - 1)).collect();
        }
    }

    /// The product of a pair, unless it is larger than all arrays, or the path with it longer than all at once.
    fn candidate(
        &self,
        left: &[Term],
        pair: (usize, usize),
        (largest, most): (usize, usize),
        so_far: usize,
    ) -> Option<Candidate> {
        let (a, b) = (left.get(pair.0)?, left.get(pair.1)?);
        let all: Term = a | b;
        let others = left.iter().enumerate().filter(|&(at, _)| at != pair.0 && at != pair.1);
        let wanted: Term = others.flat_map(|(_, term)| term).chain(&self.output).copied().collect();
        let term: Term = &all & &wanted;
        let size = self.size(&term);
        let cost = self.operations(&all, all.len() > term.len(), 2);
        if size > largest || so_far.wrapping_add(cost) > most {
            return None;
        }
        let saved = self.size(a).wrapping_add(self.size(b)).wrapping_sub(size).cast_signed() as i64;
        Some(Candidate { pair, saved, cost, scaling: all.len(), term })
    }
}

/// The letters of one array; `unnamed` is where `...` stands among them.
struct Subscript {
    letters: Vec<char>,
    unnamed: Option<usize>,
}

impl Subscript {
    fn read(text: &str) -> Result<Self, String> {
        let (before, after) = match text.split_once("...") {
            Some((before, after)) => (before, Some(after)),
            None => (text, None),
        };
        let letters: Vec<_> = before.chars().chain(after.unwrap_or_default().chars()).collect();
        if let Some(wrong) = letters.iter().find(|c| !c.is_ascii_alphabetic()) {
            return Err(format!("subscripts are letters and one `...`, not {wrong:?} in {text:?}"));
        }
        Ok(Self { letters, unnamed: after.map(|_| before.len()) })
    }

    /// How many of `rank` axes `...` stands for.
    fn unnamed(&self, rank: usize) -> Result<usize, String> {
        let left = rank.checked_sub(self.letters.len());
        match left.filter(|&left| left == 0 || self.unnamed.is_some()) {
            Some(left) => Ok(left),
            None => Err(format!("{} subscripts for an array of {rank} axes", self.letters.len())),
        }
    }
}

/// All indices by number: those of `...` first, then letters.
struct Indices {
    letters: BTreeMap<char, usize>,
    unnamed: usize,
    lengths: Vec<usize>,
}

impl Indices {
    fn new(terms: &[Subscript], unnamed: usize) -> Result<Self, String> {
        let letters: BTreeSet<_> = terms.iter().flat_map(|term| &term.letters).copied().collect();
        // MLX takes the other letters of the alphabet for unnamed axes, and does not count how many it has.
        if letters.len() + unnamed > 52 {
            return Err(format!("{unnamed} axes under `...` and {} letters are more than 52", letters.len()));
        }
        let letters: BTreeMap<_, _> = letters.into_iter().zip(unnamed..).collect();
        Ok(Self { lengths: vec![1; unnamed + letters.len()], letters, unnamed })
    }

    /// The index of each axis; the last unnamed axes of all arrays are the same.
    fn expand(&self, term: &Subscript, unnamed: usize) -> Vec<usize> {
        let mut names: Vec<_> = term.letters.iter().filter_map(|c| self.letters.get(c).copied()).collect();
        if let Some(at) = term.unnamed {
            names.splice(at..at, self.unnamed - unnamed..self.unnamed);
        }
        names
    }

    /// Notes the lengths of an array: 1 broadcasts, but not within one array.
    fn measure(&mut self, names: &[usize], shape: &[i32]) -> Result<(), String> {
        let mut own = BTreeMap::new();
        for (&name, &length) in names.iter().zip(shape) {
            let length = usize::try_from(length).unwrap_or_default();
            let Some(known) = self.lengths.get_mut(name) else { continue };
            let repeated = own.insert(name, length).is_some_and(|other| other != length);
            if repeated || (length != *known && length != 1 && *known != 1) {
                return Err(format!("lengths {length} and {known} under one subscript of shape {shape:?}"));
            }
            *known = if length == 1 { *known } else { length };
        }
        Ok(())
    }

    /// The indices after `->`.
    fn output(&self, term: &Subscript) -> Result<Term, String> {
        if let Some(absent) = term.letters.iter().find(|c| !self.letters.contains_key(c)) {
            return Err(format!("no array has the subscript {absent:?} of the result"));
        }
        let names = self.expand(term, self.unnamed);
        let all: Term = names.iter().copied().collect();
        if all.len() < names.len() { Err("a subscript of the result repeats".to_owned()) } else { Ok(all) }
    }

    /// The indices of a result that is not written: those of `...`, and each letter that occurs once.
    fn once(&self, terms: &[Subscript]) -> Term {
        let count = |c: char| terms.iter().flat_map(|term| &term.letters).filter(|&&one| one == c).count();
        let letters = self.letters.iter().filter(|&(&c, _)| count(c) == 1).map(|(_, &index)| index);
        (0..self.unnamed).chain(letters).collect()
    }
}
