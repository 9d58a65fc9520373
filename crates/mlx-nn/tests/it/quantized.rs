//! Quantized layers against the reference.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, Quantization, QuantizationMode, Quantized};
use mlx_nn::{Embedding, Module, QqLinear, Weights};
use mlx_testkit::{Golden, cases};
use serde_json::Value;

use crate::fixture;
use crate::layer_case::{LayerCase, relative_error};

/// A case of `quant.json` and what it names.
struct Case {
    golden: Golden,
    json: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let golden = Golden::open(fixture::golden("mlx-nn", "quant.safetensors"));
        let cases = cases(fixture::golden("mlx-nn", "quant.json"));
        cases.into_iter().map(|json| Self { golden: golden.clone(), json }).collect()
    }

    fn name(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap()
    }

    fn array(&self, key: &str) -> Array {
        fixture::array(&self.golden, self.name(key))
    }

    fn assert_close(&self, key: &str, actual: &Array) {
        fixture::assert_close(&self.golden, self.name(key), actual);
    }

    fn scheme(&self) -> Quantization {
        let int = |key: &str| self.json[key].as_i64().unwrap() as i32;
        let mode = QuantizationMode::named(self.name("mode")).unwrap();
        Quantization { mode, bits: int("bits"), group_size: int("group_size") }
    }

    fn quantized(&self) -> Quantized {
        let biases = self.json.get("biases").map(|_| self.array("biases"));
        Quantized::new(self.array("packed"), self.array("scales"), biases, self.scheme())
    }

    /// The matrix as a checkpoint's layer `w`, with the shape that it has unpacked.
    fn checkpoint(&self) -> (Weights, [i32; 2]) {
        let Quantized { weight, scales, biases, .. } = self.quantized();
        let mut arrays = BTreeMap::from([("w.weight".to_owned(), weight), ("w.scales".to_owned(), scales)]);
        arrays.extend(biases.map(|biases| ("w.biases".to_owned(), biases)));
        (Weights::new(arrays, None), self.array("weight").dims().unwrap())
    }
}

#[test]
fn quantized_matrices_agree_with_mlx() {
    for case in Case::all() {
        let quantized = case.quantized();
        case.assert_close("dequantized", &quantized.dequantize(Some(Dtype::Float32)).unwrap());
        case.assert_close("matmul", &case.array("x").quantized_matmul(&quantized).unwrap());
    }
}

#[test]
fn a_linear_layer_finds_its_scheme_in_the_shapes() {
    for case in Case::all() {
        let (weights, shape) = case.checkpoint();
        let layer = weights.build(|w| w.linear("w", shape)).unwrap();
        case.assert_close("matmul", &layer.forward(&case.array("x")).unwrap());
    }
}

#[test]
fn an_embedding_unpacks_the_rows_it_is_asked_for() {
    for case in Case::all() {
        let (weights, shape) = case.checkpoint();
        let embedding = weights.build(|w| w.embedding("w", shape)).unwrap();
        assert_eq!(embedding.shape().unwrap(), shape);
        case.assert_close("matmul", &embedding.as_linear(&case.array("x")).unwrap());

        let rows = [5, 0, 5, 7];
        let ids = Array::from(rows).reshape([2, 2]).unwrap();
        let vectors = embedding.forward(&ids).unwrap();
        assert_eq!(vectors.shape(), [2, 2, shape[1]]);
        let all = case.golden.f32(case.name("dequantized"));
        let expected: Vec<_> = rows
            .iter()
            .flat_map(|&row| all.chunks(shape[1] as usize).nth(row as usize).unwrap())
            .copied()
            .collect();
        let vectors = vectors.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
        mlx_testkit::assert_close(&vectors, &expected, mlx_testkit::Tolerance::F32);
    }
}

#[test]
fn a_dense_embedding_takes_rows() {
    let table = Array::from([[0.0_f32, 1.0], [2.0, 3.0], [4.0, 5.0]]);
    let embedding = Embedding::new(table);
    let vectors = embedding.forward(&Array::from([[2, 0]])).unwrap();
    assert_eq!(vectors.shape(), [1, 2, 2]);
    assert_eq!(vectors.to_vec::<f32>().unwrap(), [4.0, 5.0, 0.0, 1.0]);
    let scores = embedding.as_linear(&Array::from([[1.0_f32, 10.0]])).unwrap();
    assert_eq!(scores.to_vec::<f32>().unwrap(), [10.0, 32.0, 54.0]);
}

const ROWS: i32 = 8;

#[test]
fn gradients_of_quantized_and_dense_layers_are_those_of_python() {
    for case in &LayerCase::all("quantized") {
        let columns = case.int("columns");
        match (case.text("layer"), case.text("name").ends_with("-linear")) {
            ("QuantizedLinear" | "Linear", _) => case.check(
                |w| w.linear_with_bias("", [ROWS, columns], case.flag("bias")),
                |layer, x| Ok(vec![layer.forward(&x[0])?]),
            ),
            ("QuantizedEmbedding" | "Embedding", as_linear) => case.check(
                |w| w.embedding("", [ROWS, columns]),
                |layer, x| {
                    Ok(vec![if as_linear { layer.as_linear(&x[0])? } else { layer.forward(&x[0])? }])
                },
            ),
            ("QQLinear", _) => case.check(
                |w| QqLinear::load(w, [case.int("rows"), columns], qq_scheme(case.text("mode"))),
                |layer, x| Ok(vec![layer.forward(&x[0])?]),
            ),
            (unknown, _) => panic!("{unknown} is not tested"),
        }
    }
}

fn qq_scheme(mode: &str) -> Quantization {
    match QuantizationMode::named(mode).unwrap() {
        QuantizationMode::Mxfp8 => Quantization { mode: QuantizationMode::Mxfp8, bits: 8, group_size: 32 },
        mode => Quantization { mode, bits: 4, group_size: 16 },
    }
}

#[test]
fn a_layer_that_quantizes_its_input_gives_the_same_from_a_quantized_weight() {
    for case in LayerCase::all("quantized").iter().filter(|case| case.text("layer") == "QQLinear") {
        let (weight, x) = (&case.arrays("parameter")["weight"], &case.arrays("input")["0"]);
        let scheme = qq_scheme(case.text("mode"));
        let layer = QqLinear::new(weight.clone(), scheme).unwrap().quantize().unwrap();
        let expected = &case.arrays("output")["0"];
        assert!(relative_error(&layer.forward(x).unwrap(), expected) <= 1e-6);
        let names: Vec<_> = layer.parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["scales", "weight"]);
        let dense = layer.dequantize().unwrap();
        assert!(relative_error(&dense.forward(x).unwrap(), expected) <= 1e-6);
        let row = x.index((0, 0)).unwrap();
        assert_eq!(dense.forward(&row).unwrap().shape(), [case.int("rows")]);
    }
}

#[test]
fn a_scheme_that_quantizes_no_input_is_refused() {
    let weight = Array::ones([32, 32], Dtype::Float32).unwrap();
    let error = QqLinear::new(weight.clone(), Quantization::affine(4, 32)).unwrap_err();
    let refused = "mode: affine 4-bit, groups of 32 does not quantize inputs: nvfp4 and mxfp8 do";
    assert_eq!(error.to_string(), refused);
    let stored = Quantized::of(&weight, qq_scheme("mxfp8")).unwrap();
    let error = QqLinear::new(stored, qq_scheme("nvfp4")).unwrap_err();
    let differs = "mode: the weight is mxfp8 8-bit, groups of 32, not nvfp4 4-bit, groups of 16";
    assert_eq!(error.to_string(), differs);
}
