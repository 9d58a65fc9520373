//! How elements lie in memory, and C's functions that read them.

use std::ffi::c_int;
use std::slice;

use half::{bf16, f16};
use mlx_sys as sys;

use crate::Complex64;

/// A type of element, known to C by its own functions.
pub trait Sealed: Sized {
    /// A type of the same size and alignment for which every bit pattern is valid.
    type Bits: Copy + Default;

    /// The element that `bits` stand for.
    fn from_bits(bits: Self::Bits) -> Self;

    /// Whether all `bits` are those of an element, so that they may be borrowed as elements.
    fn are_elements(bits: &[Self::Bits]) -> bool;

    /// Computes an array of one element and writes its bits to `out`.
    ///
    /// # Safety
    /// `array` must be live and have elements of this type, and `out` be valid for writes.
    unsafe fn item(out: *mut Self::Bits, array: sys::mlx_array) -> c_int;

    /// The address of the first element.
    ///
    /// # Safety
    /// `array` must be live and evaluated, and have memory and elements of this type.
    unsafe fn data(array: sys::mlx_array) -> *const Self::Bits;
}

/// The elements that `bits` stand for, where they lie; none if some are no element's.
pub(super) fn elements<T: Sealed>(bits: &[T::Bits]) -> Option<&[T]> {
    // SAFETY: `Bits` has the size and alignment of `T`, and these are bits of elements.
    T::are_elements(bits).then(|| unsafe { slice::from_raw_parts(bits.as_ptr().cast::<T>(), bits.len()) })
}

macro_rules! sealed {
    ($($rust:ty as $bits:ty => $item:ident, $data:ident, |$b:ident| $from:expr, |$all:ident| $valid:expr;)*) => {$(
        impl Sealed for $rust {
            type Bits = $bits;

            fn from_bits($b: $bits) -> $rust {
                $from
            }

            fn are_elements($all: &[$bits]) -> bool {
                $valid
            }

            unsafe fn item(out: *mut $bits, array: sys::mlx_array) -> c_int {
                // SAFETY: C writes one element of the array, which has the size of `out`.
                unsafe { sys::$item(out.cast(), array) }
            }

            unsafe fn data(array: sys::mlx_array) -> *const $bits {
                // SAFETY: C adds the offset of a live array to the address of its memory.
                unsafe { sys::$data(array) }.cast()
            }
        }
    )*};
}

// C has the functions of half precision on some processors only; those of `uint16` move the same bits.
sealed! {
    u8 as u8 => mlx_array_item_uint8, mlx_array_data_uint8, |bits| bits, |_all| true;
    u16 as u16 => mlx_array_item_uint16, mlx_array_data_uint16, |bits| bits, |_all| true;
    u32 as u32 => mlx_array_item_uint32, mlx_array_data_uint32, |bits| bits, |_all| true;
    u64 as u64 => mlx_array_item_uint64, mlx_array_data_uint64, |bits| bits, |_all| true;
    i8 as i8 => mlx_array_item_int8, mlx_array_data_int8, |bits| bits, |_all| true;
    i16 as i16 => mlx_array_item_int16, mlx_array_data_int16, |bits| bits, |_all| true;
    i32 as i32 => mlx_array_item_int32, mlx_array_data_int32, |bits| bits, |_all| true;
    i64 as i64 => mlx_array_item_int64, mlx_array_data_int64, |bits| bits, |_all| true;
    f16 as f16 => mlx_array_item_uint16, mlx_array_data_uint16, |bits| bits, |_all| true;
    f32 as f32 => mlx_array_item_float32, mlx_array_data_float32, |bits| bits, |_all| true;
    f64 as f64 => mlx_array_item_float64, mlx_array_data_float64, |bits| bits, |_all| true;
    bf16 as bf16 => mlx_array_item_uint16, mlx_array_data_uint16, |bits| bits, |_all| true;
    Complex64 as Complex64 => mlx_array_item_complex64, mlx_array_data_complex64, |bits| bits, |_all| true;
    bool as u8 => mlx_array_item_bool, mlx_array_data_bool, |bits| bits != 0, |all| all.iter().all(|&b| b < 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_and_one_may_be_borrowed_as_truth_values() {
        assert!(bool::are_elements(&[0, 1, 1]) && !bool::are_elements(&[0, 2]));
        assert!(bool::from_bits(255) && !bool::from_bits(0));
    }
}
