//! Metadata values: scalars, strings, and arrays that may nest.

use std::io::Read;

use super::reader::{Parsed, Reader};

/// Arrays in arrays in arrays: more than any real file has.
const MAX_DEPTH: usize = 4;

const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Declares the number types once: variant, Rust type, code in the file.
macro_rules! numbers {
    ($($variant:ident($number:ty) = $code:literal),* $(,)?) => {
        /// One metadata value, with the type that the file gives it.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Value {
            $(#[doc = concat!("A `", stringify!($number), "`.")] $variant($number),)*
            /// A flag.
            Bool(bool),
            /// UTF-8 text.
            String(String),
            /// Values of one type.
            Array(Array),
        }

        /// A metadata array, kept as compact as the file has it.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Array {
            $(#[doc = concat!("Numbers of type `", stringify!($number), "`.")] $variant(Vec<$number>),)*
            /// Flags.
            Bool(Vec<bool>),
            /// Texts.
            String(Vec<String>),
            /// Arrays, each with its own type.
            Array(Vec<Array>),
        }

        impl Value {
            pub(super) fn read(reader: &mut Reader<impl Read>) -> Parsed<Self> {
                match reader.u32()? {
                    $($code => reader.array().map(<$number>::from_le_bytes).map(Self::$variant),)*
                    BOOL => read_bool(reader).map(Self::Bool),
                    STRING => reader.string().map(Self::String),
                    ARRAY => Array::read(reader, MAX_DEPTH).map(Self::Array),
                    code => Err(unknown_type(code)),
                }
            }
        }

        impl Array {
            fn read(reader: &mut Reader<impl Read>, depth: usize) -> Parsed<Self> {
                match reader.u32()? {
                    $($code => {
                        let number = |reader: &mut Reader<_>| reader.array().map(<$number>::from_le_bytes);
                        read_items(reader, size_of::<$number>(), number).map(Self::$variant)
                    })*
                    BOOL => read_items(reader, 1, read_bool).map(Self::Bool),
                    STRING => read_items(reader, 8, Reader::string).map(Self::String),
                    ARRAY if depth == 0 => Err(format!("arrays nest deeper than {MAX_DEPTH}")),
                    ARRAY => read_items(reader, 12, |reader| Self::read(reader, depth - 1)).map(Self::Array),
                    code => Err(unknown_type(code)),
                }
            }

            /// The elements as single values.
            pub fn values(&self) -> Vec<Value> {
                match self {
                    $(Self::$variant(items) => items.iter().copied().map(Value::$variant).collect(),)*
                    Self::Bool(items) => items.iter().copied().map(Value::Bool).collect(),
                    Self::String(items) => items.iter().cloned().map(Value::String).collect(),
                    Self::Array(items) => items.iter().cloned().map(Value::Array).collect(),
                }
            }
        }
    };
}

numbers! {
    U8(u8) = 0,
    I8(i8) = 1,
    U16(u16) = 2,
    I16(i16) = 3,
    U32(u32) = 4,
    I32(i32) = 5,
    F32(f32) = 6,
    U64(u64) = 10,
    I64(i64) = 11,
    F64(f64) = 12,
}

impl Value {
    /// The value as a whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(number) => Some(number.into()),
            Self::U16(number) => Some(number.into()),
            Self::U32(number) => Some(number.into()),
            Self::U64(number) => Some(number),
            Self::I8(number) => number.try_into().ok(),
            Self::I16(number) => number.try_into().ok(),
            Self::I32(number) => number.try_into().ok(),
            Self::I64(number) => number.try_into().ok(),
            _ => None,
        }
    }

    /// The value as a float; an `f32` becomes the `f64` that prints alike (`1e-5`, not `9.99e-6`).
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(number) => number.to_string().parse().ok(),
            Self::F64(number) => Some(number),
            _ => None,
        }
    }

    /// The value as a flag.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(flag) = *self { Some(flag) } else { None }
    }

    /// The value as text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The value as an array.
    pub fn as_array(&self) -> Option<&Array> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }
}

fn read_bool(reader: &mut Reader<impl Read>) -> Parsed<bool> {
    match reader.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(format!("{other} is not a boolean (0 or 1)")),
    }
}

/// Reads a count and that many items, each at least `size` bytes long in the file.
fn read_items<R: Read, T>(
    reader: &mut Reader<R>,
    size: usize,
    item: impl Fn(&mut Reader<R>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let count = reader.count("an array of", "items", size as u64)?;
    (0..count).map(|_| item(reader)).collect()
}

fn unknown_type(code: u32) -> String {
    format!("value type {code} is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Parsed<Value> {
        Value::read(&mut Reader::new(bytes, bytes.len() as u64))
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn arrays_nest_up_to_a_limit() {
        let nested = |depth: usize| {
            let mut bytes = words(&[ARRAY]);
            bytes.extend(words(&[ARRAY, 1, 0]).repeat(depth));
            bytes.extend(words(&[4, 2, 0, 7, 8]));
            read(&bytes)
        };
        assert_eq!(nested(0).unwrap(), Value::Array(Array::U32(vec![7, 8])));
        let inner = Array::Array(vec![Array::U32(vec![7, 8])]);
        assert_eq!(nested(2).unwrap(), Value::Array(Array::Array(vec![inner])));
        assert!(nested(MAX_DEPTH).is_ok());
        assert!(nested(MAX_DEPTH + 1).unwrap_err().contains("nest deeper"));
    }

    #[test]
    fn counts_are_checked_before_anything_is_allocated() {
        for code in [0, 4, BOOL, STRING, 12, ARRAY] {
            let error = read(&words(&[ARRAY, code, u32::MAX, u32::MAX])).unwrap_err();
            assert!(error.contains("does not fit in the 0 bytes left"), "{error}");
        }
        let one_too_many = read(&words(&[STRING, 5, 0, 0])).unwrap_err();
        assert!(one_too_many.starts_with("a string of 5 bytes at byte 4 does not fit in the 4 bytes left"));
    }

    #[test]
    fn every_number_type_is_read() {
        let read = |code: u32, bytes: &[u8]| read(&[&code.to_le_bytes(), bytes].concat()).unwrap();
        assert_eq!(read(0, &[200]), Value::U8(200));
        assert_eq!(read(1, &[200]), Value::I8(-56));
        assert_eq!(read(2, &[1, 2]), Value::U16(0x0201));
        assert_eq!(read(3, &[0, 128]), Value::I16(i16::MIN));
        assert_eq!(read(4, &1u32.to_le_bytes()), Value::U32(1));
        assert_eq!(read(5, &(-1i32).to_le_bytes()), Value::I32(-1));
        assert_eq!(read(6, &0.5f32.to_le_bytes()), Value::F32(0.5));
        assert_eq!(read(10, &u64::MAX.to_le_bytes()), Value::U64(u64::MAX));
        assert_eq!(read(11, &i64::MIN.to_le_bytes()), Value::I64(i64::MIN));
        assert_eq!(read(12, &0.1f64.to_le_bytes()), Value::F64(0.1));
        assert_eq!(read(BOOL, &[1]), Value::Bool(true));
    }

    #[test]
    fn odd_booleans_unknown_types_and_broken_text_are_errors() {
        assert!(read(&[7, 0, 0, 0, 2]).unwrap_err().contains("2 is not a boolean"));
        assert!(read(&words(&[13])).unwrap_err().contains("value type 13 is not known"));
        assert!(read(&[8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff]).unwrap_err().contains("not UTF-8"));
    }

    #[test]
    fn f32_keeps_its_decimal_form() {
        assert_eq!(Value::F32(1e-5).as_f64(), Some(1e-5));
    }
}
