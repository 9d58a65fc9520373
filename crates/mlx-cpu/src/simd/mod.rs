//! Vectors of floats, alike on every processor.
//!
//! A kernel is written once, over [`Simd`], and compiled for each [`Level`]. The value of a type that implements
//! it proves that the processor has the instructions, so kernels are safe code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod plain;
#[cfg(target_arch = "x86_64")]
mod x86;

use half::{bf16, f16};

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use lanes::Baseline;

use crate::Level;

/// Work to be compiled for several sets of instructions.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, and so is what they call: what is not inlined is not
    /// compiled for the instructions.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Does `kernel` with the instructions of `level`, or with plainer ones if the processor has not got them.
pub(crate) fn dispatch<K: Kernel>(level: Level, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if level >= Level::Avx512Dots
            && let Some(simd) = Avx512::<true>::new()
        {
            return simd.enter(kernel);
        }
        if level >= Level::Avx512
            && let Some(simd) = Avx512::<false>::new()
        {
            return simd.enter(kernel);
        }
        if level >= Level::Avx2
            && let Some(simd) = Avx2::new()
        {
            return simd.enter(kernel);
        }
    }
    let _ = level;
    Baseline.enter(kernel)
}

/// Lanes of the longest vector.
pub(crate) const MOST_LANES: usize = 16;

/// Vectors of `LANES` floats, and of as many 32-bit integers.
///
/// What is loaded from fewer elements than lanes has zeros behind them; what is stored to fewer is cut off.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Elements of a vector.
    const LANES: usize;
    /// The rows and the vectors of a tile that fits the registers, in a product of matrices.
    const TILE: (usize, usize);
    /// Whether products that are added up are one instruction for pairs and fours of short numbers, too.
    const DOTS: bool = false;
    /// A vector of floats.
    type F: Copy;
    /// A vector of integers.
    type I: Copy;

    /// Does `kernel`, compiled for these instructions as a function of its own.
    fn enter<K: Kernel>(self, kernel: K) -> K::Output;

    /// Brings what lies at a place, which may be past the end, into the cache.
    fn prefetch<T>(self, from: &[T], at: usize);

    fn splat(self, value: f32) -> Self::F;
    fn load(self, from: &[f32]) -> Self::F;
    fn load_bf16(self, from: &[bf16]) -> Self::F;
    fn load_f16(self, from: &[f16]) -> Self::F;
    fn store(self, to: &mut [f32], v: Self::F);
    fn store_bf16(self, to: &mut [bf16], v: Self::F);
    fn store_f16(self, to: &mut [f16], v: Self::F);

    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The greater; `b` where `a` is no number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lesser; `b` where `a` is no number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `yes` where `a < b`, else `no`: also where one of the two is no number.
    fn less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F;
    /// The sum of all lanes.
    fn sum(self, v: Self::F) -> f32;
    /// The sum of all lanes of each.
    fn sums(self, v: [Self::F; 4]) -> [f32; 4];
    /// The greatest lane.
    fn greatest(self, v: Self::F) -> f32;
    /// The columns of a square, of which the first `LANES` vectors are the rows.
    fn transpose(self, square: [Self::F; MOST_LANES]) -> [Self::F; MOST_LANES];
    /// Lane `at` of `table` for each index `at`, of which only the low bits count.
    fn lookup(self, table: Self::F, at: Self::I) -> Self::F;

    /// Number `at` of the 32 numbers of 16 bits in `table`, the lower half of a word first, for each number `at` of 16 bits, of
    /// which only the low bits count.
    #[inline(always)]
    fn lookup_shorts(self, table: &[u32; 16], at: Self::I) -> Self::I {
        plain::lookup_shorts(self, table, at)
    }

    fn splat_int(self, value: i32) -> Self::I;
    fn load_int(self, from: &[u32]) -> Self::I;
    /// A pair a lane, the first of the two in the lower half.
    #[inline(always)]
    fn load_pairs(self, from: &[[bf16; 2]]) -> Self::I {
        plain::load_pairs(self, from)
    }
    /// The same, made for fewer elements than lanes.
    fn load_some(self, from: &[u32]) -> Self::I;
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    fn add_int(self, a: Self::I, b: Self::I) -> Self::I;
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// Each lane moved up by as many bits as `by` says, 0 to 31.
    fn shift_left(self, v: Self::I, by: Self::I) -> Self::I;
    /// Each lane moved down by as many bits as `by` says, 0 to 31, with zeros above.
    fn shift_right(self, v: Self::I, by: Self::I) -> Self::I;
    /// Each of the numbers of 16 bits moved down by `by` bits, 0 to 15, with zeros above.
    fn shift_right_shorts(self, v: Self::I, by: i32) -> Self::I;
    /// Each lane moved down with copies of the sign above.
    fn shift_right_signed(self, v: Self::I, by: Self::I) -> Self::I;
    /// Sums of two products of bytes, without a sign in `a` and with one in `b`, as numbers of 16 bits, which have to hold
    /// them.
    fn dot_pairs(self, a: Self::I, b: Self::I) -> Self::I;
    /// Sums of two products of numbers of 16 bits, both with a sign.
    fn dot_shorts(self, a: Self::I, b: Self::I) -> Self::I;
    /// Adds sums of four products of bytes, without a sign in `a` and with one in `b`. Where [`DOTS`](Self::DOTS) is false,
    /// sums of two have to fit 16 bits.
    #[inline(always)]
    fn add_dot_bytes(self, sums: Self::I, a: Self::I, b: Self::I) -> Self::I {
        plain::add_dot_bytes(self, sums, a, b)
    }

    /// Adds [`dot_shorts`](Self::dot_shorts).
    #[inline(always)]
    fn add_dot_shorts(self, sums: Self::I, a: Self::I, b: Self::I) -> Self::I {
        plain::add_dot_shorts(self, sums, a, b)
    }

    /// Adds the products of pairs of `bfloat16`, first the upper ones. What is subnormal may count as 0.
    #[inline(always)]
    fn add_dot_bf16(self, sums: Self::F, a: Self::I, b: Self::I) -> Self::F {
        plain::add_dot_bf16(self, sums, a, b)
    }

    /// The lower halves of products of numbers of 16 bits.
    fn mul_shorts(self, a: Self::I, b: Self::I) -> Self::I;
    /// In each four lanes, byte `at` of those of `v` for each byte `at`, 0 to 15.
    fn shuffle_bytes(self, v: Self::I, at: Self::I) -> Self::I;
    /// Sums of numbers of 16 bits.
    fn add_shorts(self, a: Self::I, b: Self::I) -> Self::I;
    /// The integers as floats.
    fn to_float(self, v: Self::I) -> Self::F;
    /// The nearest integers; ties go to even ones.
    fn to_int(self, v: Self::F) -> Self::I;
    /// The floats of these bits.
    #[allow(clippy::wrong_self_convention, reason = "`self` proves the instructions")]
    fn from_bits(self, v: Self::I) -> Self::F;
    /// The bits of these floats.
    fn to_bits(self, v: Self::F) -> Self::I;
}
