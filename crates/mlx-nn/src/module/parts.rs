//! Modules that are made of no fields: arrays, lists, settings.

use std::collections::BTreeMap;

use mlx_core::transform::Path;
use mlx_core::{Array, Dtype, Quantized};

use super::visit::{Buffers, Visit, VisitMut};
use crate::Module;

impl Module for Array {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        visit.parameter(path.as_str(), self);
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        visit.parameter(path.as_str(), self);
    }
}

impl Module for Quantized {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        let visit = &mut Buffers(visit);
        path.within("weight", |path| self.weight.visit(path, visit));
        path.within("scales", |path| self.scales.visit(path, visit));
        path.within("biases", |path| self.biases.visit(path, visit));
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        let visit = &mut Buffers(visit);
        path.within("weight", |path| self.weight.visit_mut(path, visit));
        path.within("scales", |path| self.scales.visit_mut(path, visit));
        path.within("biases", |path| self.biases.visit_mut(path, visit));
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        (**self).visit(path, visit);
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        (**self).visit_mut(path, visit);
    }
}

impl<M: Module> Module for Option<M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        if let Some(module) = self {
            module.visit(path, visit);
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        if let Some(module) = self {
            module.visit_mut(path, visit);
        }
    }
}

/// Parts that are named by number.
macro_rules! lists {
    ($([$($parameters:tt)*] $list:ty,)*) => {$(
        impl<$($parameters)*> Module for $list {
            fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
                for (index, module) in self.iter().enumerate() {
                    path.within(index, |path| module.visit(path, visit));
                }
            }

            fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
                for (index, module) in self.iter_mut().enumerate() {
                    path.within(index, |path| module.visit_mut(path, visit));
                }
            }
        }
    )*};
}

lists! {
    [M: Module] Vec<M>,
    [M: Module, const N: usize] [M; N],
}

impl<M: Module> Module for BTreeMap<String, M> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        for (name, module) in self {
            path.within(name, |path| module.visit(path, visit));
        }
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        for (name, module) in self {
            path.within(name, |path| module.visit_mut(path, visit));
        }
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),*);)*) => {$(
        impl<$($part: Module),*> Module for ($($part,)*) {
            fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
                $(path.within($index, |path| self.$index.visit(path, visit));)*
            }

            fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
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
            fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn Visit<'a>) {}

            fn visit_mut(&mut self, _: &mut Path, _: &mut dyn VisitMut) {}
        }
    )*};
}

without_parameters!(
    (),
    bool,
    u32,
    u64,
    usize,
    i32,
    i64,
    isize,
    f32,
    f64,
    char,
    String,
    &'static str,
    Dtype,
    crate::Rope,
);
