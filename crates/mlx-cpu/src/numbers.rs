//! Slices of floats, stored in one of three types.

#![expect(clippy::indexing_slicing, reason = "places within the length of both slices")]

use std::cell::RefCell;
use std::ops::Range;
use std::thread::LocalKey;

use half::{bf16, f16};

use crate::scratch::Spare;
use crate::simd::Simd;

/// Floats to read.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Singles.
    F32(&'a [f32]),
    /// Halves.
    F16(&'a [f16]),
    /// Upper halves of singles.
    Bf16(&'a [bf16]),
}

/// Floats to write.
#[derive(Debug)]
pub enum NumbersMut<'a> {
    /// Singles.
    F32(&'a mut [f32]),
    /// Halves.
    F16(&'a mut [f16]),
    /// Upper halves of singles.
    Bf16(&'a mut [bf16]),
}

impl Numbers<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::F16(all) => all.len(),
            Self::Bf16(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of them.
    pub(crate) fn part(&self, places: Range<usize>) -> Self {
        match self {
            Self::F32(all) => Self::F32(all.get(places).unwrap_or_default()),
            Self::F16(all) => Self::F16(all.get(places).unwrap_or_default()),
            Self::Bf16(all) => Self::Bf16(all.get(places).unwrap_or_default()),
        }
    }
}

impl NumbersMut<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::F16(all) => all.len(),
            Self::Bf16(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Does something with a slice, whatever the type of its elements.
macro_rules! with {
    ($type:ident, $numbers:expr, |$all:ident| $body:expr) => {
        match $numbers {
            $crate::$type::F32($all) => $body,
            $crate::$type::F16($all) => $body,
            $crate::$type::Bf16($all) => $body,
        }
    };
}

/// Does something with slices that are all of one type; `false` if they are not.
macro_rules! same {
    ([$($from:ident),+], [$($to:ident),+], $body:expr) => {
        match ($($from,)+ $($to,)+) {
            ($($crate::Numbers::F32($from),)+ $($crate::NumbersMut::F32($to),)+) => $body,
            ($($crate::Numbers::F16($from),)+ $($crate::NumbersMut::F16($to),)+) => $body,
            ($($crate::Numbers::Bf16($from),)+ $($crate::NumbersMut::Bf16($to),)+) => $body,
            _ => false,
        }
    };
}

pub(crate) use {same, with};

/// What lies in memory as a lane of floats is to be read from it.
pub(crate) trait Element: Copy + Default + Send + Sync + 'static {
    fn to_f32(self) -> f32;
    fn load<S: Simd>(s: S, from: &[Self]) -> S::F;
}

/// A type of float that is computed with in single precision.
pub(crate) trait Float: Element {
    fn from_f32(value: f32) -> Self;
    fn store<S: Simd>(s: S, to: &mut [Self], v: S::F);
    fn numbers(all: &[Self]) -> Numbers<'_>;
    /// The numbers, if they are of this type.
    fn slice(all: Numbers<'_>) -> Option<&[Self]>;
    fn numbers_mut(all: &mut [Self]) -> NumbersMut<'_>;
    /// For [`Scratch`](crate::scratch::Scratch).
    fn spare() -> &'static LocalKey<Spare<Self>>;

    /// The same elements in pairs, if two of them are as long as a single and there are no more.
    fn pairs(_: &[Self]) -> Option<&[Pair]> {
        None
    }
}

/// Two elements of which a lane has the bits, the first the lower ones.
pub(crate) type Pair = [bf16; 2];

impl Element for Pair {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        let [low, high] = self.map(|half| u32::from(half.to_bits()));
        f32::from_bits(high << 16 | low)
    }

    #[inline(always)]
    fn load<S: Simd>(s: S, from: &[Self]) -> S::F {
        s.from_bits(s.load_pairs(from))
    }
}

macro_rules! floats {
    ($($float:ty, $variant:ident: $to:expr, $from:expr, $load:ident, $store:ident $(, $pairs:item)?;)*) => {$(
        impl Element for $float {
            #[inline(always)]
            fn to_f32(self) -> f32 {
                $to(self)
            }

            #[inline(always)]
            fn load<S: Simd>(s: S, from: &[Self]) -> S::F {
                s.$load(from)
            }
        }

        impl Float for $float {
            #[inline(always)]
            fn from_f32(value: f32) -> Self {
                $from(value)
            }

            #[inline(always)]
            fn store<S: Simd>(s: S, to: &mut [Self], v: S::F) {
                s.$store(to, v);
            }

            fn numbers(all: &[Self]) -> Numbers<'_> {
                Numbers::$variant(all)
            }

            fn slice(all: Numbers<'_>) -> Option<&[Self]> {
                if let Numbers::$variant(all) = all { Some(all) } else { None }
            }

            fn numbers_mut(all: &mut [Self]) -> NumbersMut<'_> {
                NumbersMut::$variant(all)
            }

            fn spare() -> &'static LocalKey<Spare<Self>> {
                thread_local! {
                    static SPARE: Spare<$float> = const { RefCell::new(Vec::new()) };
                }
                &SPARE
            }

            $($pairs)?
        }
    )*};
}

floats! {
    f32, F32: std::convert::identity, std::convert::identity, load, store;
    f16, F16: f16::to_f32, f16::from_f32, load_f16, store_f16;
    bf16, Bf16: bf16::to_f32, bf16::from_f32, load_bf16, store_bf16,
        fn pairs(all: &[Self]) -> Option<&[Pair]> {
            let (pairs, rest) = all.as_chunks();
            rest.is_empty().then_some(pairs)
        };
}

/// Writes the numbers as singles.
#[inline(always)]
pub(crate) fn widen<S: Simd, T: Element>(s: S, from: &[T], to: &mut [f32]) {
    each_vector(
        s,
        from,
        to,
        #[inline(always)]
        |from, to| s.store(to, T::load(s, from)),
    );
}

/// Writes singles as numbers of another type.
#[inline(always)]
pub(crate) fn narrow<S: Simd, T: Float>(s: S, from: &[f32], to: &mut [T]) {
    each_vector(
        s,
        from,
        to,
        #[inline(always)]
        |from, to| T::store(s, to, s.load(from)),
    );
}

/// Calls `work` for each vector of both slices, and for the rest of the shorter.
#[inline(always)]
fn each_vector<S: Simd, T, U>(_: S, from: &[T], to: &mut [U], work: impl Fn(&[T], &mut [U])) {
    let length = from.len().min(to.len());
    let (whole, rest) = from[..length].split_at(length / S::LANES * S::LANES);
    let (to, end) = to[..length].split_at_mut(whole.len());
    for (from, to) in whole.chunks_exact(S::LANES).zip(to.chunks_exact_mut(S::LANES)) {
        work(from, to);
    }
    if !rest.is_empty() {
        work(rest, end);
    }
}
