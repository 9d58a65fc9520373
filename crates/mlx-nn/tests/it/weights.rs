//! What loading reports, and what it gives.

use std::collections::BTreeMap;

use mlx_core::{Array, Closeness, Dtype, Quantization, Quantized};
use mlx_nn::{Error, Head, Misshapen, Mlp, Module, QuantizationConfig, Report, Result, Weights};

/// The arrays of a checkpoint in the making.
#[derive(Clone, Default)]
struct Arrays(BTreeMap<String, Array>);

impl Arrays {
    fn dense(self, name: &str, shape: &[i32]) -> Self {
        self.stored(name, Array::ones(shape, Dtype::Float32).unwrap())
    }

    fn stored(mut self, name: &str, array: Array) -> Self {
        self.0.insert(name.to_owned(), array);
        self
    }

    fn quantized(mut self, layer: &str, shape: [i32; 2], scheme: Quantization) -> Self {
        let matrix = Quantized::of(&Array::ones(shape, Dtype::Float32).unwrap(), scheme).unwrap();
        for (part, array) in matrix.parameters() {
            self.0.insert(format!("{layer}.{part}"), array.clone());
        }
        self
    }

    fn weights(self) -> Weights {
        Weights::new(self.0, None)
    }

    fn declared(self, config: QuantizationConfig) -> Weights {
        Weights::new(self.0, Some(config))
    }
}

fn report<T>(built: Result<T>) -> Report {
    match built.err().expect("the load fails") {
        Error::Weights(report) => report,
        other => panic!("{other}"),
    }
}

fn misshapen(name: &str, found: &str, expected: &str) -> Misshapen {
    Misshapen { name: name.to_owned(), found: found.to_owned(), expected: expected.to_owned() }
}

#[test]
fn a_load_reports_every_fault_at_once() {
    let weights = Arrays::default()
        .dense("layers.0.gate_proj.weight", &[6, 4])
        .dense("layers.0.up_proj.weight", &[4, 6])
        .dense("layers.1.gate_proj.weight", &[6, 4])
        .dense("layers.1.gate_proj.bias", &[5])
        .stored("layers.1.up_proj.weight", Array::zeros([6, 4], Dtype::Uint8).unwrap())
        .quantized("layers.1.down_proj", [4, 32], Quantization::affine(4, 32))
        .dense("layers.2.gate_proj.weight", &[6, 4])
        .dense("lm_head.weight", &[3, 4])
        .weights();
    let built = weights
        .build(|w| w.each("layers", 2).map(|w| Mlp::load(&w, 4, 6, false)).collect::<Result<Vec<_>>>());
    let report = report(built);
    assert_eq!(report.missing, ["layers.0.down_proj.weight"]);
    let unused = ["layers.1.gate_proj.bias", "layers.2.gate_proj.weight", "lm_head.weight"];
    assert_eq!(report.unused, unused);
    let quantized = "[4, 4] uint32 with scales [4, 1] float32";
    let expected = [
        misshapen("layers.0.up_proj.weight", "[4, 6] float32", "[6, 4] float"),
        misshapen("layers.1.up_proj.weight", "[6, 4] uint8", "[6, 4] float"),
        misshapen("layers.1.down_proj.weight", quantized, "a quantized [4, 6]"),
    ];
    assert_eq!(report.misshapen, expected);
}

#[test]
fn a_report_counts_and_then_lists_in_one_line() {
    let report = Report {
        missing: vec!["a".to_owned(), "b".to_owned()],
        unused: vec!["c".to_owned()],
        misshapen: vec![misshapen("d", "[2] float32", "[3]")],
    };
    let text = "the weights do not fit the model: 2 missing, 1 unused, 1 misshapen; missing: a, b; unused: c; \
                misshapen: d (found [2] float32, expected [3])";
    assert_eq!(report.to_string(), text);
    assert_eq!(Error::from(report).to_string(), text);
}

#[test]
fn a_load_that_fits_is_returned() {
    let weights = Arrays::default().dense("norm.weight", &[4]).dense("blocks.0.sink", &[2, 1]).weights();
    let (norm, sink) = weights
        .build(|w| {
            Ok::<_, Error>((w.rms_norm("norm", 4, 1e-5)?, w.at("blocks").at(0).array("sink", [2, 1])?))
        })
        .unwrap();
    assert_eq!(norm.forward(&Array::ones([1, 4], Dtype::Float32).unwrap()).unwrap().shape(), [1, 4]);
    assert_eq!(sink.shape(), [2, 1]);
}

#[test]
fn an_error_of_the_loader_is_returned_as_it_is() {
    #[derive(Debug)]
    struct Mine(#[allow(dead_code, reason = "shown by Debug")] String);

    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self(error.to_string())
        }
    }

    let error = Arrays::default().weights().build(|_| Err::<(), _>(Mine("no".to_owned()))).unwrap_err();
    assert_eq!(error.0, "no");
    let error = Arrays::default().weights().build(|w| Ok::<_, Mine>(w.array("x", [1])?)).unwrap_err();
    assert!(error.0.contains("missing: x"), "{error:?}");
}

#[test]
fn a_scope_is_a_prefix_with_a_dot() {
    let weights = Arrays::default().dense("a.b", &[1]).dense("a.bc", &[2]).dense("ab", &[3]).weights();
    assert!(weights.contains("a.b") && weights.at("a").contains("bc"));
    assert!(!weights.contains("b") && !weights.at("a.b").contains("c"));
    weights.at("a").ignore(|_| true);
    assert_eq!(report(weights.finish()).unused, ["ab"]);
    weights.ignore(|key| key.ends_with('b'));
    weights.finish().unwrap();
}

#[test]
fn floats_take_the_type_asked_for_and_packed_elements_keep_theirs() {
    let weights = Arrays::default()
        .quantized("q", [4, 64], Quantization::affine(4, 32))
        .dense("d.weight", &[4])
        .dense("kept", &[1])
        .stored("ids", Array::from([1, 2]))
        .weights()
        .with_dtype(Some(Dtype::Bfloat16));
    let layer = weights.linear("q", [4, 64]).unwrap();
    let types: Vec<_> = layer.parameters().values().map(Array::dtype).collect();
    assert_eq!(types, [Dtype::Bfloat16, Dtype::Bfloat16, Dtype::Uint32]);
    let norm = weights.rms_norm("d", 4, 1e-5).unwrap();
    assert_eq!(norm.parameters().get("weight").unwrap().dtype(), Dtype::Bfloat16);
    assert_eq!(weights.array("ids", [2]).unwrap().dtype(), Dtype::Int32);
    assert_eq!(weights.clone().with_dtype(None).array("kept", [1]).unwrap().dtype(), Dtype::Float32);
    weights.finish().unwrap();
}

#[test]
fn a_tied_head_leaves_its_weight_in_the_file() {
    let arrays = Arrays::default().dense("embed.weight", &[5, 4]).dense("lm_head.weight", &[9, 9]);
    let tied = |arrays: Arrays, tied| {
        arrays.weights().build(|w| {
            let embedding = w.embedding("embed", [5, 4])?;
            Ok::<_, Error>((w.head("lm_head", &embedding, tied)?, embedding))
        })
    };
    let (head, embedding) = tied(arrays.clone(), true).unwrap();
    assert!(matches!(head, Head::Tied));
    let scores = head.forward(&Array::ones([1, 4], Dtype::Float32).unwrap(), &embedding).unwrap();
    assert_eq!(scores.to_vec::<f32>().unwrap(), [4.0; 5]);

    let untied = report(tied(arrays.clone(), false));
    assert_eq!(untied.misshapen, [misshapen("lm_head.weight", "[9, 9] float32", "[5, 4] float")]);
    assert_eq!(report(tied(arrays.dense("lm_head.bias", &[5]), true)).unused, ["lm_head.bias"]);
}

#[test]
fn an_own_head_has_the_shape_of_a_quantized_embedding() {
    let weights = Arrays::default()
        .quantized("embed", [5, 64], Quantization::affine(3, 32))
        .quantized("lm_head", [5, 64], Quantization::affine(8, 64))
        .weights();
    let embedding = weights.embedding("embed", [5, 64]).unwrap();
    let head = weights.build(|w| w.head("lm_head", &embedding, false)).unwrap();
    let scores = head.forward(&Array::ones([1, 64], Dtype::Float32).unwrap(), &embedding).unwrap();
    assert_eq!(scores.shape(), [1, 5]);
}

#[test]
fn a_bias_is_added_to_a_dense_and_to_a_quantized_product() {
    let bias = Array::from([1.0_f32, 2.0, 3.0, 4.0]);
    let weights = Arrays::default()
        .dense("d.weight", &[4, 64])
        .stored("d.bias", bias.clone())
        .quantized("q", [4, 64], Quantization::affine(8, 64))
        .stored("q.bias", bias)
        .weights();
    let layers = weights
        .build(|w| Ok::<_, Error>(["d", "q"].map(|name| w.linear_with_bias(name, [4, 64], true))))
        .unwrap();
    for layer in layers {
        let y = layer.unwrap().forward(&Array::ones([1, 64], Dtype::Float32).unwrap()).unwrap();
        assert!(
            y.allclose(Array::from([[65.0_f32, 66.0, 67.0, 68.0]]), Closeness::default()).unwrap(),
            "{y}"
        );
    }
}

#[test]
fn a_bias_that_the_config_asks_for_must_be_there_and_fit() {
    let load = |arrays: Arrays| {
        report(arrays.dense("d.weight", &[4, 8]).weights().build(|w| w.linear_with_bias("d", [4, 8], true)))
    };
    assert_eq!(load(Arrays::default()).missing, ["d.bias"]);
    let misfit = load(Arrays::default().dense("d.bias", &[5])).misshapen;
    assert_eq!(misfit, [misshapen("d.bias", "[5] float32", "[4] float")]);
}

#[test]
fn every_part_of_a_quantized_layer_is_checked() {
    let q4 = Quantization::affine(4, 32);
    let good = Arrays::default().quantized("w", [4, 64], q4);
    let load = |arrays: Arrays, shape| report(arrays.weights().build(|w| w.linear("w", shape)));

    let rows = load(good.clone(), [5, 64]).misshapen;
    let names: Vec<_> = rows.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["w.weight", "w.scales", "w.biases"]);
    assert_eq!(rows[0], misshapen("w.weight", "[4, 8] uint32", "[5, 8] uint32"));

    let bytes = good.clone().stored("w.scales", Array::zeros([4, 2], Dtype::Uint8).unwrap());
    assert_eq!(load(bytes, [4, 64]).unused, ["w.biases"], "32 groups of 4 bits with bytes are mxfp4");

    let mut no_biases = good.clone();
    no_biases.0.remove("w.biases");
    assert_eq!(load(no_biases, [4, 64]).missing, ["w.biases"]);

    let mut no_weight = good.clone();
    no_weight.0.remove("w.weight");
    assert_eq!(load(no_weight, [4, 64]).missing, ["w.weight"]);

    let cut = good.clone().stored("w.weight", Array::zeros([4, 9], Dtype::Uint32).unwrap());
    let found = "[4, 9] uint32 with scales [4, 2] float32";
    assert_eq!(load(cut, [4, 64]).misshapen, [misshapen("w.weight", found, "a quantized [4, 64]")]);

    let flat = good.stored("w.scales", Array::from(1.0_f32));
    assert_eq!(load(flat, [4, 64]).misshapen.len(), 1);
}

#[test]
fn the_declared_default_says_what_a_damaged_layer_should_be() {
    let arrays = Arrays::default()
        .quantized("w", [4, 64], Quantization::affine(4, 32))
        .stored("w.weight", Array::zeros([4, 9], Dtype::Uint32).unwrap());
    let weights = arrays.declared(QuantizationConfig::new(Quantization::affine(4, 32)));
    let report = report(weights.build(|w| w.linear("w", [4, 64])));
    assert_eq!(report.misshapen, [misshapen("w.weight", "[4, 9] uint32", "[4, 8] uint32")]);
}

#[test]
fn arrays_win_over_the_declared_default() {
    let arrays =
        Arrays::default().quantized("a", [4, 64], Quantization::affine(8, 32)).dense("b.weight", &[4, 64]);
    let weights = arrays.declared(QuantizationConfig::new(Quantization::affine(4, 64)));
    weights.build(|w| Ok::<_, Error>([w.linear("a", [4, 64])?, w.linear("b", [4, 64])?])).unwrap();
}

#[test]
fn a_layer_must_be_as_declared_for_it() {
    let config = QuantizationConfig::new(Quantization::affine(4, 64))
        .with_layer("m.right", Some(Quantization::affine(8, 32)))
        .with_layer("m.wrong", Some(Quantization::affine(6, 32)))
        .with_layer("m.not_dense", None)
        .with_layer("m.dense", None)
        .with_layer("m.not_packed", Some(Quantization::affine(4, 32)));
    let q8 = Quantization::affine(8, 32);
    let weights = Arrays::default()
        .quantized("m.right", [4, 64], q8)
        .quantized("m.wrong", [4, 64], q8)
        .quantized("m.not_dense", [4, 64], q8)
        .dense("m.dense.weight", &[4, 64])
        .dense("m.not_packed.weight", &[4, 64])
        .declared(config);
    let names = ["right", "wrong", "not_dense", "dense", "not_packed"];
    let load = |w: &Weights| {
        names.map(|name| w.at("m").linear(name, [4, 64])).into_iter().collect::<Result<Vec<_>>>()
    };
    let report = report(weights.build(load));
    let expected = [
        misshapen(
            "m.wrong.weight",
            "affine 8-bit, groups of 32",
            "affine 6-bit, groups of 32, as the config declares",
        ),
        misshapen("m.not_dense.weight", "[4, 16] uint32", "[4, 64] float"),
        misshapen("m.not_packed.weight", "[4, 64] float32", "[4, 8] uint32"),
    ];
    assert_eq!(report.misshapen, expected);
    assert_eq!(report.unused, ["m.not_dense.biases", "m.not_dense.scales"]);
    assert_eq!(report.missing, ["m.not_packed.scales", "m.not_packed.biases"]);
}

#[test]
fn a_scheme_that_mlx_lacks_does_not_divide_by_zero() {
    let arrays = Arrays::default().stored("w.scales", Array::from([[1.0_f32]]));
    let weights = arrays.declared(QuantizationConfig::new(Quantization::affine(0, 0)));
    assert_eq!(report(weights.build(|w| w.linear("w", [4, 64]))).missing, ["w.weight"]);
}
