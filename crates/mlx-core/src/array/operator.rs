//! `+ - * / %` and `-x`, between arrays, results and numbers. Each gives a [`Result`].

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use crate::ffi::raw;
use crate::{Array, Operand, Result, Scalar};

macro_rules! operators {
    ($($trait:ident :: $method:ident => $raw:ident),* $(,)?) => {$(
        impl<'a, R: Operand<'a>> $trait<R> for &Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Array> {
                raw::$raw(self, &*other.beside(self)?)
            }
        }

        impl<'a, R: Operand<'a>> $trait<R> for Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Array> {
                raw::$raw(&self, &*other.beside(&self)?)
            }
        }

        impl $trait<&Array> for Result<Array> {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: &Array) -> Result<Array> {
                raw::$raw(&self?, other)
            }
        }

        impl $trait<Array> for Result<Array> {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: Array) -> Result<Array> {
                raw::$raw(&self?, &other)
            }
        }

        number_first!($trait::$method => $raw, i32, f32, f64);
    )*};
}

macro_rules! number_first {
    ($trait:ident :: $method:ident => $raw:ident, $($number:ty),*) => {$(
        impl $trait<&Array> for $number {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: &Array) -> Result<Array> {
                raw::$raw(&*Scalar::from(self).beside(other)?, other)
            }
        }

        impl $trait<Array> for $number {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: Array) -> Result<Array> {
                raw::$raw(&*Scalar::from(self).beside(&other)?, &other)
            }
        }
    )*};
}

operators! {
    Add::add => add,
    Sub::sub => subtract,
    Mul::mul => multiply,
    Div::div => divide,
    Rem::rem => remainder,
}

impl Neg for &Array {
    type Output = Result<Array>;

    #[track_caller]
    fn neg(self) -> Result<Array> {
        raw::negative(self)
    }
}

impl Neg for Array {
    type Output = Result<Array>;

    #[track_caller]
    fn neg(self) -> Result<Array> {
        raw::negative(&self)
    }
}
