//! How a value flattens to arrays, and is built again from others.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use crate::random::Key;
use crate::{Array, Dtype, Error, Kind, Quantized, Result};

/// A value that is made of arrays: an array, tuples, lists and maps of them, and structs of those.
///
/// Derive it for structs and enums: every field is a part, under its own name. Numbers, texts and the like are
/// parts without arrays: they are kept as they are. A field of another type is marked `#[tree(skip)]`; it is
/// kept too, and must be `Clone` and `PartialEq`.
///
/// ```
/// use mlx_core::{Array, Result, Tree, transform};
///
/// #[derive(Tree)]
/// struct Line {
///     slope: Array,
///     offset: Array,
/// }
///
/// fn main() -> Result<()> {
///     let line = Line { slope: Array::from(2.0), offset: Array::from(1.0) };
///     let slopes = transform::grad(|l: &Line| (&l.slope * 3.0)? + &l.offset)(&line)?;
///     assert_eq!(slopes.slope.item::<f32>()?, 3.0);
///     assert_eq!(slopes.offset.item::<f32>()?, 1.0);
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tree of arrays",
    note = "derive `mlx_core::Tree` for it, or mark the field `#[tree(skip)]`"
)]
pub trait Tree: Sized {
    /// Shows every array with its path, in order.
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array));

    /// The same value with what `map` gives for each array, in the order of [`visit_leaves`](Self::visit_leaves).
    ///
    /// # Errors
    /// The first error of `map`.
    fn map_leaves(&self, path: &mut Path, map: &mut dyn FnMut(&str, &Array) -> Result<Array>)
    -> Result<Self>;

    /// Whether both differ in their arrays only: same lengths, keys, variants, and values without arrays.
    fn same_form(&self, other: &Self) -> bool;

    /// The arrays, in order.
    fn leaves(&self) -> Vec<&Array> {
        let mut leaves = Vec::new();
        self.visit_leaves(&mut Path::default(), &mut |_, leaf| leaves.push(leaf));
        leaves
    }

    /// The arrays by path, such as `layers.0.weight`; Python's `tree_flatten`.
    fn named_leaves(&self) -> Vec<(String, &Array)> {
        let mut leaves = Vec::new();
        self.visit_leaves(&mut Path::default(), &mut |path, leaf| leaves.push((path.to_owned(), leaf)));
        leaves
    }

    /// The same value with `map` of each array; Python's `tree_map`.
    #[track_caller]
    fn tree_map(&self, mut map: impl FnMut(&str, &Array) -> Result<Array>) -> Result<Self> {
        self.map_leaves(&mut Path::default(), &mut map)
    }

    /// The same value with `map` of each array and the one at its place in `other`.
    ///
    /// # Errors
    /// `other` has another form, or `map` failed.
    #[track_caller]
    fn tree_zip(
        &self,
        other: &Self,
        mut map: impl FnMut(&str, &Array, &Array) -> Result<Array>,
    ) -> Result<Self> {
        if !self.same_form(other) {
            return Err(Error::new(Kind::Shape, "tree_zip", "the two trees have different forms"));
        }
        let mut others = other.leaves().into_iter();
        self.tree_map(|path, leaf| match others.next() {
            Some(other) => map(path, leaf, other),
            None => Err(missing()),
        })
    }

    /// The same value with other arrays, in order; Python's `tree_unflatten`.
    ///
    /// # Errors
    /// `leaves` are fewer or more than the arrays of this value.
    #[track_caller]
    fn with_leaves(&self, leaves: impl IntoIterator<Item = Array>) -> Result<Self> {
        let mut leaves = leaves.into_iter();
        let tree = self.map_leaves(&mut Path::default(), &mut |_, _| leaves.next().ok_or_else(missing));
        match (tree, leaves.next()) {
            (Ok(tree), None) => Ok(tree),
            (Ok(_), Some(_)) => {
                Err(Error::new(Kind::Shape, "with_leaves", "more arrays are given than the tree has"))
            }
            (Err(error), _) => Err(error.at_caller()),
        }
    }
}

#[track_caller]
fn missing() -> Error {
    Error::new(Kind::Shape, "with_leaves", "fewer arrays are given than the tree has")
}

/// The form of a tree without its arrays, all of which are one small array.
pub(super) fn skeleton<T: Tree>(tree: &T) -> Result<T> {
    let blank = Array::from(0_u8);
    tree.tree_map(|_, _| Ok(blank.clone()))
}

/// Where a walk over a tree is: the names on the way, with dots between them.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    /// The names on the way, such as `layers.0.weight`; empty at the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Goes down to `name` for the time of `walk`.
    pub fn within<R>(&mut self, name: impl Display, walk: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.0.len();
        let dot = if self.0.is_empty() { "" } else { "." };
        // Writing to a string fails only if the name's own `Display` does.
        let _ = write!(self.0, "{dot}{name}");
        let result = walk(self);
        self.0.truncate(length);
        result
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Tree for Array {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        visit(path.as_str(), self);
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        map(path.as_str(), self)
    }

    fn same_form(&self, _: &Self) -> bool {
        true
    }
}

impl Tree for Key {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        visit(path.as_str(), self.array());
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        map(path.as_str(), self.array()).map(Self::of_array)
    }

    fn same_form(&self, _: &Self) -> bool {
        true
    }
}

impl Tree for Quantized {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        path.within("weight", |path| self.weight.visit_leaves(path, visit));
        path.within("scales", |path| self.scales.visit_leaves(path, visit));
        path.within("biases", |path| self.biases.visit_leaves(path, visit));
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        Ok(Self {
            weight: path.within("weight", |path| self.weight.map_leaves(path, map))?,
            scales: path.within("scales", |path| self.scales.map_leaves(path, map))?,
            biases: path.within("biases", |path| self.biases.map_leaves(path, map))?,
            scheme: self.scheme,
            precision: self.precision,
        })
    }

    fn same_form(&self, other: &Self) -> bool {
        let of = |matrix: &Self| (matrix.scheme, matrix.precision);
        self.biases.same_form(&other.biases) && of(self) == of(other)
    }
}

/// Lists, whose parts are named by number.
macro_rules! lists {
    ($([$($parameters:tt)*] $list:ty,)*) => {$(
        impl<$($parameters)*> Tree for $list {
            fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
                for (at, part) in self.iter().enumerate() {
                    path.within(at, |path| part.visit_leaves(path, visit));
                }
            }

            fn map_leaves(
                &self,
                path: &mut Path,
                map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
            ) -> Result<Self> {
                let parts = self.iter().enumerate();
                let parts = parts.map(|(at, part)| path.within(at, |path| part.map_leaves(path, map)));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                Self::try_from(parts).map_err(|_| missing())
            }

            fn same_form(&self, other: &Self) -> bool {
                self.len() == other.len() && self.iter().zip(other).all(|(a, b)| a.same_form(b))
            }
        }
    )*};
}

lists! {
    [T: Tree] Vec<T>,
    [T: Tree, const N: usize] [T; N],
}

impl<T: Tree> Tree for Option<T> {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        if let Some(part) = self {
            part.visit_leaves(path, visit);
        }
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        self.as_ref().map(|part| part.map_leaves(path, map)).transpose()
    }

    fn same_form(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(a), Some(b)) => a.same_form(b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl<T: Tree> Tree for Box<T> {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        self.as_ref().visit_leaves(path, visit);
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        self.as_ref().map_leaves(path, map).map(Self::new)
    }

    fn same_form(&self, other: &Self) -> bool {
        self.as_ref().same_form(other)
    }
}

impl<T: Tree> Tree for BTreeMap<String, T> {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        for (name, part) in self {
            path.within(name, |path| part.visit_leaves(path, visit));
        }
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        let parts = self.iter().map(|(name, part)| {
            let part = path.within(name, |path| part.map_leaves(path, map))?;
            Ok((name.clone(), part))
        });
        parts.collect()
    }

    fn same_form(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other).all(|((name, a), (other, b))| name == other && a.same_form(b))
    }
}

/// Tuples, whose parts are named by number.
macro_rules! tuples {
    ($(($($part:ident $at:tt),+);)*) => {$(
        impl<$($part: Tree),+> Tree for ($($part,)+) {
            fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
                $(path.within($at, |path| self.$at.visit_leaves(path, visit));)+
            }

            fn map_leaves(
                &self,
                path: &mut Path,
                map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
            ) -> Result<Self> {
                Ok(($(path.within($at, |path| self.$at.map_leaves(path, map))?,)+))
            }

            fn same_form(&self, other: &Self) -> bool {
                $(self.$at.same_form(&other.$at))&&+
            }
        }
    )*};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}

/// Values without arrays.
macro_rules! plain {
    ($($plain:ty),* $(,)?) => {$(
        impl Tree for $plain {
            fn visit_leaves<'a>(&'a self, _: &mut Path, _: &mut dyn FnMut(&str, &'a Array)) {}

            fn map_leaves(
                &self,
                _: &mut Path,
                _: &mut dyn FnMut(&str, &Array) -> Result<Array>,
            ) -> Result<Self> {
                Ok(self.clone())
            }

            fn same_form(&self, other: &Self) -> bool {
                self == other
            }
        }
    )*};
}

plain!((), bool, u8, u32, u64, usize, i32, i64, isize, f32, f64, char, String, &'static str, Dtype);
