//! `+ - * / % & | ^ << >>`, `-x` and `!x`, between arrays, results and numbers. Each gives a [`Result`].
//!
//! `%` has the sign of the divisor, as in Python; whole numbers leave 0 by 0. There is no `+=`, which could not
//! say that it failed.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};

use crate::ffi::raw;
use crate::ops::{division, shift};
use crate::{Array, Operand, Result, Scalar};

macro_rules! operators {
    ($($trait:ident :: $method:ident => $op:path),* $(,)?) => {$(
        impl<'a, R: Operand<'a>> $trait<R> for &Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Array> {
                $op(self, &*other.beside(self)?)
            }
        }

        impl<'a, R: Operand<'a>> $trait<R> for Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: R) -> Result<Array> {
                $op(&self, &*other.beside(&self)?)
            }
        }

        impl $trait<&Array> for Result<Array> {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: &Array) -> Result<Array> {
                $op(&self?, other)
            }
        }

        impl $trait<Array> for Result<Array> {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: Array) -> Result<Array> {
                $op(&self?, &other)
            }
        }

        number_first!($trait::$method => $op, i32, f64);
    )*};
}

/// One type for fractions and one for whole numbers: with more, the type of `(1.0 - x)?` would have to be written.
macro_rules! number_first {
    ($trait:ident :: $method:ident => $op:path, $($number:ty),*) => {$(
        impl $trait<&Array> for $number {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: &Array) -> Result<Array> {
                $op(&*Scalar::from(self).beside(other)?, other)
            }
        }

        impl $trait<Array> for $number {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self, other: Array) -> Result<Array> {
                $op(&*Scalar::from(self).beside(&other)?, &other)
            }
        }
    )*};
}

operators! {
    Add::add => raw::add,
    Sub::sub => raw::subtract,
    Mul::mul => raw::multiply,
    Div::div => raw::divide,
    Rem::rem => division::remainder,
    BitAnd::bitand => raw::bitwise_and,
    BitOr::bitor => raw::bitwise_or,
    BitXor::bitxor => raw::bitwise_xor,
    Shl::shl => shift::left,
    Shr::shr => shift::right,
}

macro_rules! sign_operators {
    ($($trait:ident :: $method:ident => $op:path),* $(,)?) => {$(
        impl $trait for &Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self) -> Result<Array> {
                $op(self)
            }
        }

        impl $trait for Array {
            type Output = Result<Array>;

            #[track_caller]
            fn $method(self) -> Result<Array> {
                $op(&self)
            }
        }
    )*};
}

sign_operators! {
    Neg::neg => raw::negative,
    Not::not => raw::bitwise_invert,
}
