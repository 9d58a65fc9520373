//! Quantizing models by predicate, and what a config says of it.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Quantization, QuantizationMode, Quantized};
use mlx_nn::{Embedding, Linear, Matrix, Mlp, Module, QuantizationConfig, Result, Weights, init};

#[derive(Clone, Debug, Module)]
struct Model {
    embed: Embedding,
    layers: Vec<Mlp>,
    head: Linear,
}

impl Model {
    fn load(w: &Weights) -> Result<Self> {
        Ok(Self {
            embed: w.embedding("embed", [8, 128])?,
            layers: w.each("layers", 2).map(|w| Mlp::load(&w, 128, 256, true)).collect::<Result<_>>()?,
            head: w.linear("head", [96, 128])?,
        })
    }
}

fn model() -> Model {
    Weights::init(Key::new(5).unwrap()).build(Model::load).unwrap()
}

/// Every scheme that MLX has kernels for.
fn schemes() -> Vec<Quantization> {
    let affine = [2, 3, 4, 5, 6, 8].into_iter();
    let affine = affine.flat_map(|bits| [32, 64, 128].map(|group| Quantization::affine(bits, group)));
    let floats = [
        (QuantizationMode::Mxfp4, 4, 32),
        (QuantizationMode::Mxfp8, 8, 32),
        (QuantizationMode::Nvfp4, 4, 16),
    ];
    affine.chain(floats.map(|(mode, bits, group_size)| Quantization { mode, bits, group_size })).collect()
}

fn values(array: &Array) -> Vec<f32> {
    array.astype(Dtype::Float32).unwrap().to_vec().unwrap()
}

#[test]
fn every_scheme_quantizes_a_whole_model_as_mlx_does() {
    for scheme in schemes() {
        let (dense, mut model) = (model(), model());
        let config = model.quantize(scheme, |_, _| Some(scheme)).unwrap();
        assert_eq!(config, QuantizationConfig::new(scheme));
        let parameters = model.parameters();
        for path in ["embed", "layers.0.gate_proj", "layers.1.down_proj", "head"] {
            let weight = dense.parameters().get(&format!("{path}.weight")).unwrap().clone();
            let expected = Quantized::of(&weight, scheme).unwrap();
            let part = |name: &str| parameters.get(&format!("{path}.{name}")).map(values);
            assert_eq!(part("scales"), Some(values(&expected.scales)), "{path} {scheme}");
            assert_eq!(part("biases"), expected.biases.as_ref().map(values), "{path} {scheme}");
        }
        assert!(parameters.get("layers.0.gate_proj.bias").is_some());
    }
}

#[test]
fn a_quantized_model_computes_what_its_unpacked_one_does() {
    let x = init::normal([2, 128], 0.0, 1.0, Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    for scheme in schemes() {
        let mut model = model();
        model.quantize(scheme, |_, _| Some(scheme)).unwrap();
        let quantized = values(&model.head.forward(&x).unwrap());
        model.dequantize(Some(Dtype::Float32), |_, _| true).unwrap();
        assert!(!model.parameters().names().any(|name| name.ends_with("scales")));
        mlx_testkit::assert_close(
            &quantized,
            &values(&model.head.forward(&x).unwrap()),
            mlx_testkit::Tolerance::F32,
        );
    }
}

#[test]
fn layers_have_schemes_of_their_own_and_a_config_that_loads_them() {
    let (mut model, four) = (model(), Quantization::affine(4, 64));
    let eight = Quantization::affine(8, 32);
    let config = model.quantize(four, |path, matrix| match path {
        "head" => None,
        "embed" => Some(eight),
        _ => matrix.shape().is_ok_and(|[rows, _]| rows > 128).then_some(four),
    });
    let config = config.unwrap();
    let dense = |path: &str, config: QuantizationConfig| config.with_layer(path, None);
    let expected = QuantizationConfig::new(four).with_layer("embed", Some(eight));
    let expected = dense("head", dense("layers.0.down_proj", dense("layers.1.down_proj", expected)));
    assert_eq!(config, expected);

    let json = serde_json::to_string(&config).unwrap();
    let expected = r#"{"group_size":64,"bits":4,"mode":"affine","#.to_owned()
        + r#""embed":{"group_size":32,"bits":8,"mode":"affine"},"head":false,"#
        + r#""layers.0.down_proj":false,"layers.1.down_proj":false}"#;
    assert_eq!(json, expected);
    let read: QuantizationConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(read, config);

    let again = Weights::new(model.parameters().into(), Some(read)).build(Model::load).unwrap();
    let names = |model: &Model| model.parameters().names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&again), names(&model));
}

#[test]
fn a_quantized_matrix_keeps_its_scheme() {
    let (mut model, four, eight) = (model(), Quantization::affine(4, 64), Quantization::affine(8, 64));
    model.quantize(eight, |path, _| (path == "head").then_some(eight)).unwrap();
    let head = values(model.parameters().get("head.scales").unwrap());
    let config = model.quantize(four, |_, _| Some(four)).unwrap();
    assert_eq!(config, QuantizationConfig::new(four).with_layer("head", Some(eight)));
    assert_eq!(values(model.parameters().get("head.scales").unwrap()), head);
}

#[test]
fn matrices_that_do_not_divide_are_all_listed_and_nothing_is_quantized() {
    let w = Weights::init(Key::new(1).unwrap());
    let mut layers = vec![
        w.linear("a", [4, 48]).unwrap(),
        w.linear("b", [4, 64]).unwrap(),
        w.linear("c", [4, 8]).unwrap(),
    ];
    let scheme = Quantization::affine(4, 64);
    let error = layers.quantize(scheme, |_, _| Some(scheme)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "quantization: 0: 48 columns do not divide into groups of 64, 2: 8 columns do not divide into groups of 64: \
         choose other schemes for them, or none"
    );
    assert_eq!(layers.parameters().len(), 3);
    let seven = Quantization::affine(7, 64);
    let error = layers.quantize(seven, |path, _| (path == "1").then_some(seven)).unwrap_err();
    assert!(error.to_string().contains("1: MLX does not know affine 7-bit"), "{error}");
}

#[test]
fn what_is_unpacked_has_the_type_asked_for() {
    let (mut model, scheme) = (model(), Quantization::affine(8, 64));
    model.quantize(scheme, |_, _| Some(scheme)).unwrap();
    model
        .dequantize(Some(Dtype::Bfloat16), |path, matrix: &Matrix| {
            assert!(matches!(matrix, Matrix::Quantized(_)));
            path == "head"
        })
        .unwrap();
    let parameters = model.parameters();
    assert_eq!(parameters.get("head.weight").unwrap().dtype(), Dtype::Bfloat16);
    assert_eq!(parameters.get("embed.weight").unwrap().dtype(), Dtype::Uint32);
}

#[test]
fn floats_are_given_another_type_by_path_and_packed_elements_are_not() {
    let (mut model, scheme) = (model(), Quantization::affine(8, 64));
    model.quantize(scheme, |path, _| (path == "head").then_some(scheme)).unwrap();
    model.set_dtype(Dtype::Bfloat16, |path| path != "embed.weight").unwrap();
    for (path, array) in model.parameters() {
        let expected = match path.as_str() {
            "embed.weight" => Dtype::Float32,
            "head.weight" => Dtype::Uint32,
            _ => Dtype::Bfloat16,
        };
        assert_eq!(array.dtype(), expected, "{path}");
    }
}
