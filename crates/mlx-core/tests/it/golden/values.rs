//! Values of any type, to compare: whole numbers exactly, others by their distance.

use mlx_core::{Array, Complex64, Dtype, Element, bf16, f16};

pub(super) enum Values {
    Whole(Vec<i128>),
    /// A complex number is two of these.
    Real(Vec<f64>),
}

impl Values {
    /// The values of an array.
    pub(super) fn computed(array: &Array) -> Self {
        match array.dtype() {
            Dtype::Bool => Self::Whole(read(array, |truth: bool| i128::from(truth))),
            Dtype::Uint8 => Self::Whole(read::<u8, _>(array, i128::from)),
            Dtype::Uint16 => Self::Whole(read::<u16, _>(array, i128::from)),
            Dtype::Uint32 => Self::Whole(read::<u32, _>(array, i128::from)),
            Dtype::Uint64 => Self::Whole(read::<u64, _>(array, i128::from)),
            Dtype::Int8 => Self::Whole(read::<i8, _>(array, i128::from)),
            Dtype::Int16 => Self::Whole(read::<i16, _>(array, i128::from)),
            Dtype::Int32 => Self::Whole(read::<i32, _>(array, i128::from)),
            Dtype::Int64 => Self::Whole(read::<i64, _>(array, i128::from)),
            Dtype::Float16 => Self::Real(read(array, f16::to_f64)),
            Dtype::Bfloat16 => Self::Real(read(array, bf16::to_f64)),
            Dtype::Float32 => Self::Real(read::<f32, _>(array, f64::from)),
            Dtype::Float64 => Self::Real(read(array, |number: f64| number)),
            Dtype::Complex64 => {
                let pairs = read(array, |number: Complex64| [number.re.into(), number.im.into()]);
                Self::Real(pairs.into_iter().flatten().collect())
            }
        }
    }

    /// The values that little-endian `bytes` stand for.
    pub(super) fn stored(dtype: Dtype, bytes: &[u8]) -> Self {
        match dtype {
            Dtype::Bool => Self::Whole(decode(bytes, |[byte]| i128::from(byte != 0))),
            Dtype::Uint8 => Self::Whole(decode(bytes, |raw| u8::from_le_bytes(raw).into())),
            Dtype::Uint16 => Self::Whole(decode(bytes, |raw| u16::from_le_bytes(raw).into())),
            Dtype::Uint32 => Self::Whole(decode(bytes, |raw| u32::from_le_bytes(raw).into())),
            Dtype::Uint64 => Self::Whole(decode(bytes, |raw| u64::from_le_bytes(raw).into())),
            Dtype::Int8 => Self::Whole(decode(bytes, |raw| i8::from_le_bytes(raw).into())),
            Dtype::Int16 => Self::Whole(decode(bytes, |raw| i16::from_le_bytes(raw).into())),
            Dtype::Int32 => Self::Whole(decode(bytes, |raw| i32::from_le_bytes(raw).into())),
            Dtype::Int64 => Self::Whole(decode(bytes, |raw| i64::from_le_bytes(raw).into())),
            Dtype::Float16 => Self::Real(decode(bytes, |raw| f16::from_le_bytes(raw).to_f64())),
            Dtype::Bfloat16 => Self::Real(decode(bytes, |raw| bf16::from_le_bytes(raw).to_f64())),
            Dtype::Float32 | Dtype::Complex64 => {
                Self::Real(decode(bytes, |raw| f32::from_le_bytes(raw).into()))
            }
            Dtype::Float64 => Self::Real(decode(bytes, f64::from_le_bytes)),
        }
    }
}

fn read<T: Element, V>(array: &Array, convert: impl Fn(T) -> V) -> Vec<V> {
    array.to_vec::<T>().unwrap().into_iter().map(convert).collect()
}

fn decode<const WIDTH: usize, V>(bytes: &[u8], convert: impl Fn([u8; WIDTH]) -> V) -> Vec<V> {
    let (chunks, rest) = bytes.as_chunks::<WIDTH>();
    assert!(rest.is_empty());
    chunks.iter().copied().map(convert).collect()
}
