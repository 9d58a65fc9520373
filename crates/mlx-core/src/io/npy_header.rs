//! The header of an npy file, checked before MLX reads the file.
//!
//! MLX looks for the parts of a header at fixed places, so it gets one that is written as it writes it.
//! Format: `numpy.lib.format` in NumPy's manual.

use std::io::Read;

use crate::Dtype;

const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy itself reads no longer headers and no more axes.
const LONGEST: u32 = 10_000;
const MOST_AXES: usize = 64;

/// What an npy file says about its array.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) dtype: Dtype,
    pub(super) fortran: bool,
    pub(super) shape: Vec<i32>,
    /// Bytes before the data.
    pub(super) taken: u64,
    /// Bytes of the data.
    pub(super) data: u64,
}

impl Header {
    /// Reads the header of an array within `length` bytes.
    pub(super) fn read(reader: &mut dyn Read, length: u64) -> Result<Self, String> {
        let mut magic = [0; 8];
        fill(reader, &mut magic)?;
        let [.., major, _] = magic;
        if !magic.starts_with(MAGIC) {
            return Err("it does not begin as an npy file does".to_owned());
        }
        let (text, before) = match major {
            1 => {
                let mut size = [0; 2];
                fill(reader, &mut size)?;
                (u32::from(u16::from_le_bytes(size)), 10)
            }
            2 | 3 => {
                let mut size = [0; 4];
                fill(reader, &mut size)?;
                (u32::from_le_bytes(size), 12)
            }
            _ => return Err(format!("npy version {major} is not known: 1 to 3 are")),
        };
        if text > LONGEST {
            return Err(format!("it claims a header of {text} bytes, where {LONGEST} is much"));
        }
        let mut bytes = vec![0; text as usize];
        fill(reader, &mut bytes)?;
        let (dtype, fortran, shape) =
            Literal { rest: &bytes }.header().map_err(|why| format!("its header: {why}"))?;
        let data = dtype.bytes_of(&shape).ok_or_else(|| format!("shape {shape:?} is impossible"))? as u64;
        let taken = before + u64::from(text);
        let has = length.saturating_sub(taken);
        if has < data {
            return Err(format!(
                "{dtype} {shape:?} takes {data} bytes and {has} are there: it is cut off or damaged"
            ));
        }
        Ok(Self { dtype, fortran, shape, taken, data })
    }

    /// The header as MLX reads it. Truth values are bytes, as MLX takes their bits for granted.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let kind = match self.dtype {
            Dtype::Bool | Dtype::Uint8 => "|u1",
            Dtype::Int8 => "|i1",
            Dtype::Uint16 => "<u2",
            Dtype::Uint32 => "<u4",
            Dtype::Uint64 => "<u8",
            Dtype::Int16 => "<i2",
            Dtype::Int32 => "<i4",
            Dtype::Int64 => "<i8",
            Dtype::Float16 => "<f2",
            Dtype::Float32 => "<f4",
            Dtype::Float64 => "<f8",
            Dtype::Bfloat16 => "<V2",
            Dtype::Complex64 => "<c8",
        };
        let fortran = if self.fortran { "True" } else { "False" };
        let shape: String = self.shape.iter().map(|length| format!("{length}, ")).collect();
        let text = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({shape})}}");
        let mut head = MAGIC.to_vec();
        head.extend([1, 0]);
        head.extend((text.len() as u16).to_le_bytes());
        head.extend(text.as_bytes());
        head
    }
}

fn fill(reader: &mut dyn Read, bytes: &mut [u8]) -> Result<(), String> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends within its header".to_owned(),
        _ => error.to_string(),
    })
}

/// The type that a NumPy type string names.
fn dtype(descr: &str) -> Result<Dtype, String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
    let dtype = match kind {
        "b1" => Dtype::Bool,
        "u1" => Dtype::Uint8,
        "u2" => Dtype::Uint16,
        "u4" => Dtype::Uint32,
        "u8" => Dtype::Uint64,
        "i1" => Dtype::Int8,
        "i2" => Dtype::Int16,
        "i4" => Dtype::Int32,
        "i8" => Dtype::Int64,
        "f2" => Dtype::Float16,
        "f4" => Dtype::Float32,
        "f8" => Dtype::Float64,
        "V2" => Dtype::Bfloat16,
        "c8" => Dtype::Complex64,
        "O" => return Err("it holds Python objects, which only Python reads".to_owned()),
        _ => return Err(format!("MLX has no type for {descr}")),
    };
    match order {
        "<" | "|" | "=" => Ok(dtype),
        ">" if dtype.size() == 1 => Ok(dtype),
        ">" => Err(format!("{descr} has its bytes in big-endian order: save it in little-endian")),
        _ => Err(format!("MLX has no type for {descr}")),
    }
}

/// What is left of a dictionary that is written as in Python.
struct Literal<'a> {
    rest: &'a [u8],
}

impl<'a> Literal<'a> {
    /// The three values of a header, each of which comes once.
    fn header(mut self) -> Result<(Dtype, bool, Vec<i32>), String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.eat(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            let twice = match key {
                "descr" => {
                    descr.replace(dtype(self.string().map_err(|_| "it is of several fields")?)?).is_some()
                }
                "fortran_order" => fortran.replace(self.truth()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return Err(format!("the key {key} is not known")),
            };
            if twice {
                return Err(format!("{key} comes twice"));
            }
            if !self.eat(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.space();
        match (descr, fortran, shape) {
            _ if !self.rest.is_empty() => Err("something follows it".to_owned()),
            (Some(dtype), Some(fortran), Some(shape)) => Ok((dtype, fortran, shape)),
            _ => Err("descr, fortran_order or shape is missing".to_owned()),
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.eat(byte) { Ok(()) } else { Err(format!("{:?} is missing", char::from(byte))) }
    }

    /// The bytes up to the first for which `ends` is true.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> Result<&'a str, String> {
        let end = self.rest.iter().position(|&byte| ends(byte)).unwrap_or(self.rest.len());
        let (part, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        std::str::from_utf8(part).map_err(|error| error.to_string())
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.eat(b'"') { b'"' } else { b'\'' };
        if quote == b'\'' {
            self.expect(quote)?;
        }
        let text = self.until(|byte| byte == quote)?;
        self.expect(quote)?;
        Ok(text)
    }

    fn truth(&mut self) -> Result<bool, String> {
        self.space();
        match self.until(|byte| !byte.is_ascii_alphabetic())? {
            "True" => Ok(true),
            "False" => Ok(false),
            other => Err(format!("{other:?} is neither True nor False")),
        }
    }

    fn tuple(&mut self) -> Result<Vec<i32>, String> {
        let mut lengths = Vec::new();
        self.expect(b'(')?;
        while !self.eat(b')') {
            self.space();
            let digits = self.until(|byte| !byte.is_ascii_digit())?;
            self.eat(b'L');
            lengths.push(digits.parse().map_err(|error| format!("a length in its shape: {error}"))?);
            if lengths.len() > MOST_AXES {
                return Err(format!("it has more than {MOST_AXES} axes"));
            }
            if !self.eat(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(lengths)
    }
}
