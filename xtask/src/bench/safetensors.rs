//! Safetensors files: a header in JSON, then the tensors in its order.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

/// A tensor of the file.
pub struct Tensor {
    pub name: String,
    /// The outermost first.
    pub shape: Vec<usize>,
    pub kind: Kind,
}

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Bf16,
    F32,
    U32,
}

impl Tensor {
    /// How long its data is.
    pub fn bytes(&self) -> usize {
        let numbers: usize = self.shape.iter().product();
        match self.kind {
            Kind::Bf16 => numbers * 2,
            Kind::F32 | Kind::U32 => numbers * 4,
        }
    }
}

/// Writes all that comes before the data of the tensors, which follows without gaps.
pub fn header(out: &mut impl Write, tensors: &[Tensor]) -> io::Result<()> {
    let mut entries = Map::from_iter([("__metadata__".to_owned(), json!({ "format": "mlx" }))]);
    let mut start = 0;
    for tensor in tensors {
        let kind = match tensor.kind {
            Kind::Bf16 => "BF16",
            Kind::F32 => "F32",
            Kind::U32 => "U32",
        };
        let end = start + tensor.bytes();
        let entry = json!({ "dtype": kind, "shape": tensor.shape, "data_offsets": [start, end] });
        entries.insert(tensor.name.clone(), entry);
        start = end;
    }
    let mut text = Value::Object(entries).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    out.write_all(&(text.len() as u64).to_le_bytes())?;
    out.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_where_each_tensor_is() {
        let tensors = [
            Tensor { name: "b".into(), shape: vec![2, 8], kind: Kind::U32 },
            Tensor { name: "a".into(), shape: vec![3], kind: Kind::Bf16 },
            Tensor { name: "c".into(), shape: vec![2], kind: Kind::F32 },
        ];
        let mut file = Vec::new();
        header(&mut file, &tensors).unwrap();
        let (length, text) = file.split_first_chunk().unwrap();
        assert_eq!(u64::from_le_bytes(*length) as usize, text.len());
        assert_eq!(file.len() % 8, 0);
        let entries: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(entries["b"], json!({ "dtype": "U32", "shape": [2, 8], "data_offsets": [0, 64] }));
        assert_eq!(entries["a"], json!({ "dtype": "BF16", "shape": [3], "data_offsets": [64, 70] }));
        assert_eq!(entries["c"], json!({ "dtype": "F32", "shape": [2], "data_offsets": [70, 78] }));
    }
}
