//! The numbers of a tensor.

use super::fields::{CUT, Field, Fields, Problem};

/// Numbers of a shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<i32>,
    pub(crate) numbers: Numbers,
}

/// Numbers of one of the types that models keep their weights in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    /// `float32`.
    Single(Vec<f32>),
    /// `int8`.
    Small(Vec<i8>),
    /// `uint8`.
    Byte(Vec<u8>),
}

impl Numbers {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.len(),
            Self::Small(numbers) => numbers.len(),
            Self::Byte(numbers) => numbers.len(),
        }
    }

    /// A number as a single, which holds those of all types.
    pub(crate) fn get(&self, at: usize) -> Option<f32> {
        match self {
            Self::Single(numbers) => numbers.get(at).copied(),
            Self::Small(numbers) => numbers.get(at).copied().map(f32::from),
            Self::Byte(numbers) => numbers.get(at).copied().map(f32::from),
        }
    }
}

impl Tensor {
    /// A tensor and its name, if it is of a type that is kept and its numbers are in the file.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<(String, Self)>, Problem> {
        let (mut shape, mut kind, mut name, mut raw, mut listed) = (Vec::new(), 0, Vec::new(), None, None);
        let mut rest = Fields(bytes);
        while let Some((field, value)) = rest.next()? {
            match (field, value) {
                (1, Field::Number(size)) => shape.push(i32::try_from(size).map_err(|_| CUT)?),
                (1, Field::Message(packed)) => {
                    for size in Fields(packed).packed()? {
                        shape.push(i32::try_from(size).map_err(|_| CUT)?);
                    }
                }
                (2, Field::Number(number)) => kind = number,
                (8, Field::Message(own)) => name = own.to_vec(),
                // Singles are listed, or given as they lie in memory; either is the same bytes.
                (4 | 9, Field::Message(bytes)) => raw = Some(bytes),
                (5, Field::Message(bytes)) => listed = Some(bytes),
                _ => {}
            }
        }
        let Some(numbers) = numbers(kind, raw, listed)? else { return Ok(None) };
        let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size as usize));
        if count != Some(numbers.len()) {
            return Err(CUT);
        }
        Ok(Some((String::from_utf8_lossy(&name).into_owned(), Self { shape, numbers })))
    }
}

fn numbers(kind: u64, raw: Option<&[u8]>, listed: Option<&[u8]>) -> Result<Option<Numbers>, Problem> {
    const FLOAT: u64 = 1;
    const UINT8: u64 = 2;
    const INT8: u64 = 3;
    Ok(match (kind, raw, listed) {
        (FLOAT, Some(raw), _) => {
            let (numbers, odd) = raw.as_chunks();
            if !odd.is_empty() {
                return Err(CUT);
            }
            Some(Numbers::Single(numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()))
        }
        (UINT8, Some(raw), _) => Some(Numbers::Byte(raw.to_vec())),
        (INT8, Some(raw), _) => Some(Numbers::Small(raw.iter().map(|&byte| byte.cast_signed()).collect())),
        (UINT8, None, Some(listed)) => {
            Some(Numbers::Byte(Fields(listed).packed()?.into_iter().map(|number| number as u8).collect()))
        }
        (INT8, None, Some(listed)) => {
            Some(Numbers::Small(Fields(listed).packed()?.into_iter().map(|number| number as i8).collect()))
        }
        _ => None,
    })
}
