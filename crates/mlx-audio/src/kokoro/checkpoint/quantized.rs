//! The weights of an ONNX export whose matrices are small integers.
//!
//! An export calls many of its weights by numbers, and equal ones by one name, so what they are is told by the nodes that
//! take them: `/encoder/F0.0/conv1/Conv_quant` is the module `predictor.F0.0.conv1`.

use std::collections::{BTreeMap, HashMap};

use mlx_core::{Array, concatenate};

use super::names::PARTS;
use crate::Result;
use crate::onnx::{Node, Numbers, Onnx, Tensor};

/// The weights as floats under the names of PyTorch. What is not there, the model will miss; what the inverse transform
/// multiplies by is no weight.
pub(super) fn weights(onnx: &Onnx) -> Result<BTreeMap<String, Array>> {
    let mut found = named(onnx)?;
    let nodes = onnx.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let readers = onnx.nodes.iter().filter_map(|node| Some((node.inputs.first()?.as_str(), node))).collect();
    let graph = Graph { onnx, nodes, readers };
    for node in &onnx.nodes {
        if let Some(path) = path(&node.name).filter(|path| !path.contains("istft")) {
            graph.take(node, &path, &mut found)?;
        }
    }
    Ok(found)
}

/// Floats that have the names of their modules.
fn named(onnx: &Onnx) -> Result<BTreeMap<String, Array>> {
    let mut found = BTreeMap::new();
    for (name, Tensor { shape, numbers }) in &onnx.tensors {
        let Some((_, path)) = name.split_once('.') else { continue };
        let is_module = path.split('.').next().is_some_and(|part| PARTS.contains(&part));
        let is_weight = ["weight", "bias", "gamma", "beta"].iter().any(|end| path.ends_with(end));
        if let (true, true, Numbers::Single(values)) =
            (is_module, is_weight || path.contains(".alpha"), numbers)
        {
            found.insert(path.to_owned(), Array::from_slice(values, shape)?);
        }
    }
    Ok(found)
}

struct Graph<'a> {
    onnx: &'a Onnx,
    nodes: HashMap<&'a str, &'a Node>,
    /// Nodes by what they take first.
    readers: HashMap<&'a str, &'a Node>,
}

impl Graph<'_> {
    /// Adds the weights that a node takes.
    fn take(&self, node: &Node, path: &str, found: &mut BTreeMap<String, Array>) -> Result<()> {
        let weight = format!("{path}.weight");
        match node.op.as_str() {
            "MatMulInteger" | "MatMul" => {
                if let Some(matrix) = self.second(node, path)? {
                    found.insert(weight, matrix.t()?.contiguous(false)?);
                }
            }
            "ConvInteger" | "Conv" | "ConvTranspose" => {
                if let Some(kernel) = self.second(node, path)? {
                    found.insert(weight, kernel);
                }
            }
            "Gather" => {
                let table = self.onnx.tensors.get(input(node, 0));
                let reader = node.outputs.first().and_then(|output| self.readers.get(output.as_str()));
                if let (Some(table), Some(reader)) = (table, reader) {
                    let table = self.floats(table, scales(reader, 1))?;
                    found.extend(table.map(|table| (weight, table)));
                }
            }
            "DynamicQuantizeLSTM" => self.memory(node, path, found)?,
            _ => {}
        }
        Ok(())
    }

    /// What the node of a module multiplies by, if it is a constant.
    fn second(&self, node: &Node, path: &str) -> Result<Option<Array>> {
        let name = input(node, 1);
        let Some(tensor) = self.onnx.tensors.get(name) else { return Ok(None) };
        // The product of its scale and that of what comes in is made beside it, or before its bias is added.
        let part = node.name.split('/').nth(1).unwrap_or_default();
        let beside = [format!("{}_scales_mul", node.name), format!("{part}.{path}.bias_scale_node")];
        let of_node = |name: &String| {
            let inputs = &self.nodes.get(name.as_str())?.inputs;
            inputs.iter().find(|input| self.onnx.tensors.contains_key(*input)).cloned()
        };
        let own = || format!("{}_scale", name.trim_end_matches("_quantized"));
        let scale = beside.iter().find_map(of_node).unwrap_or_else(own);
        let of_columns = node.op.starts_with("MatMul");
        self.floats(tensor, Scales { scale: &scale, zero: input(node, 3), of_columns })
    }

    /// Both directions, of which gates come in the order input, output, forget, cell: `[2, inputs, 4 · hidden]`.
    fn memory(&self, node: &Node, path: &str, found: &mut BTreeMap<String, Array>) -> Result<()> {
        let tensor = |at: usize| self.onnx.tensors.get(input(node, at));
        let (Some(inward), Some(state), Some(bias)) = (tensor(1), tensor(2), tensor(3)) else {
            return Ok(());
        };
        let inward = self.floats(inward, scales(node, 8))?;
        let state = self.floats(state, scales(node, 10))?;
        let (Some(inward), Some(state), Some(bias)) = (inward, state, self.floats(bias, scales(node, 0))?)
        else {
            return Ok(());
        };
        for (at, ending) in [(0, ""), (1, "_reverse")] {
            let biases = bias.index(at)?.split(2, 0)?;
            let [wx, wh] = [&inward, &state].map(|weights| in_order(&weights.index(at)?.t()?));
            found.insert(format!("{path}.weight_ih_l0{ending}"), wx?);
            found.insert(format!("{path}.weight_hh_l0{ending}"), wh?);
            for (bias, name) in biases.iter().zip(["bias_ih", "bias_hh"]) {
                found.insert(format!("{path}.{name}_l0{ending}"), in_order(bias)?);
            }
        }
        Ok(())
    }

    /// `(q - zero point) · scale`, if there is a scale; floats as they are.
    fn floats(&self, tensor: &Tensor, of: Scales<'_>) -> Result<Option<Array>> {
        let Tensor { shape, numbers } = tensor;
        if let Numbers::Single(values) = numbers {
            return Ok(Some(Array::from_slice(values, shape)?));
        }
        let all =
            |tensor: &Tensor| (0..tensor.numbers.len()).filter_map(|at| tensor.numbers.get(at)).collect();
        let Some(scales) = self.onnx.tensors.get(of.scale).map(all) else { return Ok(None) };
        let zeros: Vec<f32> = self.onnx.tensors.get(of.zero).map(all).unwrap_or_default();
        // Each entry of the first axis, or of the last, has its own, or all have one.
        let part = |list: &Vec<f32>, at: usize| {
            let place = if of.of_columns { at } else { at * list.len() / numbers.len() };
            list.get(place % list.len().max(1)).copied()
        };
        let value =
            |at: usize| Some((numbers.get(at)? - part(&zeros, at).unwrap_or(0.0)) * part(&scales, at)?);
        let values: Vec<f32> = (0..numbers.len()).filter_map(value).collect();
        Ok(Some(Array::from_vec(values, shape)?))
    }
}

/// What integers are multiplied by, and what is 0 among them: the names of constants.
#[derive(Clone, Copy)]
struct Scales<'a> {
    scale: &'a str,
    zero: &'a str,
    /// Whether they are those of the last axis.
    of_columns: bool,
}

/// Rows of the gates input, output, forget and cell in PyTorch's order: input, forget, cell, output.
fn in_order(rows: &Array) -> Result<Array> {
    match rows.split(4, 0)?.as_slice() {
        [input, output, forget, cell] => Ok(concatenate([input, forget, cell, output], 0)?),
        _ => Ok(rows.clone()),
    }
}

fn input(node: &Node, at: usize) -> &str {
    node.inputs.get(at).map_or("", String::as_str)
}

/// What a node takes at a place and behind it, for each entry of the first axis.
fn scales(node: &Node, at: usize) -> Scales<'_> {
    Scales { scale: input(node, at), zero: input(node, at + 1), of_columns: false }
}

/// The module that a node belongs to.
fn path(node: &str) -> Option<String> {
    let (scope, _) = node.strip_prefix('/')?.rsplit_once('/')?;
    let (_, scope) = scope.split_once('/')?;
    let mut path: Vec<&str> = Vec::new();
    for part in scope.split('/').map(unnumbered) {
        // A step of a sequence is called after the sequence.
        if path.last().is_some_and(|last| part.strip_prefix(last).is_some_and(|rest| rest.starts_with('.'))) {
            path.pop();
        }
        path.push(part);
    }
    let path = path.join(".");
    let part = path.split('.').next()?;
    // What the predictor calls from outside of itself has lost its name.
    Some(if PARTS.contains(&part) { path } else { format!("predictor.{path}") })
}

/// A module without the number that it has where it is called again: `query_11`.
fn unnumbered(part: &str) -> &str {
    match part.rsplit_once('_') {
        Some((module, number)) if number.bytes().all(|digit| digit.is_ascii_digit()) => module,
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_tell_their_modules() {
        for (node, module) in [
            ("/encoder/F0.0/conv1/Conv_quant", "predictor.F0.0.conv1"),
            ("/encoder/shared/LSTM_quant", "predictor.shared"),
            ("/encoder/predictor/lstm/LSTM_quant", "predictor.lstm"),
            ("/encoder/bert_encoder/MatMul_quant", "bert_encoder"),
            ("/encoder/text_encoder/cnn.0/cnn.0.0/Conv_quant", "text_encoder.cnn.0.0"),
            ("/decoder/decoder/asr_res/asr_res.0/Conv_quant", "decoder.asr_res.0"),
            ("/decoder/decoder/generator/ups.0/ConvTranspose", "decoder.generator.ups.0"),
            ("/encoder/bert/encoder/layer/ffn_output_3/MatMul_quant", "bert.encoder.layer.ffn_output"),
        ] {
            assert_eq!(path(node).as_deref(), Some(module));
        }
        assert_eq!(path("Gather_token_25"), None);
    }

    #[test]
    fn scales_are_of_all_or_of_an_axis() {
        let tensor = Tensor { shape: vec![2, 2], numbers: Numbers::Byte(vec![1, 2, 3, 4]) };
        let single = |numbers: Vec<f32>| Tensor {
            shape: vec![numbers.len() as i32],
            numbers: Numbers::Single(numbers),
        };
        let zero = Tensor { shape: vec![], numbers: Numbers::Byte(vec![2]) };
        let tensors = [("one", single(vec![0.5])), ("two", single(vec![1.0, 10.0])), ("zero", zero)];
        let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        let onnx = Onnx { tensors, nodes: Vec::new() };
        let graph = Graph { onnx: &onnx, nodes: HashMap::new(), readers: HashMap::new() };
        let floats =
            |scale, of_columns| graph.floats(&tensor, Scales { scale, zero: "zero", of_columns }).unwrap();
        let values = |scale, of_columns| floats(scale, of_columns).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(values("one", true), [-0.5, 0.0, 0.5, 1.0]);
        assert_eq!(values("one", false), [-0.5, 0.0, 0.5, 1.0]);
        assert_eq!(values("two", false), [-1.0, 0.0, 10.0, 20.0]);
        assert_eq!(values("two", true), [-1.0, 0.0, 1.0, 20.0]);
        assert!(floats("three", true).is_none());
    }
}
