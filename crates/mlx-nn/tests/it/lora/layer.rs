//! One adapted layer against mlx-lm.

use mlx_core::random::Key;
use mlx_core::{Array, Closeness, Dtype, Quantization, QuantizationMode, Quantized, Result, transform};
use mlx_nn::lora::{self, Options};
use mlx_nn::{Embedding, Linear, Matrix, Module};
use mlx_testkit::{Golden, cases};
use serde_json::Value;

use super::with;
use crate::fixture;

/// A case of `lora.json` and what it names.
struct Case {
    golden: Golden,
    json: Value,
}

/// A layer of a case, and how the case uses it.
#[derive(Clone, Debug, Module)]
enum Layer {
    Linear(Linear),
    Rows(Embedding),
    AsLinear(Embedding),
}

impl Layer {
    fn forward(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Linear(layer) => layer.forward(x),
            Self::Rows(table) => table.forward(x),
            Self::AsLinear(table) => table.as_linear(x),
        }
    }
}

impl Case {
    fn all() -> Vec<Self> {
        let golden = Golden::open(fixture::golden("mlx-nn", "lora.safetensors"));
        let cases = cases(fixture::golden("mlx-nn", "lora.json"));
        cases.into_iter().map(|json| Self { golden: golden.clone(), json }).collect()
    }

    fn name(&self) -> &str {
        self.json["name"].as_str().unwrap()
    }

    /// An array of the layer.
    fn array(&self, key: &str) -> Array {
        fixture::array(&self.golden, &format!("{}.{key}", self.name()))
    }

    /// An array of this use of the layer.
    fn used(&self, key: &str) -> Array {
        self.array(&format!("{}.{key}", self.json["use"].as_str().unwrap()))
    }

    fn assert_close(&self, key: &str, actual: &Array) {
        fixture::assert_close(&self.golden, &format!("{}.{key}", self.name()), actual);
    }

    fn assert_used_close(&self, key: &str, actual: &Array) {
        self.assert_close(&format!("{}.{key}", self.json["use"].as_str().unwrap()), actual);
    }

    fn list(&self, key: &str) -> Vec<&str> {
        self.json[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
    }

    fn base(&self) -> Matrix {
        let Some(mode) = self.json.get("mode") else { return self.array("weight").into() };
        let int = |key: &str| self.json[key].as_i64().unwrap() as i32;
        let mode = QuantizationMode::named(mode.as_str().unwrap()).unwrap();
        let scheme = Quantization { mode, bits: int("bits"), group_size: int("group_size") };
        let biases = self.list("base").contains(&"biases").then(|| self.array("biases"));
        Quantized::new(self.array("weight"), self.array("scales"), biases, scheme).into()
    }

    /// The layer with the adapter of the fixture.
    fn layer(&self) -> Layer {
        let bias = self.list("base").contains(&"bias").then(|| self.array("bias"));
        let mut layer = match self.json["use"].as_str().unwrap() {
            "linear" => Layer::Linear(Linear::new(self.base(), bias)),
            "rows" => Layer::Rows(Embedding::new(self.base())),
            "as_linear" => Layer::AsLinear(Embedding::new(self.base())),
            unknown => panic!("{unknown} is not tested"),
        };
        let scale = self.json["scale"].as_f64().unwrap() as f32;
        let magnitudes = self.list("parameters").contains(&"m");
        let options = Options { rank: 3, scale, dropout: 0.0, magnitudes };
        lora::attach(&mut layer, &options, |_| true, &Key::new(0).unwrap()).unwrap();
        with(&layer, |path| lora::is_parameter(path).then(|| self.array(path)))
    }
}

#[test]
fn adapted_layers_agree_with_mlx_lm() {
    for case in Case::all() {
        case.assert_used_close("output", &case.layer().forward(&case.used("x")).unwrap());
    }
    assert_eq!(Case::all().len(), 13);
}

#[test]
fn gradients_of_inputs_and_adapters_agree_with_mlx_lm() {
    for case in Case::all() {
        let (layer, x) = (case.layer(), case.used("x"));
        let names = case.list("gradients");
        let variables: Vec<_> =
            names.iter().map(|&name| if name == "x" { x.clone() } else { case.array(name) }).collect();
        let apply = |variables: &Vec<Array>| {
            let variable = |name: &str| names.iter().position(|&n| n == name).map(|at| variables[at].clone());
            with(&layer, variable).forward(&variable("x").unwrap_or_else(|| x.clone()))
        };
        let (_, gradients) = transform::vjp(apply, &variables, &case.used("cotangent")).unwrap();
        for (name, gradient) in names.iter().zip(&gradients) {
            case.assert_used_close(&format!("d_{name}"), gradient);
        }
    }
}

#[test]
fn fused_layers_agree_with_mlx_lm() {
    for case in Case::all() {
        let mut layer = case.layer();
        lora::fuse(&mut layer, false).unwrap();
        let fused = layer.parameters();
        let weight = fused.get("weight").unwrap();
        case.assert_close("fused", weight);
        if weight.dtype() == Dtype::Float32 {
            case.assert_used_close("output", &layer.forward(&case.used("x")).unwrap());
        }
    }
}

#[test]
fn a_quantized_layer_is_quantized_again_when_it_is_fused() {
    let quantized = Case::all().into_iter().filter(|case| case.json.get("mode").is_some());
    for case in quantized {
        let mut layer = case.layer();
        lora::fuse(&mut layer, true).unwrap();
        for (path, array) in layer.parameters() {
            if array.dtype() == Dtype::Uint32 {
                let expected = case.array(&format!("packed.{path}"));
                assert!(array.array_equal(&expected, false).unwrap(), "{}: {path}", case.name());
            } else {
                case.assert_close(&format!("packed.{path}"), &array);
            }
        }
    }
}

#[test]
fn a_new_adapter_changes_nothing() {
    for magnitudes in [false, true] {
        for case in Case::all() {
            let mut layer = case.layer();
            lora::detach(&mut layer).unwrap();
            let before = layer.forward(&case.used("x")).unwrap();
            let options = Options { rank: 5, magnitudes, ..Options::default() };
            lora::attach(&mut layer, &options, |_| true, &Key::new(3).unwrap()).unwrap();
            let after = layer.forward(&case.used("x")).unwrap();
            assert!(after.allclose(&before, Closeness::default()).unwrap(), "{}", case.name());
        }
    }
}

#[test]
fn first_factors_are_uniform_within_the_root_of_their_inputs() {
    let mut layer = Linear::new(Array::zeros([256, 1024], Dtype::Float32).unwrap(), None);
    let options = Options { rank: 64, ..Options::default() };
    lora::attach(&mut layer, &options, |_| true, &Key::new(3).unwrap()).unwrap();
    let parameters = layer.parameters();
    let [a, b] = ["lora_a", "lora_b"].map(|name| parameters.get(name).unwrap());
    assert_eq!((a.shape(), b.shape()), ([1024, 64].as_slice(), [64, 256].as_slice()));
    let limit = 1.0 / 32.0;
    let most = a.abs().unwrap().max(..).unwrap().item::<f32>().unwrap();
    assert!(most <= limit && most > 0.999 * limit, "{most}");
    let deviation = a.std(.., 0).unwrap().item::<f32>().unwrap();
    assert!((deviation / (limit / 3_f32.sqrt()) - 1.0).abs() < 0.01, "{deviation}");
    assert_eq!(b.abs().unwrap().max(..).unwrap().item::<f32>().unwrap(), 0.0);
}
