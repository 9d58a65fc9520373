//! What the derive of `Module` makes of names, options and lists.

use mlx_core::{Array, Dtype, Quantization, Quantized, Tree};
use mlx_nn::{Embedding, Head, Linear, Module, Path, Rope};

fn paths(module: &impl Module) -> Vec<String> {
    let mut paths = Vec::new();
    module.visit(&mut Path::default(), &mut |path: &str, _: &Array| paths.push(path.to_owned()));
    paths
}

fn zeros(shape: &[i32]) -> Array {
    Array::zeros(shape, Dtype::Float32).unwrap()
}

#[derive(Module)]
struct Layer {
    weight: Array,
    bias: Option<Array>,
    scale: f32,
}

impl Layer {
    fn new(bias: bool) -> Self {
        Self { weight: zeros(&[2]), bias: bias.then(|| zeros(&[3])), scale: 1.0 }
    }
}

#[derive(Module)]
enum Kind {
    Plain(Layer),
    Pair(Layer, Box<Layer>),
    Named { inner: Layer },
    Nothing,
}

#[derive(Module)]
struct Model<M> {
    #[module(name = "model.wte")]
    table: Array,
    layers: Vec<M>,
    r#final: (Array, Layer),
    #[module(flatten)]
    rest: Layer,
    #[module(skip)]
    skipped: Vec<f32>,
    #[module(skip)]
    opaque: std::time::Duration,
    rope: Rope,
    heads: i32,
}

fn model<M>(layers: Vec<M>) -> Model<M> {
    Model {
        table: zeros(&[1]),
        layers,
        r#final: (zeros(&[4]), Layer::new(false)),
        rest: Layer::new(true),
        skipped: vec![1.0],
        opaque: std::time::Duration::ZERO,
        rope: Rope::new(8, 1e4, None, false, 64).unwrap(),
        heads: 2,
    }
}

#[test]
fn paths_are_the_names_of_fields() {
    let model = model(vec![Layer::new(true), Layer::new(false)]);
    let expected = [
        "model.wte",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "final.0",
        "final.1.weight",
        "weight",
        "bias",
    ];
    assert_eq!(paths(&model), expected);
    assert_eq!((model.layers[0].scale, model.heads, model.opaque.as_secs()), (1.0, 2, 0));
    assert_eq!(paths(&model.rope), Vec::<String>::new());
}

#[test]
fn variants_have_no_names() {
    let kinds = vec![
        Kind::Plain(Layer::new(false)),
        Kind::Pair(Layer::new(false), Box::new(Layer::new(true))),
        Kind::Named { inner: Layer::new(false) },
        Kind::Nothing,
    ];
    assert_eq!(paths(&kinds), ["0.weight", "1.0.weight", "1.1.weight", "1.1.bias", "2.inner.weight"]);
}

#[test]
fn visiting_mutably_replaces_every_parameter() {
    let mut model = model(vec![Layer::new(true)]);
    let mut visited = Vec::new();
    model.visit_mut(&mut Path::default(), &mut |path: &str, array: &mut Array| {
        visited.push(path.to_owned());
        *array = Array::ones(array.shape(), Dtype::Float16).unwrap();
    });
    assert_eq!(visited, paths(&model));
    assert!(model.parameters().values().all(|array| array.dtype() == Dtype::Float16));
    assert_eq!(model.skipped, [1.0]);
}

#[test]
fn the_tree_of_a_module_has_its_paths() {
    let leaves = |tree: &[(String, &Array)]| tree.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let model = model(vec![Layer::new(true), Layer::new(false)]);
    assert_eq!(leaves(&model.named_leaves()), paths(&model));
    let kinds =
        vec![Kind::Pair(Layer::new(false), Box::new(Layer::new(true))), Kind::Plain(Layer::new(true))];
    assert_eq!(leaves(&kinds.named_leaves()), paths(&kinds));
    assert!(!kinds.same_form(&vec![Kind::Nothing, Kind::Nothing]));
    let weight = Quantized::of(&zeros(&[4, 64]), Quantization::affine(4, 32)).unwrap();
    let linear = Linear::new(weight, Some(zeros(&[4])));
    assert_eq!(leaves(&linear.named_leaves()), paths(&linear));
    assert!(!linear.same_form(&Linear::new(zeros(&[4, 64]), Some(zeros(&[4])))));
}

#[test]
fn bytes_are_those_of_all_parameters() {
    assert_eq!(model(vec![Layer::new(true)]).nbytes(), 4 * (1 + 2 + 3 + 4 + 2 + 2 + 3));
    model(vec![Layer::new(true)]).eval().unwrap();
}

#[test]
fn a_dense_and_a_quantized_layer_have_the_names_of_a_checkpoint() {
    let dense = Linear::new(zeros(&[4, 64]), Some(zeros(&[4])));
    assert_eq!(paths(&dense), ["weight", "bias"]);
    let weight = Quantized::of(&zeros(&[4, 64]), Quantization::affine(4, 32)).unwrap();
    let quantized = Linear::new(weight.clone(), Some(zeros(&[4])));
    assert_eq!(paths(&quantized), ["weight", "scales", "biases", "bias"]);
    assert_eq!(paths(&Embedding::new(weight)), ["weight", "scales", "biases"]);
}

#[test]
fn a_tied_head_has_no_parameters_of_its_own() {
    assert_eq!(paths(&Head::Tied), Vec::<String>::new());
    assert_eq!(paths(&Head::Own(Linear::new(zeros(&[4, 2]), None))), ["weight"]);
}
