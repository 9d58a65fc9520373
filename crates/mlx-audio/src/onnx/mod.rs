//! The tensors of an ONNX file, and what its nodes are called and take. Nothing is run.
//!
//! Field numbers are those of `onnx.proto`; what is not needed is passed over.

mod fields;
mod tensor;

use std::collections::BTreeMap;

use fields::Fields;

pub(crate) use fields::Problem;
pub(crate) use tensor::{Numbers, Tensor};

/// What a file holds: the tensors of the graph, with constants in it and in the graphs of its branches, and its nodes.
#[derive(Default)]
pub(crate) struct Onnx {
    pub(crate) tensors: BTreeMap<String, Tensor>,
    pub(crate) nodes: Vec<Node>,
}

/// A step of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// What it does, such as `MatMul`.
    pub(crate) op: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
}

/// Branches within branches that are looked into.
const MOST_DEEP: usize = 16;

impl Onnx {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        const GRAPH: u64 = 7;
        let mut found = Self::default();
        let graphs = Fields(bytes).messages(GRAPH)?;
        if graphs.is_empty() {
            return Err("is no ONNX file: it has no graph");
        }
        graphs.into_iter().try_for_each(|graph| found.graph(graph, MOST_DEEP))?;
        Ok(found)
    }

    fn graph(&mut self, graph: &[u8], depth: usize) -> Result<(), Problem> {
        const NODE: u64 = 1;
        const INITIALIZER: u64 = 5;
        for bytes in Fields(graph).messages(INITIALIZER)? {
            if let Some((name, tensor)) = Tensor::read(bytes)? {
                self.tensors.insert(name, tensor);
            }
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err("has more branches within each other than 16");
        };
        Fields(graph).messages(NODE)?.into_iter().try_for_each(|node| self.node(node, depth))
    }

    fn node(&mut self, bytes: &[u8], depth: usize) -> Result<(), Problem> {
        const TENSOR: u64 = 5;
        const GRAPH: u64 = 6;
        let first =
            |number| Ok::<_, Problem>(Fields(bytes).texts(number)?.into_iter().next().unwrap_or_default());
        let node = Node {
            name: first(3)?,
            op: first(4)?,
            inputs: Fields(bytes).texts(1)?,
            outputs: Fields(bytes).texts(2)?,
        };
        for attribute in Fields(bytes).messages(5)? {
            for tensor in Fields(attribute).messages(TENSOR)? {
                if let (Some((_, tensor)), Some(name)) = (Tensor::read(tensor)?, node.outputs.first()) {
                    self.tensors.insert(name.clone(), tensor);
                }
            }
            for graph in Fields(attribute).messages(GRAPH)? {
                self.graph(graph, depth)?;
            }
        }
        self.nodes.push(node);
        Ok(())
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

    fn tensor(shape: &[u8], kind: u8, name: &[u8], values: &[u8]) -> Vec<u8> {
        let mut tensor: Vec<u8> = shape.iter().flat_map(|&size| [8, size]).collect();
        tensor.extend([16, kind]);
        tensor.extend(field(8, name));
        tensor.extend(values);
        tensor
    }

    fn singles(shape: &[u8], name: &[u8], values: &[f32]) -> Vec<u8> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensor(shape, 1, name, &field(9, &bytes))
    }

    /// A file with initializers `a` `[2]` of singles, `q` `[3]` and `z` of small numbers, and, in a branch, a constant `b`
    /// `[1, 1]`.
    fn file() -> Vec<u8> {
        let constant = [field(2, b"b"), field(5, &field(5, &singles(&[1, 1], b"", &[4.5])))].concat();
        let branch =
            [field(5, &field(6, &field(1, &constant))), field(3, b"/n/If"), field(4, b"If")].concat();
        let branch = [branch, field(1, b"a"), field(1, b"q")].concat();
        let graph = [
            field(5, &singles(&[2], b"a", &[1.0, -2.0])),
            field(5, &tensor(&[3], 3, b"q", &field(9, &[1, 255, 128]))),
            // As numbers that lie behind each other, the second of which takes two bytes.
            field(5, &tensor(&[2], 2, b"z", &field(5, &[7, 200, 1]))),
            field(1, &branch),
        ];
        [vec![8, 9], field(7, &graph.concat())].concat()
    }

    #[test]
    fn tensors_are_found_in_the_graph_and_in_its_branches() {
        let Onnx { tensors, .. } = Onnx::read(&file()).unwrap();
        assert_eq!(tensors["a"], Tensor { shape: vec![2], numbers: Numbers::Single(vec![1.0, -2.0]) });
        assert_eq!(tensors["b"], Tensor { shape: vec![1, 1], numbers: Numbers::Single(vec![4.5]) });
        assert_eq!(tensors["q"], Tensor { shape: vec![3], numbers: Numbers::Small(vec![1, -1, -128]) });
        assert_eq!(tensors["z"], Tensor { shape: vec![2], numbers: Numbers::Byte(vec![7, 200]) });
        assert_eq!(tensors.len(), 4);
    }

    #[test]
    fn nodes_say_what_they_are_and_take() {
        let nodes = Onnx::read(&file()).unwrap().nodes;
        let found = nodes.iter().find(|node| node.op == "If").unwrap();
        assert_eq!((found.name.as_str(), found.inputs.join(" ")), ("/n/If", "a q".to_owned()));
        assert!(nodes.iter().any(|node| node.outputs == ["b"]));
    }

    #[test]
    fn damage_never_panics_and_sizes_always_fit() {
        let whole = file();
        assert!(Onnx::read(b"").is_err() && Onnx::read(b"RIFF....").is_err());
        for at in 0..whole.len() {
            let _ = Onnx::read(&whole[..at]);
            for change in 1..=255_u8 {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                for tensor in Onnx::read(&bytes).unwrap_or_default().tensors.into_values() {
                    assert_eq!(tensor.shape.iter().product::<i32>() as usize, tensor.numbers.len());
                }
            }
        }
    }
}
