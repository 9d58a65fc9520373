//! A tensor of a fixture, its values widened so that one type holds every dtype.

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A fixture's tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// The type in the file by MLX's name, such as `bfloat16`.
    pub dtype: &'static str,
    /// The values, exact for every type but `int64` beyond 2⁵³; a boolean is 0 or 1.
    pub values: Vec<f64>,
}

impl Tensor {
    pub(crate) fn read(view: &TensorView<'_>) -> Option<Self> {
        let bytes = view.data();
        let (dtype, values) = match view.dtype() {
            Dtype::BOOL => ("bool", widen(bytes, |[byte]| f64::from(byte != 0))),
            Dtype::U8 => ("uint8", widen(bytes, |[byte]| f64::from(byte))),
            Dtype::U32 => ("uint32", widen(bytes, |raw| f64::from(u32::from_le_bytes(raw)))),
            Dtype::I32 => ("int32", widen(bytes, |raw| f64::from(i32::from_le_bytes(raw)))),
            Dtype::I64 => ("int64", widen(bytes, |raw| i64::from_le_bytes(raw) as f64)),
            Dtype::F16 => ("float16", widen(bytes, |raw| f16::from_le_bytes(raw).to_f64())),
            Dtype::BF16 => ("bfloat16", widen(bytes, |raw| bf16::from_le_bytes(raw).to_f64())),
            Dtype::F32 => ("float32", widen(bytes, |raw| f64::from(f32::from_le_bytes(raw)))),
            _ => return None,
        };
        Some(Self { shape: view.shape().to_vec(), dtype, values })
    }

    /// The values of a float tensor; `None` for integers and booleans.
    pub fn f32(&self) -> Option<Vec<f32>> {
        self.dtype.contains("float").then(|| self.values.iter().map(|&value| value as f32).collect())
    }

    /// The values as `int32`; `None` for floats and where one does not fit.
    pub fn i32(&self) -> Option<Vec<i32>> {
        self.integers(f64::from(i32::MIN)..=f64::from(i32::MAX), |value| value as i32)
    }

    /// The values as `uint32`; `None` for floats and where one does not fit.
    pub fn u32(&self) -> Option<Vec<u32>> {
        self.integers(0.0..=f64::from(u32::MAX), |value| value as u32)
    }

    fn integers<T>(&self, range: std::ops::RangeInclusive<f64>, convert: fn(f64) -> T) -> Option<Vec<T>> {
        let fits = !self.dtype.contains("float") && self.values.iter().all(|value| range.contains(value));
        fits.then(|| self.values.iter().map(|&value| convert(value)).collect())
    }
}

fn widen<const WIDTH: usize>(bytes: &[u8], convert: fn([u8; WIDTH]) -> f64) -> Vec<f64> {
    let (chunks, _) = bytes.as_chunks::<WIDTH>();
    chunks.iter().copied().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dtype: Dtype, bytes: &[u8], length: usize) -> Tensor {
        Tensor::read(&TensorView::new(dtype, vec![length], bytes).unwrap()).unwrap()
    }

    #[test]
    fn every_dtype_is_widened_exactly() {
        assert_eq!(read(Dtype::BOOL, &[0, 1], 2).values, [0.0, 1.0]);
        assert_eq!(read(Dtype::U8, &[7, 255], 2).values, [7.0, 255.0]);
        assert_eq!(read(Dtype::U32, &u32::MAX.to_le_bytes(), 1).values, [4_294_967_295.0]);
        assert_eq!(read(Dtype::I32, &(-3_i32).to_le_bytes(), 1).values, [-3.0]);
        assert_eq!(read(Dtype::I64, &(-1_i64 << 40).to_le_bytes(), 1).values, [-1_099_511_627_776.0]);
        assert_eq!(read(Dtype::F16, &0x3e00_u16.to_le_bytes(), 1).values, [1.5]);
        assert_eq!(read(Dtype::BF16, &0xc040_u16.to_le_bytes(), 1).values, [-3.0]);
        assert_eq!(read(Dtype::F32, &0.1_f32.to_le_bytes(), 1).values, [f64::from(0.1_f32)]);
    }

    #[test]
    fn a_dtype_mlx_cannot_load_is_not_read() {
        assert_eq!(Tensor::read(&TensorView::new(Dtype::F8_E4M3, vec![1], &[0]).unwrap()), None);
    }

    #[test]
    fn floats_and_integers_are_not_mixed_up() {
        let float = read(Dtype::F16, &0x3e00_u16.to_le_bytes(), 1);
        assert_eq!((float.f32(), float.i32(), float.u32()), (Some(vec![1.5]), None, None));
        let integer = read(Dtype::U8, &[200], 1);
        assert_eq!((integer.f32(), integer.i32(), integer.u32()), (None, Some(vec![200]), Some(vec![200])));
    }

    #[test]
    fn an_integer_that_does_not_fit_is_not_cut() {
        assert_eq!(read(Dtype::U32, &u32::MAX.to_le_bytes(), 1).i32(), None);
        assert_eq!(read(Dtype::I32, &(-1_i32).to_le_bytes(), 1).u32(), None);
    }
}
