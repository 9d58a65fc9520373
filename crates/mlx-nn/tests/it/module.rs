//! What every module can do: give its parameters, take others, be a tree.

use mlx_core::random::Key;
use mlx_core::transform::{Shapes, compile, grad, vmap};
use mlx_core::{Array, Dtype, Quantization, Quantized, Tree};
use mlx_nn::{
    Embedding, Error, Head, Layer, Linear, Misshapen, Module, Parameters, Path, Report, Result, Rope,
    Sequential, VisitMut, Weights,
};

#[derive(Clone, Debug, Module)]
struct Model {
    embed: Embedding,
    proj: Linear,
    #[module(buffer)]
    mean: Array,
    #[module(name = "lm_head")]
    head: Head,
    rope: Rope,
    steps: i32,
}

impl Model {
    fn load(w: &Weights) -> Result<Self> {
        let embed = w.embedding("embed", [5, 8])?;
        Ok(Self {
            proj: w.linear_with_bias("proj", [8, 8], true)?,
            mean: w.parameter("mean", [8], |shape, _| Array::zeros(shape, Dtype::Float32))?,
            head: w.head("lm_head", &embed, true)?,
            embed,
            rope: Rope::new(8, 1e4, None, false, 64)?,
            steps: 1,
        })
    }

    fn loss(&self, ids: &Array) -> mlx_core::Result<Array> {
        let x = self.proj.forward(&self.embed.forward(ids)?)?;
        self.head.forward(&(x - &self.mean)?, &self.embed)?.square()?.mean(..)
    }
}

fn model() -> Model {
    Weights::init(Key::new(3).unwrap()).build(Model::load).unwrap()
}

fn ids() -> Array {
    Array::from([[1, 2, 0]])
}

fn zeros(shape: &[i32], dtype: Dtype) -> Array {
    Array::zeros(shape, dtype).unwrap()
}

fn report(result: Result<()>) -> Report {
    match result {
        Err(Error::Weights(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn names(parameters: &Parameters) -> Vec<&str> {
    parameters.names().collect()
}

fn paths(tree: &impl Tree) -> Vec<String> {
    tree.named_leaves().into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_module_is_a_tree_of_its_parameters() {
    assert_eq!(paths(&model()), ["embed.weight", "proj.weight", "proj.bias", "mean"]);
    let copy = model().tree_map(|_, array| array + 1.0).unwrap();
    assert!(copy.same_form(&model()));
    assert!(!Model { steps: 2, ..model() }.same_form(&model()));
    let rope = Rope::new(8, 2e4, None, false, 64).unwrap();
    assert!(!Model { rope, ..model() }.same_form(&model()));
}

#[test]
fn a_tied_head_adds_to_the_gradient_of_its_embedding() {
    let gradient = grad(|m: &Model| m.loss(&ids()))(&model()).unwrap();
    // The row of a token that the text lacks: only the head reaches it.
    let row: Vec<f32> =
        gradient.parameters().get("embed.weight").unwrap().index(4).unwrap().to_vec().unwrap();
    assert!(row.iter().any(|&x| x.abs() > 1e-6), "{row:?}");
}

#[test]
fn a_module_is_an_argument_and_a_value_of_compiled_functions() {
    let step = compile(
        |(model, ids): &(Model, Array)| {
            let gradients = grad(|m: &Model| m.loss(ids))(model)?;
            model.tree_zip(&gradients, |_, weight, gradient| weight - (gradient * 0.1)?)
        },
        Shapes::Exact,
    );
    let (mut model, before) = (model(), model().loss(&ids()).unwrap().item::<f32>().unwrap());
    for _ in 0..3 {
        model = step(&(model, ids())).unwrap();
    }
    assert!(model.loss(&ids()).unwrap().item::<f32>().unwrap() < before);
}

#[test]
fn a_batch_of_modules_is_mapped() {
    let linear = Linear::new(Array::ones([3, 4, 2], Dtype::Float32).unwrap(), None);
    let x = Array::ones([1, 2], Dtype::Float32).unwrap();
    let y = vmap(|l: &Linear| l.forward(&x), 0, 0)(&linear).unwrap();
    assert_eq!(y.shape(), [3, 1, 4]);
}

#[test]
fn what_can_be_learned_are_floats_that_are_no_buffers() {
    let mut model = model();
    assert_eq!(names(&model.trainable(|_| true)), ["embed.weight", "proj.bias", "proj.weight"]);
    assert_eq!(names(&model.trainable(|path| path.ends_with("bias"))), ["proj.bias"]);
    let packed = Quantized::of(&zeros(&[8, 32], Dtype::Float32), Quantization::affine(4, 32)).unwrap();
    model.proj = Linear::new(packed, Some(zeros(&[8], Dtype::Float32)));
    assert_eq!(names(&model.trainable(|_| true)), ["embed.weight", "proj.bias"]);
    assert_eq!(model.parameters().len(), 6);
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let mut model = model();
    let before = model.parameters();
    let bias = Array::ones([8], Dtype::Bfloat16).unwrap();
    model.update(&Parameters::from_iter([("proj.bias", bias)])).unwrap();
    assert_eq!(model.proj.parameters().get("bias").unwrap().dtype(), Dtype::Bfloat16);
    for (path, array) in before.filter(|path| path != "proj.bias") {
        let after = model.parameters();
        assert_eq!(
            after.get(&path).unwrap().to_vec::<f32>().unwrap(),
            array.to_vec::<f32>().unwrap(),
            "{path}"
        );
    }
}

#[test]
fn parameters_that_do_not_fit_are_all_listed_and_change_nothing() {
    let mut model = model();
    let bad = Parameters::from_iter([
        ("proj.bias", zeros(&[9], Dtype::Float32)),
        ("proj.weight", zeros(&[8, 8], Dtype::Int32)),
        ("proj.scale", zeros(&[1], Dtype::Float32)),
        ("mean", zeros(&[8], Dtype::Float16)),
    ]);
    let misshapen = |name: &str, found: &str, expected: &str| Misshapen {
        name: name.into(),
        found: found.into(),
        expected: expected.into(),
    };
    let mut expected = Report {
        missing: vec![],
        unused: vec!["proj.scale".into()],
        misshapen: vec![
            misshapen("proj.weight", "[8, 8] int32", "[8, 8] float32"),
            misshapen("proj.bias", "[9] float32", "[8] float32"),
        ],
    };
    assert_eq!(report(model.update(&bad)), expected);
    expected.missing = vec!["embed.weight".into()];
    assert_eq!(report(model.replace(&bad)), expected);
    assert_eq!(model.mean.dtype(), Dtype::Float32);
}

#[test]
fn a_whole_set_of_parameters_replaces_all() {
    let mut model = model();
    let ones = model.parameters().map(|_, array| array.ones_like()).unwrap();
    model.replace(&ones).unwrap();
    assert!(
        model.parameters().values().all(|a| a.sum(..).unwrap().item::<f32>().unwrap() == a.size() as f32)
    );
}

#[test]
fn modules_are_named_by_path_and_known_by_type() {
    let model = model();
    let found: Vec<_> = model.named_modules();
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["", "embed", "embed", "proj", "proj", "lm_head"]);
    let linears: Vec<_> =
        found.iter().filter(|(_, module)| module.downcast_ref::<Linear>().is_some()).collect();
    assert_eq!(linears.len(), 1);
    assert_eq!(linears[0].0, "proj");
    assert!(found[0].1.type_name().ends_with("::Model"));
}

/// Exchanges linear layers for ones without a bias.
struct WithoutBias;

impl VisitMut for WithoutBias {
    fn parameter(&mut self, _: &str, _: &mut Array) {}

    fn module(&mut self, _: &str, module: &mut dyn Module) {
        if let Some(linear) = module.downcast_mut::<Linear>() {
            *linear = Linear::new(Array::ones([8, 8], Dtype::Float32).unwrap(), None);
        }
    }
}

#[test]
fn a_visit_can_exchange_modules() {
    let mut model = model();
    model.visit_mut(&mut Path::default(), &mut WithoutBias);
    assert_eq!(names(&model.proj.parameters()), ["weight"]);
}

#[test]
fn a_module_of_unknown_layers_asks_not_to_be_a_tree() {
    #[derive(Module)]
    #[module(no_tree)]
    struct Net {
        body: Sequential<Vec<Box<dyn Layer>>>,
    }
    let w = Weights::init(Key::new(1).unwrap());
    let layers: Vec<Box<dyn Layer>> =
        vec![Box::new(w.linear("a", [4, 8]).unwrap()), Box::new(w.rms_norm("b", 4, 1e-5).unwrap())];
    let mut net = Net { body: Sequential::new(layers) };
    assert_eq!(names(&net.parameters()), ["body.layers.0.weight", "body.layers.1.weight"]);
    net.replace(&net.parameters().map(|_, array| array.zeros_like()).unwrap()).unwrap();
    let y = net.body.forward(&Array::ones([1, 8], Dtype::Float32).unwrap()).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0; 4]);
}
