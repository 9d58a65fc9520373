//! Vectors of 16 floats, with AVX-512 F, BW, DQ and VL, and perhaps with VNNI and BF16.

#![expect(clippy::indexing_slicing, reason = "places in arrays, within their lengths")]

use std::arch::x86_64::*;

use half::{bf16, f16};

use super::x86::{self, loads, registers, stores};
use super::{Kernel, MOST_LANES, Simd, plain};

const LANES: usize = 16;

/// Proof that the processor has AVX-512 F, BW, DQ and VL, and AVX2, FMA and F16C; with `DOTS`, also VNNI and BF16.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const DOTS: bool>(());

impl<const DOTS: bool> Avx512<DOTS> {
    pub(crate) fn new() -> Option<Self> {
        let has = super::Avx2::new().is_some()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let has_dots = is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bf16");
        (has && (has_dots || !DOTS)).then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
#[inline(never)]
fn run<K: Kernel, const DOTS: bool>(simd: Avx512<DOTS>, kernel: K) -> K::Output {
    kernel.run(simd)
}

#[target_feature(enable = "avx512vnni,avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
#[inline(never)]
fn run_with_dots<K: Kernel, const DOTS: bool>(simd: Avx512<DOTS>, kernel: K) -> K::Output {
    kernel.run(simd)
}

/// The upper half of each float, rounded to nearest, ties to even; what is no number stays so.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn halved(v: __m512) -> __m256i {
    let bits = _mm512_castps_si512(v);
    let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
    let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, half));
    let none = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
    _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, none, _mm512_set1_epi32(0x7fc0)))
}

/// The upper half and the lower half of each, added.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn folded(v: __m512) -> __m256 {
    _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v))
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn sums([a, b, c, d]: [__m512; 4]) -> [f32; 4] {
    super::avx2::sums([folded(a), folded(b), folded(c), folded(d)])
}

impl<const DOTS: bool> Simd for Avx512<DOTS> {
    const LANES: usize = LANES;
    const TILE: (usize, usize) = (12, 2);
    const DOTS: bool = DOTS;
    type F = __m512;
    type I = __m512i;

    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves that the processor has the features of the functions.
        unsafe { if DOTS { run_with_dots(self, kernel) } else { run(self, kernel) } }
    }

    #[inline(always)]
    fn lookup_shorts(self, table: &[u32; LANES], at: __m512i) -> __m512i {
        // SAFETY: `self` proves the instructions, which read `LANES` words, and the table has as many.
        unsafe { _mm512_permutexvar_epi16(at, _mm512_loadu_si512(table.as_ptr().cast())) }
    }

    #[inline(always)]
    fn add_dot_bytes(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if !DOTS {
            return plain::add_dot_bytes(self, sums, a, b);
        }
        // SAFETY: with `DOTS`, `self` stands for VNNI. Registers only.
        unsafe { _mm512_dpbusd_epi32(sums, a, b) }
    }

    #[inline(always)]
    fn add_dot_shorts(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        if !DOTS {
            return plain::add_dot_shorts(self, sums, a, b);
        }
        // SAFETY: as for bytes.
        unsafe { _mm512_dpwssd_epi32(sums, a, b) }
    }

    #[inline(always)]
    fn add_dot_bf16(self, sums: __m512, a: __m512i, b: __m512i) -> __m512 {
        if !DOTS {
            return plain::add_dot_bf16(self, sums, a, b);
        }
        // SAFETY: with `DOTS`, `self` stands for BF16. Both types are 512 bits of any value.
        unsafe {
            let [a, b] = [a, b].map(|v| std::mem::transmute::<__m512i, __m512bh>(v));
            _mm512_dpbf16_ps(sums, a, b)
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, from: &[T], at: usize) {
        x86::prefetch(from, at);
    }

    loads! {
        load(&[f32]) -> __m512 = |from| _mm512_loadu_ps(from);
        load_f16(&[f16]) -> __m512 = |from| _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()));
        load_bf16(&[bf16]) -> __m512 = |from| {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        };
        load_int(&[u32]) -> __m512i = |from| _mm512_loadu_si512(from.cast());
        load_pairs(&[[bf16; 2]]) -> __m512i = |from| _mm512_loadu_si512(from.cast());
    }

    #[inline(always)]
    fn load_some(self, from: &[u32]) -> __m512i {
        let mask = ((1_u32 << from.len().min(LANES)) - 1) as u16;
        // SAFETY: `self` proves the instructions, which read those elements that the mask names: `from` has them.
        unsafe { _mm512_maskz_loadu_epi32(mask, from.as_ptr().cast()) }
    }

    stores! {
        store(&mut [f32], v: __m512) = |to| _mm512_storeu_ps(to, v);
        store_bf16(&mut [bf16], v: __m512) = |to| _mm256_storeu_si256(to.cast(), halved(v));
        store_f16(&mut [f16], v: __m512) = |to| _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<0>(v));
    }

    #[inline(always)]
    fn transpose(self, square: [__m512; MOST_LANES]) -> [__m512; MOST_LANES] {
        let (mut pairs, mut fours, mut eights, mut out) = (square, square, square, square);
        // SAFETY: moves between registers only, by instructions that `self` stands for.
        unsafe {
            for row in (0..LANES).step_by(2) {
                pairs[row] = _mm512_unpacklo_ps(square[row], square[row + 1]);
                pairs[row + 1] = _mm512_unpackhi_ps(square[row], square[row + 1]);
            }
            // Vector `4 r + c` holds columns `c`, `c + 4`, `c + 8` and `c + 12` of rows `4 r` to `4 r + 3`.
            for row in (0..LANES).step_by(4) {
                for half in 0..2 {
                    let (low, high) = (pairs[row + half], pairs[row + half + 2]);
                    fours[row + 2 * half] = _mm512_shuffle_ps::<0b0100_0100>(low, high);
                    fours[row + 2 * half + 1] = _mm512_shuffle_ps::<0b1110_1110>(low, high);
                }
            }
            for row in [0, 8] {
                for column in 0..4 {
                    let (low, high) = (fours[row + column], fours[row + column + 4]);
                    eights[row + column] = _mm512_shuffle_f32x4::<0b1000_1000>(low, high);
                    eights[row + column + 4] = _mm512_shuffle_f32x4::<0b1101_1101>(low, high);
                }
            }
            for column in 0..8 {
                let (low, high) = (eights[column], eights[column + 8]);
                out[column] = _mm512_shuffle_f32x4::<0b1000_1000>(low, high);
                out[column + 8] = _mm512_shuffle_f32x4::<0b1101_1101>(low, high);
            }
        }
        out
    }

    registers! {
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        less(a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 =
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes);
        sum(v: __m512) -> f32 = _mm512_reduce_add_ps(v);
        sums(v: [__m512; 4]) -> [f32; 4] = sums(v);
        greatest(v: __m512) -> f32 = _mm512_reduce_max_ps(v);
        lookup(table: __m512, at: __m512i) -> __m512 = _mm512_permutexvar_ps(at, table);
        splat_int(value: i32) -> __m512i = _mm512_set1_epi32(value);
        and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
        add_int(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        sub_int(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        shift_left(v: __m512i, by: __m512i) -> __m512i = _mm512_sllv_epi32(v, by);
        shift_right(v: __m512i, by: __m512i) -> __m512i = _mm512_srlv_epi32(v, by);
        shift_right_signed(v: __m512i, by: __m512i) -> __m512i = _mm512_srav_epi32(v, by);
        shift_right_shorts(v: __m512i, by: i32) -> __m512i = _mm512_srl_epi16(v, _mm_cvtsi32_si128(by));
        dot_pairs(a: __m512i, b: __m512i) -> __m512i = _mm512_maddubs_epi16(a, b);
        dot_shorts(a: __m512i, b: __m512i) -> __m512i = _mm512_madd_epi16(a, b);
        mul_shorts(a: __m512i, b: __m512i) -> __m512i = _mm512_mullo_epi16(a, b);
        shuffle_bytes(v: __m512i, at: __m512i) -> __m512i = _mm512_shuffle_epi8(v, at);
        add_shorts(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi16(a, b);
        to_float(v: __m512i) -> __m512 = _mm512_cvtepi32_ps(v);
        to_int(v: __m512) -> __m512i = _mm512_cvtps_epi32(v);
        from_bits(v: __m512i) -> __m512 = _mm512_castsi512_ps(v);
        to_bits(v: __m512) -> __m512i = _mm512_castps_si512(v);
    }
}
