//! What has parameters, and how they are named.

use std::fmt::{Display, Write};

use mlx_core::{Array, Quantized, Result};

/// Something with parameters: an array, a layer, a model.
///
/// Derive it: every field is a part of the module, under its own name. Fields that are no parameters but plain
/// settings (numbers, [`Rope`](crate::Rope)) are modules without parameters; skip others with
/// `#[module(skip)]`.
///
/// ```compile_fail
/// #[derive(mlx_nn::Module)]
/// struct Layer {
///     weight: mlx_core::Array,
///     thread: std::thread::Thread, // not a module
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    note = "derive `mlx_nn::Module` for it, or mark the field `#[module(skip)]`"
)]
pub trait Module {
    /// Shows every parameter with its path, in the order of the fields.
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array));

    /// Lends every parameter with its path, to be replaced.
    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array));

    /// The parameters by path.
    fn parameters(&self) -> Vec<(String, &Array)> {
        let mut parameters = Vec::new();
        self.visit(&mut Path::default(), &mut |path, array| parameters.push((path.to_owned(), array)));
        parameters
    }

    /// Bytes of all parameters.
    fn nbytes(&self) -> usize {
        let mut bytes = 0;
        self.visit(&mut Path::default(), &mut |_, array| bytes += array.nbytes());
        bytes
    }

    /// Computes all parameters, which reads those that are still in a file.
    fn eval(&self) -> Result<()> {
        let mut arrays = Vec::new();
        self.visit(&mut Path::default(), &mut |_, array| arrays.push(array));
        mlx_core::eval(arrays)
    }
}

/// Where a walk over a module is: the names on the way, with dots between them.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    /// The names on the way, such as `model.layers.0.mlp`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Goes down to `name` for the time of `walk`.
    pub fn within<R>(&mut self, name: impl Display, walk: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.0.len();
        self.push(name);
        let result = walk(self);
        self.0.truncate(length);
        result
    }

    pub(crate) fn push(&mut self, name: impl Display) {
        let dot = if self.0.is_empty() { "" } else { "." };
        // Writing to a string fails only if the name's own `Display` does.
        let _ = write!(self.0, "{dot}{name}");
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Module for Array {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        visit(path.as_str(), self);
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
        visit(path.as_str(), self);
    }
}

impl Module for Quantized {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        path.within("weight", |path| self.weight.visit(path, visit));
        path.within("scales", |path| self.scales.visit(path, visit));
        path.within("biases", |path| self.biases.visit(path, visit));
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
        path.within("weight", |path| self.weight.visit_mut(path, visit));
        path.within("scales", |path| self.scales.visit_mut(path, visit));
        path.within("biases", |path| self.biases.visit_mut(path, visit));
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        (**self).visit(path, visit);
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
        (**self).visit_mut(path, visit);
    }
}

impl<M: Module> Module for Option<M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        if let Some(module) = self {
            module.visit(path, visit);
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
        if let Some(module) = self {
            module.visit_mut(path, visit);
        }
    }
}

impl<M: Module> Module for Vec<M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        for (index, module) in self.iter().enumerate() {
            path.within(index, |path| module.visit(path, visit));
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
        for (index, module) in self.iter_mut().enumerate() {
            path.within(index, |path| module.visit_mut(path, visit));
        }
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),*);)*) => {$(
        impl<$($part: Module),*> Module for ($($part,)*) {
            fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
                $(path.within($index, |path| self.$index.visit(path, visit));)*
            }

            fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn FnMut(&str, &mut Array)) {
                $(path.within($index, |path| self.$index.visit_mut(path, visit));)*
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

macro_rules! without_parameters {
    ($($setting:ty),* $(,)?) => {$(
        impl Module for $setting {
            fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn FnMut(&str, &'a Array)) {}

            fn visit_mut(&mut self, _: &mut Path, _: &mut dyn FnMut(&str, &mut Array)) {}
        }
    )*};
}

without_parameters!(bool, i32, usize, f32, String, crate::Rope);
