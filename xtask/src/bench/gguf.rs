//! GGUF files: what they say about a model, then its tensors.
//!
//! Source: docs/gguf.md of the ggml project, version 3.

use std::io::{self, Write};

/// Where the data of each tensor begins is a multiple of this.
const ALIGNMENT: usize = 32;
const VERSION: u32 = 3;

/// What a file says about itself.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Count(u32),
    Real(f32),
    Text(&'a str),
}

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    F32,
    Bf16,
    /// Blocks of 32 numbers: a float16 scale, then 16 bytes of which each holds one number of either half.
    Q4_0,
}

/// A tensor of the file.
pub struct Tensor {
    pub name: String,
    /// The outermost first.
    pub shape: Vec<usize>,
    pub kind: Kind,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::Q4_0 => 2,
            Self::Bf16 => 30,
        }
    }

    fn bytes(self, numbers: usize) -> usize {
        match self {
            Self::F32 => numbers * 4,
            Self::Bf16 => numbers * 2,
            Self::Q4_0 => numbers / 32 * 18,
        }
    }
}

impl Tensor {
    /// How long its data is.
    pub fn bytes(&self) -> usize {
        self.kind.bytes(self.shape.iter().product())
    }
}

/// Writes all that comes before the data of the tensors.
pub fn header(out: &mut impl Write, facts: &[(&str, Value<'_>)], tensors: &[Tensor]) -> io::Result<()> {
    let mut head = Vec::from(*b"GGUF");
    head.extend(VERSION.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend((facts.len() as u64).to_le_bytes());
    for (key, value) in facts {
        text(&mut head, key);
        fact(&mut head, *value);
    }
    let mut offset = 0;
    for tensor in tensors {
        text(&mut head, &tensor.name);
        head.extend((tensor.shape.len() as u32).to_le_bytes());
        for length in tensor.shape.iter().rev() {
            head.extend((*length as u64).to_le_bytes());
        }
        head.extend(tensor.kind.code().to_le_bytes());
        head.extend((offset as u64).to_le_bytes());
        offset += tensor.bytes().next_multiple_of(ALIGNMENT);
    }
    data(out, &head)
}

/// Writes the data of the next tensor, up to where another may begin.
pub fn data(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let rest = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
    out.write_all(bytes)?;
    out.write_all(&[0; ALIGNMENT][..rest])
}

fn fact(head: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Count(count) => {
            head.extend(4_u32.to_le_bytes());
            head.extend(count.to_le_bytes());
        }
        Value::Real(real) => {
            head.extend(6_u32.to_le_bytes());
            head.extend(real.to_le_bytes());
        }
        Value::Text(words) => {
            head.extend(8_u32.to_le_bytes());
            text(head, words);
        }
    }
}

fn text(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file from its beginning, as the specification has it.
    struct Reader<'a>(&'a [u8]);

    impl Reader<'_> {
        fn take<const N: usize>(&mut self) -> [u8; N] {
            let (first, rest) = self.0.split_first_chunk().unwrap();
            self.0 = rest;
            *first
        }

        fn u32(&mut self) -> u32 {
            u32::from_le_bytes(self.take())
        }

        fn u64(&mut self) -> u64 {
            u64::from_le_bytes(self.take())
        }

        fn text(&mut self) -> String {
            let length = self.u64() as usize;
            let (text, rest) = self.0.split_at(length);
            self.0 = rest;
            String::from_utf8(text.to_vec()).unwrap()
        }
    }

    #[test]
    fn a_file_reads_back_as_the_specification_has_it() {
        let facts =
            [("a.name", Value::Text("x")), ("a.count", Value::Count(7)), ("a.real", Value::Real(0.5))];
        let tensors = [
            Tensor { name: "norm".into(), shape: vec![3], kind: Kind::F32 },
            Tensor { name: "matrix".into(), shape: vec![2, 64], kind: Kind::Q4_0 },
        ];
        let mut file = Vec::new();
        header(&mut file, &facts, &tensors).unwrap();
        let start = file.len();
        data(&mut file, &[1; 12]).unwrap();
        data(&mut file, &[2; 72]).unwrap();

        let mut reader = Reader(&file);
        assert_eq!((reader.take(), reader.u32(), reader.u64(), reader.u64()), (*b"GGUF", 3, 2, 3));
        assert_eq!((reader.text(), reader.u32(), reader.text()), ("a.name".into(), 8, "x".into()));
        assert_eq!((reader.text(), reader.u32(), reader.u32()), ("a.count".into(), 4, 7));
        assert_eq!((reader.text(), reader.u32(), reader.u32()), ("a.real".into(), 6, 0.5_f32.to_bits()));
        assert_eq!((reader.text(), reader.u32(), reader.u64()), ("norm".into(), 1, 3));
        assert_eq!((reader.u32(), reader.u64()), (0, 0));
        assert_eq!((reader.text(), reader.u32(), reader.u64(), reader.u64()), ("matrix".into(), 2, 64, 2));
        assert_eq!((reader.u32(), reader.u64()), (2, 32));

        assert_eq!((start % 32, file.len() % 32), (0, 0));
        assert_eq!((file[start], file[start + 31], file[start + 32], file[start + 103]), (1, 0, 2, 2));
    }
}
