//! The tensors of an ONNX file, without its graph.
//!
//! Field numbers are those of `onnx.proto`. A file is a message of fields, each a key and a value; what is not needed is
//! passed over.

use std::collections::BTreeMap;

/// What is wrong with a file.
type Problem = &'static str;

/// Shapes and values by name.
pub(super) type Singles = BTreeMap<String, (Vec<i32>, Vec<f32>)>;

/// Tensors of singles by name: those of the graph, and constants in it and in the graphs of its branches.
pub(super) fn singles(bytes: &[u8]) -> Result<Singles, Problem> {
    const GRAPH: u64 = 7;
    let mut found = BTreeMap::new();
    let graph = Fields(bytes).messages(GRAPH)?;
    if graph.is_empty() {
        return Err("is no ONNX file: it has no graph");
    }
    graph.into_iter().try_for_each(|graph| in_graph(graph, MOST_DEEP, &mut found))?;
    Ok(found)
}

/// Branches within branches that are looked into.
const MOST_DEEP: usize = 16;
const CUT: Problem = "is cut off or damaged: fetch it again";

fn in_graph(graph: &[u8], depth: usize, found: &mut Singles) -> Result<(), Problem> {
    const NODE: u64 = 1;
    const INITIALIZER: u64 = 5;
    for tensor in Fields(graph).messages(INITIALIZER)? {
        in_tensor(tensor, None, found)?;
    }
    let Some(depth) = depth.checked_sub(1) else { return Err("has more branches within each other than 16") };
    Fields(graph).messages(NODE)?.into_iter().try_for_each(|node| in_node(node, depth, found))
}

fn in_node(node: &[u8], depth: usize, found: &mut Singles) -> Result<(), Problem> {
    const OUTPUT: u64 = 2;
    const ATTRIBUTE: u64 = 5;
    const TENSOR: u64 = 5;
    const GRAPH: u64 = 6;
    let name = Fields(node).messages(OUTPUT)?.first().copied();
    for attribute in Fields(node).messages(ATTRIBUTE)? {
        for tensor in Fields(attribute).messages(TENSOR)? {
            in_tensor(tensor, name, found)?;
        }
        for graph in Fields(attribute).messages(GRAPH)? {
            in_graph(graph, depth, found)?;
        }
    }
    Ok(())
}

/// Keeps a tensor if it holds singles, under the name of what it is the constant of, or its own.
fn in_tensor(tensor: &[u8], constant: Option<&[u8]>, found: &mut Singles) -> Result<(), Problem> {
    let (mut shape, mut kind, mut name, mut raw) = (Vec::new(), 0, constant.unwrap_or_default(), None);
    let mut rest = Fields(tensor);
    while let Some((field, value)) = rest.next()? {
        match (field, value) {
            (1, Field::Number(size)) => shape.push(i32::try_from(size).map_err(|_| CUT)?),
            (1, Field::Message(packed)) => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    shape.push(i32::try_from(packed.number()?).map_err(|_| CUT)?);
                }
            }
            (2, Field::Number(number)) => kind = number,
            (8, Field::Message(own)) if constant.is_none() => name = own,
            // Singles are listed, or given as they lie in memory; either is the same bytes.
            (4 | 9, Field::Message(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    const FLOAT: u64 = 1;
    let Some(raw) = raw.filter(|_| kind == FLOAT) else { return Ok(()) };
    let (numbers, odd) = raw.as_chunks();
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size as usize));
    if !odd.is_empty() || count != Some(numbers.len()) {
        return Err(CUT);
    }
    let numbers = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    found.insert(String::from_utf8_lossy(name).into_owned(), (shape, numbers));
    Ok(())
}

/// The fields of a message that are left.
struct Fields<'a>(&'a [u8]);

enum Field<'a> {
    Number(u64),
    Message(&'a [u8]),
    Other,
}

impl<'a> Fields<'a> {
    /// The bytes of the fields of this number.
    fn messages(mut self, number: u64) -> Result<Vec<&'a [u8]>, Problem> {
        let mut messages = Vec::new();
        while let Some((field, value)) = self.next()? {
            if let (true, Field::Message(bytes)) = (field == number, value) {
                messages.push(bytes);
            }
        }
        Ok(messages)
    }

    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Problem> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.number()?;
        let field = match key & 7 {
            0 => Field::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| CUT)?;
                Field::Message(self.take(length)?)
            }
            1 => self.take(8).map(|_| Field::Other)?,
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return Err("is no ONNX file"),
        };
        Ok(Some((key >> 3, field)))
    }

    /// A number, in sevens of bits from the lowest.
    fn number(&mut self) -> Result<u64, Problem> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("is no ONNX file")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, bytes.len() as u8];
        field.extend_from_slice(bytes);
        field
    }

    /// A file with an initializer `a` `[2]` and, in a branch, a constant `b` `[1, 1]`.
    fn file() -> Vec<u8> {
        let tensor = |shape: &[u8], name: &[u8], values: &[f32]| {
            let mut tensor: Vec<u8> = shape.iter().flat_map(|&size| [8, size]).collect();
            tensor.extend([16, 1]);
            tensor.extend(field(8, name));
            tensor.extend(field(9, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()));
            tensor
        };
        let constant = [field(2, b"b"), field(5, &field(5, &tensor(&[1, 1], b"", &[4.5])))].concat();
        let branch = field(5, &field(6, &field(1, &constant)));
        let graph = [field(5, &tensor(&[2], b"a", &[1.0, -2.0])), field(1, &branch)].concat();
        [vec![8, 9], field(7, &graph)].concat()
    }

    #[test]
    fn tensors_are_found_in_the_graph_and_in_its_branches() {
        let found = singles(&file()).unwrap();
        assert_eq!(found["a"], (vec![2], vec![1.0, -2.0]));
        assert_eq!(found["b"], (vec![1, 1], vec![4.5]));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn damage_never_panics_and_sizes_always_fit() {
        let whole = file();
        assert!(singles(b"").is_err() && singles(b"RIFF....").is_err());
        for at in 0..whole.len() {
            let _ = singles(&whole[..at]);
            for change in 1..=255_u8 {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                for (shape, values) in singles(&bytes).unwrap_or_default().into_values() {
                    assert_eq!(shape.iter().product::<i32>() as usize, values.len());
                }
            }
        }
    }
}
