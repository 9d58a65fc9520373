//! Vectors as arrays, for the compiler to make of them what the target has.

#![expect(clippy::indexing_slicing, reason = "places in arrays, within their lengths")]

use half::{bf16, f16};

use super::{Kernel, MOST_LANES, Simd};

const LANES: usize = 8;

/// The instructions that every processor of the target has.
#[derive(Clone, Copy)]
pub(crate) struct Baseline;

/// Whether a product and a sum are one instruction; else fusing them is a call.
const FUSES: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

#[inline(always)]
fn map<T: Copy, R>(v: [T; LANES], f: impl Fn(T) -> R) -> [R; LANES] {
    v.map(f)
}

#[inline(always)]
fn zip<T: Copy, R>(a: [T; LANES], b: [T; LANES], f: impl Fn(T, T) -> R) -> [R; LANES] {
    std::array::from_fn(
        #[inline(always)]
        |lane| f(a[lane], b[lane]),
    )
}

#[inline(always)]
fn read<T: Copy, R: Copy + Default>(from: &[T], f: impl Fn(T) -> R) -> [R; LANES] {
    let mut out = [R::default(); LANES];
    out.iter_mut().zip(from).for_each(|(out, &from)| *out = f(from));
    out
}

#[inline(always)]
fn write<T>(to: &mut [T], v: [f32; LANES], f: impl Fn(f32) -> T) {
    to.iter_mut().zip(v).for_each(|(to, v)| *to = f(v));
}

/// The two numbers of 16 bits of a lane, the lower first.
#[inline(always)]
fn shorts(v: i32) -> [i16; 2] {
    [v as i16, (v >> 16) as i16]
}

/// A lane of two numbers of 16 bits.
#[inline(always)]
fn joined([low, high]: [i16; 2]) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

impl Simd for Baseline {
    const LANES: usize = LANES;
    const TILE: (usize, usize) = if cfg!(target_arch = "aarch64") { (6, 2) } else { (4, 1) };
    type F = [f32; LANES];
    type I = [i32; LANES];

    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn prefetch<T>(self, _from: &[T], _at: usize) {}

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::F {
        read(from, |x| x)
    }

    #[inline(always)]
    fn load_bf16(self, from: &[bf16]) -> Self::F {
        read(from, bf16::to_f32)
    }

    #[inline(always)]
    fn load_f16(self, from: &[f16]) -> Self::F {
        read(from, f16::to_f32)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32], v: Self::F) {
        write(to, v, |x| x);
    }

    #[inline(always)]
    fn store_bf16(self, to: &mut [bf16], v: Self::F) {
        write(to, v, bf16::from_f32);
    }

    #[inline(always)]
    fn store_f16(self, to: &mut [f16], v: Self::F) {
        write(to, v, f16::from_f32);
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        std::array::from_fn(
            #[inline(always)]
            |lane| if FUSES { a[lane].mul_add(b[lane], c[lane]) } else { a[lane] * b[lane] + c[lane] },
        )
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn less(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F {
        std::array::from_fn(
            #[inline(always)]
            |lane| if a[lane] < b[lane] { yes[lane] } else { no[lane] },
        )
    }

    #[inline(always)]
    fn sum(self, v: Self::F) -> f32 {
        let [a, b, c, d, e, f, g, h] = v;
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }

    #[inline(always)]
    fn sums(self, v: [Self::F; 4]) -> [f32; 4] {
        v.map(
            #[inline(always)]
            |v| self.sum(v),
        )
    }

    #[inline(always)]
    fn greatest(self, v: Self::F) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    fn transpose(self, square: [Self::F; MOST_LANES]) -> [Self::F; MOST_LANES] {
        let mut out = square;
        for row in 0..LANES {
            for column in 0..LANES {
                out[column][row] = square[row][column];
            }
        }
        out
    }

    #[inline(always)]
    fn lookup(self, table: Self::F, at: Self::I) -> Self::F {
        map(at, |at| table[at as usize % LANES])
    }

    #[inline(always)]
    fn splat_int(self, value: i32) -> Self::I {
        [value; LANES]
    }

    #[inline(always)]
    fn load_int(self, from: &[u32]) -> Self::I {
        read(from, |x| x as i32)
    }

    #[inline(always)]
    fn load_some(self, from: &[u32]) -> Self::I {
        self.load_int(from)
    }

    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn add_int(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn shift_left(self, v: Self::I, by: Self::I) -> Self::I {
        zip(v, by, |x, by| x.wrapping_shl(by as u32))
    }

    #[inline(always)]
    fn shift_right(self, v: Self::I, by: Self::I) -> Self::I {
        zip(v, by, |x, by| (x as u32).wrapping_shr(by as u32) as i32)
    }

    #[inline(always)]
    fn shift_right_signed(self, v: Self::I, by: Self::I) -> Self::I {
        zip(v, by, |x, by| x.wrapping_shr(by as u32))
    }

    #[inline(always)]
    fn shift_right_shorts(self, v: Self::I, by: i32) -> Self::I {
        v.map(|x| {
            let [low, high] = [x as u16, (x >> 16) as u16].map(|x| u32::from(x.wrapping_shr(by as u32)));
            (high << 16 | low) as i32
        })
    }

    #[inline(always)]
    fn dot_pairs(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| {
            let (a, b) = (a.to_le_bytes().map(i16::from), b.to_le_bytes().map(|byte| i16::from(byte as i8)));
            joined([a[0] * b[0] + a[1] * b[1], a[2] * b[2] + a[3] * b[3]])
        })
    }

    #[inline(always)]
    fn dot_shorts(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| {
            let products = shorts(a).into_iter().zip(shorts(b));
            products.map(|(a, b)| i32::from(a) * i32::from(b)).fold(0, i32::wrapping_add)
        })
    }

    #[inline(always)]
    fn mul_shorts(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| {
            let ([low, high], [other_low, other_high]) = (shorts(a), shorts(b));
            joined([low.wrapping_mul(other_low), high.wrapping_mul(other_high)])
        })
    }

    #[inline(always)]
    fn shuffle_bytes(self, v: Self::I, at: Self::I) -> Self::I {
        std::array::from_fn(
            #[inline(always)]
            |lane| {
                let byte =
                    |at: u8| v[lane / 4 * 4 + usize::from(at) / 4 % 4].to_le_bytes()[usize::from(at) % 4];
                i32::from_le_bytes(at[lane].to_le_bytes().map(byte))
            },
        )
    }

    #[inline(always)]
    fn add_shorts(self, a: Self::I, b: Self::I) -> Self::I {
        zip(a, b, |a, b| {
            let ([low, high], [other_low, other_high]) = (shorts(a), shorts(b));
            joined([low.wrapping_add(other_low), high.wrapping_add(other_high)])
        })
    }

    #[inline(always)]
    fn to_float(self, v: Self::I) -> Self::F {
        map(v, |x| x as f32)
    }

    #[inline(always)]
    fn to_int(self, v: Self::F) -> Self::I {
        map(v, |x| x.round_ties_even() as i32)
    }

    #[inline(always)]
    fn from_bits(self, v: Self::I) -> Self::F {
        map(v, |x| f32::from_bits(x as u32))
    }

    #[inline(always)]
    fn to_bits(self, v: Self::F) -> Self::I {
        map(v, |x| x.to_bits() as i32)
    }
}
