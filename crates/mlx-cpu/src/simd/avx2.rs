//! Vectors of 8 floats, with AVX2, FMA and F16C.

#![expect(clippy::indexing_slicing, reason = "places in arrays, within their lengths")]

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::x86::{self, loads, registers, stores};
use super::{Kernel, MOST_LANES, Simd};

const LANES: usize = 8;

/// Proof that the processor has AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        has.then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline(never)]
fn run<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
    kernel.run(simd)
}

/// The upper half of each float, rounded to nearest, ties to even; what is no number stays so.
#[target_feature(enable = "avx2,fma,f16c")]
fn halved(v: __m256) -> __m128i {
    let bits = _mm256_castps_si256(v);
    let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
    let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half));
    let none = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
    let rounded = _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7fc0), none);
    let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(rounded, rounded));
    _mm256_castsi256_si128(packed)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn sum(v: __m256) -> f32 {
    let half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
    _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
}

/// The sums of four vectors.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn sums([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
    let quarters = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let sums = _mm_add_ps(_mm256_castps256_ps128(quarters), _mm256_extractf128_ps::<1>(quarters));
    // SAFETY: both are four floats.
    unsafe { std::mem::transmute(sums) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn greatest(v: __m256) -> f32 {
    let half = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
    _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)))
}

impl Simd for Avx2 {
    const LANES: usize = LANES;
    const TILE: (usize, usize) = (6, 2);
    type F = __m256;
    type I = __m256i;

    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves that the processor has the features of the function.
        unsafe { run(self, kernel) }
    }

    #[inline(always)]
    fn prefetch<T>(self, from: &[T], at: usize) {
        x86::prefetch(from, at);
    }

    loads! {
        load(&[f32]) -> __m256 = |from| _mm256_loadu_ps(from);
        load_f16(&[f16]) -> __m256 = |from| _mm256_cvtph_ps(_mm_loadu_si128(from.cast()));
        load_bf16(&[bf16]) -> __m256 = |from| {
            let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
        };
        load_int(&[u32]) -> __m256i = |from| _mm256_loadu_si256(from.cast());
    }

    #[inline(always)]
    fn load_some(self, from: &[u32]) -> __m256i {
        let mask: [i32; LANES] = std::array::from_fn(
            #[inline(always)]
            |lane| if lane < from.len() { -1 } else { 0 },
        );
        // SAFETY: `self` proves the instructions, which read the mask and those elements that it names: `from` has them.
        unsafe { _mm256_maskload_epi32(from.as_ptr().cast(), _mm256_loadu_si256(mask.as_ptr().cast())) }
    }

    stores! {
        store(&mut [f32], v: __m256) = |to| _mm256_storeu_ps(to, v);
        store_bf16(&mut [bf16], v: __m256) = |to| _mm_storeu_si128(to.cast(), halved(v));
        store_f16(&mut [f16], v: __m256) = |to| _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<0>(v));
    }

    #[inline(always)]
    fn transpose(self, square: [__m256; MOST_LANES]) -> [__m256; MOST_LANES] {
        let mut pairs = square;
        let mut out = square;
        // SAFETY: shuffles of registers, which `self` proves the processor to have.
        unsafe {
            for row in (0..LANES).step_by(2) {
                pairs[row] = _mm256_unpacklo_ps(square[row], square[row + 1]);
                pairs[row + 1] = _mm256_unpackhi_ps(square[row], square[row + 1]);
            }
            let mut fours = pairs;
            for row in [0, 4] {
                for half in 0..2 {
                    let (low, high) = (pairs[row + half], pairs[row + half + 2]);
                    fours[row + 2 * half] = _mm256_shuffle_ps::<0b0100_0100>(low, high);
                    fours[row + 2 * half + 1] = _mm256_shuffle_ps::<0b1110_1110>(low, high);
                }
            }
            for column in 0..4 {
                out[column] = _mm256_permute2f128_ps::<0x20>(fours[column], fours[column + 4]);
                out[column + 4] = _mm256_permute2f128_ps::<0x31>(fours[column], fours[column + 4]);
            }
        }
        out
    }

    registers! {
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        less(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 =
            _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b));
        sum(v: __m256) -> f32 = sum(v);
        sums(v: [__m256; 4]) -> [f32; 4] = sums(v);
        greatest(v: __m256) -> f32 = greatest(v);
        lookup(table: __m256, at: __m256i) -> __m256 = _mm256_permutevar8x32_ps(table, at);
        splat_int(value: i32) -> __m256i = _mm256_set1_epi32(value);
        and(a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        or(a: __m256i, b: __m256i) -> __m256i = _mm256_or_si256(a, b);
        add_int(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        sub_int(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi32(a, b);
        shift_left(v: __m256i, by: __m256i) -> __m256i = _mm256_sllv_epi32(v, by);
        shift_right(v: __m256i, by: __m256i) -> __m256i = _mm256_srlv_epi32(v, by);
        shift_right_signed(v: __m256i, by: __m256i) -> __m256i = _mm256_srav_epi32(v, by);
        shift_right_shorts(v: __m256i, by: i32) -> __m256i = _mm256_srl_epi16(v, _mm_cvtsi32_si128(by));
        dot_pairs(a: __m256i, b: __m256i) -> __m256i = _mm256_maddubs_epi16(a, b);
        dot_shorts(a: __m256i, b: __m256i) -> __m256i = _mm256_madd_epi16(a, b);
        mul_shorts(a: __m256i, b: __m256i) -> __m256i = _mm256_mullo_epi16(a, b);
        shuffle_bytes(v: __m256i, at: __m256i) -> __m256i = _mm256_shuffle_epi8(v, at);
        add_shorts(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi16(a, b);
        to_float(v: __m256i) -> __m256 = _mm256_cvtepi32_ps(v);
        to_int(v: __m256) -> __m256i = _mm256_cvtps_epi32(v);
        from_bits(v: __m256i) -> __m256 = _mm256_castsi256_ps(v);
        to_bits(v: __m256) -> __m256i = _mm256_castps_si256(v);
    }
}
