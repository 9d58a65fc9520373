//! What AVX2 and AVX-512 have in common.

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

pub(super) use {loads, registers, stores};
