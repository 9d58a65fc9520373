//! What the targets share.
#![forbid(unsafe_code)]

use arbitrary::Arbitrary;
use mlx_core::{Array, Dtype};

/// Results with more bytes than this are not computed.
pub const BYTES: usize = 1 << 20;

/// A number near zero, or any.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Near(i8),
    Far(i32),
}

impl Number {
    /// As MLX takes it.
    pub fn get(self) -> i32 {
        match self {
            Self::Near(near) => i32::from(near % 8),
            Self::Far(far) => far,
        }
    }
}

/// The first of a list, which may be long.
pub fn numbers(list: &[Number]) -> Vec<i32> {
    list.iter().take(6).map(|number| number.get()).collect()
}

/// Any type.
pub fn dtype(number: u8) -> Dtype {
    Dtype::ALL[usize::from(number) % Dtype::ALL.len()]
}

/// Computes an array of a file, and stops if it does not hold as many bytes as it claims.
pub fn read(name: &str, array: &Array) {
    if array.nbytes() > BYTES {
        return;
    }
    let bytes = array.reshape([-1]).and_then(|flat| flat.view(Dtype::Uint8)?.to_vec::<u8>());
    match bytes {
        Ok(bytes) => assert_eq!(bytes.len(), array.nbytes(), "{name}: {array:?}"),
        Err(error) => assert!(array.size() == 0 || error.to_string().contains("read"), "{name}: {error}"),
    }
}
