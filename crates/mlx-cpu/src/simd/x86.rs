//! What AVX2 and AVX-512 have in common.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Methods of one instruction or a few that touch registers only.
macro_rules! registers {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $call:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $ty),*) -> $out {
            // SAFETY: `self` proves that the processor has the instructions, which touch registers only.
            unsafe { $call }
        }
    )*};
}

/// Methods that read a vector from as many elements as it has lanes.
macro_rules! loads {
    ($($name:ident(&[$element:ty]) -> $out:ty = |$from:ident| $call:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, from: &[$element]) -> $out {
            let mut buffer = Default::default();
            let $from = $crate::simd::x86::whole::<$element, LANES>(from, &mut buffer).as_ptr();
            // SAFETY: `self` proves the instructions, which read `LANES` elements, and there are as many.
            unsafe { $call }
        }
    )*};
}

/// Methods that write a vector to as many elements as it has lanes.
macro_rules! stores {
    ($($name:ident(&mut [$element:ty], $v:ident: $vector:ty) = |$to:ident| $call:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, to: &mut [$element], $v: $vector) {
            if let Some(all) = to.first_chunk_mut::<LANES>() {
                let $to = all.as_mut_ptr();
                // SAFETY: `self` proves the instructions, which write `LANES` elements, and there are as many.
                unsafe { $call }
                return;
            }
            let mut all = [<$element>::default(); LANES];
            let $to = all.as_mut_ptr();
            // SAFETY: as above.
            unsafe { $call }
            to.iter_mut().zip(all).for_each(|(to, all)| *to = all);
        }
    )*};
}

/// The first elements, or all of them with zeros behind them in the buffer.
#[inline(always)]
pub(super) fn whole<'a, T: Copy + Default, const LANES: usize>(
    from: &'a [T],
    buffer: &'a mut [T; LANES],
) -> &'a [T; LANES] {
    match from.first_chunk() {
        Some(all) => all,
        None => {
            buffer.iter_mut().zip(from).for_each(|(all, &from)| *all = from);
            buffer
        }
    }
}

/// Brings what lies at a place into the cache.
#[inline(always)]
pub(super) fn prefetch<T>(from: &[T], at: usize) {
    // SAFETY: every x86-64 has the instruction, which takes any address and does nothing with one of no use.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().wrapping_add(at).cast()) }
}

pub(super) use {loads, registers, stores};
