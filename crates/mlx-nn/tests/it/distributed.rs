//! Layers that are shared out, in one process and in two on a ring.

use std::rc::Rc;

use mlx_core::distributed::{Backend, Group, init};
use mlx_core::random::{Key, normal};
use mlx_core::{Array, Device, Dtype, Quantization, QuantizationMode, Quantized, Result, Tree, transform};
use mlx_nn::{
    AllToShardedLinear, FullyShardedModule, Linear, Mlp, Module, Parameters, Segments, Shard, ShardedLinear,
    ShardedToAllLinear, Sharding, Weights, clip_grad_norm_sharded, lora, relu, shard_inplace, shard_linear,
};
use mlx_testkit::ring;

use crate::layer_case::relative_error;

/// Runs `f` in one process alone, or in two that are connected, under the name of the test.
#[track_caller]
fn two(name: &str, f: impl Fn(&Rc<Group>)) {
    ring::in_two_processes(&format!("distributed::{name}"), || {
        on_cpu(|| f(&Rc::new(init(Backend::Ring, true).unwrap())));
    });
}

fn alone() -> Rc<Group> {
    Rc::new(init(Backend::Any, false).unwrap())
}

fn on_cpu(test: impl FnOnce()) {
    let run = || {
        test();
        Ok(())
    };
    Device::Cpu.scope(run).unwrap();
}

fn random(shape: &[i32], seed: u64) -> Array {
    normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
}

fn fresh() -> Weights {
    Weights::init(Key::new(9).unwrap())
}

#[track_caller]
fn assert_close(actual: &Array, expected: &Array) {
    let error = relative_error(actual, expected);
    assert!(error <= 1e-5, "off by {error:.1e}");
}

/// This process's part along an axis.
fn part(array: &Array, axis: i32, group: &Group) -> Array {
    array.split(group.size(), axis).unwrap().swap_remove(group.rank() as usize)
}

/// Two linear layers, whole or shared out.
type Pair<A, B> = (A, B);

/// The value of a pair, and its gradients with respect to the pair and the input.
fn differentiated<P: Module + Tree>(
    pair: P,
    forward: impl Fn(&P, &Array) -> Result<Array>,
    x: &Array,
) -> (Array, P, Array) {
    let loss = |(pair, x): &(P, Array)| {
        let y = forward(pair, x)?;
        Ok(((&y * random(y.shape(), 5))?.sum(..)?, y))
    };
    let ((_, y), (pair, dx)) = transform::value_and_grad(loss)(&(pair, x.clone())).unwrap();
    (y, pair, dx)
}

/// A pair that is shared out, by its outputs and then by its inputs, against the whole one.
fn check_pair(first: Linear, second: Linear, group: &Rc<Group>) {
    let x = random(&[3, 64], 1);
    let share = |layer: &Linear, sharding| shard_linear(layer, sharding, Segments::default(), group).unwrap();
    let shared = (share(&first, Sharding::AllToSharded), share(&second, Sharding::ShardedToAll));
    let whole =
        |(first, second): &Pair<Linear, Linear>, x: &Array| second.forward(&relu(&first.forward(x)?)?);
    let parts = |(first, second): &Pair<ShardedLinear, ShardedLinear>, x: &Array| {
        second.forward(&relu(&first.forward(x)?)?)
    };
    let (y, gradients, dx) = differentiated((first, second), whole, &x);
    let (shared_y, shared_gradients, shared_dx) = differentiated(shared, parts, &x);
    assert_close(&shared_y, &y);
    assert_close(&shared_dx, &dx);
    let found = shared_gradients.parameters();
    for (name, gradient) in gradients.parameters().iter().filter(|(_, array)| array.dtype().is_float()) {
        let expected = match name {
            "1.bias" => gradient.clone(),
            name if name.starts_with("1.") => part(gradient, -1, group),
            _ => part(gradient, 0, group),
        };
        assert_close(found.get(name).unwrap(), &expected);
    }
}

fn dense_pair(bias: bool) -> (Linear, Linear) {
    let load = |name: &str, shape| fresh().linear_with_bias(name, shape, bias).unwrap();
    (load("first", [128, 64]), load("second", [6, 128]))
}

fn quantized_pair(scheme: Quantization) -> (Linear, Linear) {
    let quantized = |shape: &[i32], seed| Quantized::of(&random(shape, seed), scheme).unwrap();
    let first = Linear::new(quantized(&[128, 64], 2), Some(random(&[128], 3)));
    (first, Linear::new(quantized(&[6, 128], 4), Some(random(&[6], 5))))
}

fn check_pairs(group: &Rc<Group>) {
    let mxfp8 = Quantization { mode: QuantizationMode::Mxfp8, bits: 8, group_size: 32 };
    let pairs = [
        dense_pair(true),
        dense_pair(false),
        quantized_pair(Quantization::affine(4, 32)),
        quantized_pair(mxfp8),
    ];
    for (first, second) in pairs {
        check_pair(first, second, group);
    }
}

#[test]
fn a_layer_that_one_process_has_alone_is_the_layer() {
    check_pairs(&alone());
}

#[test]
fn a_layer_that_two_processes_share_is_the_layer() {
    two("a_layer_that_two_processes_share_is_the_layer", check_pairs);
}

#[test]
fn fresh_layers_are_parts_of_one() {
    two("fresh_layers_are_parts_of_one", |group| {
        let whole = Linear::load(&fresh(), [4, 8], true).unwrap();
        let (weight, bias) = (&whole.parameters(), whole.parameters());
        let (weight, bias) = (weight.get("weight").unwrap(), bias.get("bias").unwrap());
        let outputs = AllToShardedLinear::load(&fresh(), [4, 8], true, group).unwrap().parameters();
        assert_close(outputs.get("weight").unwrap(), &part(weight, 0, group));
        assert_close(outputs.get("bias").unwrap(), &part(bias, 0, group));
        let inputs = ShardedToAllLinear::load(&fresh(), [4, 8], true, group).unwrap().parameters();
        assert_close(inputs.get("weight").unwrap(), &part(weight, 1, group));
        assert_close(inputs.get("bias").unwrap(), bias);
        let error = AllToShardedLinear::load(&fresh(), [3, 8], true, group).unwrap_err();
        assert!(error.to_string().ends_with("cannot be shared by 2 processes alike"), "{error}");
    });
}

#[test]
fn every_segment_of_an_axis_is_shared_out() {
    two("every_segment_of_an_axis_is_shared_out", |group| {
        let weight = Array::arange(0..12).unwrap().astype(Dtype::Float32).unwrap().reshape([12, 1]).unwrap();
        let kept = |segments| {
            let mut layer = Linear::new(weight.clone(), None);
            shard_inplace(&mut layer, Sharding::AllToSharded.of(segments), group).unwrap();
            layer.parameters().get("weight").unwrap().to_vec::<f32>().unwrap()
        };
        let expected: [Vec<f32>; 3] = match group.rank() {
            0 => [vec![0., 1., 2., 3., 4., 5.], vec![0., 1., 4., 5., 8., 9.], vec![0., 1., 2., 6., 7., 8.]],
            _ => [
                vec![6., 7., 8., 9., 10., 11.],
                vec![2., 3., 6., 7., 10., 11.],
                vec![3., 4., 5., 9., 10., 11.],
            ],
        };
        assert_eq!(kept(Segments::default()), expected[0]);
        assert_eq!(kept(Segments::Equal(3)), expected[1]);
        assert_eq!(kept(Segments::Places(vec![4, 8])), expected[1]);
        assert_eq!(kept(Segments::Fractions(vec![0.5])), expected[2]);
    });
}

#[test]
fn an_axis_that_cannot_be_shared_out_is_named_and_nothing_changes() {
    let mut mlp = Mlp::load(&fresh(), 4, 6, false).unwrap();
    let cut = |path: &str, _: &Array| {
        let segments = Segments::Equal(if path.starts_with("up_proj") { 5 } else { 1 });
        Some(Shard { axis: 0, segments })
    };
    let error = shard_inplace(&mut mlp, cut, &alone()).unwrap_err();
    assert_eq!(error.to_string(), "up_proj.weight: axis 0 of [6, 4] has no 5 equal segments");
    assert_eq!(mlp.parameters().get("gate_proj.weight").unwrap().shape(), [6, 4]);
    two("an_axis_that_cannot_be_shared_out_is_named_and_nothing_changes", |group| {
        let layer = Linear::load(&fresh(), [3, 8], true).unwrap();
        let error = FullyShardedModule::new(layer, group, None).unwrap_err();
        assert!(error.to_string().contains("cannot be shared by 2 processes alike"), "{error}");
    });
}

#[test]
fn segments_that_are_none_are_refused() {
    let segments = [
        Segments::Equal(0),
        Segments::Equal(-1),
        Segments::Equal(7),
        Segments::Places(vec![6, 4]),
        Segments::Places(vec![100]),
        Segments::Places(vec![8, i32::MAX, i32::MIN]),
        Segments::Fractions(vec![f64::NAN]),
        Segments::Fractions(vec![2.0]),
    ];
    for segments in segments {
        let mut layer = Linear::load(&fresh(), [8, 4], true).unwrap();
        let shard = Sharding::AllToSharded.of(segments.clone());
        assert!(shard_inplace(&mut layer, shard, &alone()).is_err(), "{segments:?}");
    }
    let mut layer = Linear::load(&fresh(), [8, 4], true).unwrap();
    let far = |_: &str, _: &Array| Some(Shard { axis: 2, segments: Segments::default() });
    assert!(shard_inplace(&mut layer, far, &alone()).is_err());
}

#[test]
fn an_adapted_layer_is_fused_before_it_is_shared_out() {
    let mut linear = Linear::load(&fresh(), [8, 4], true).unwrap();
    lora::attach(&mut linear, &lora::Options::default(), |_| true, &Key::new(1).unwrap()).unwrap();
    let share = |linear: &Linear| shard_linear(linear, Sharding::AllToSharded, Segments::default(), &alone());
    let error = share(&linear).unwrap_err();
    let refused = "adapter: it cannot be shared out: `lora::fuse` it into the layer first";
    assert_eq!(error.to_string(), refused);
    lora::fuse(&mut linear, false).unwrap();
    assert!(share(&linear).is_ok());
}

/// A module that is shared out whole, against that which every process has, on other inputs in each.
fn check_fully_sharded(group: &Rc<Group>, compute_dtype: Option<Dtype>) {
    let (first, second) =
        (Mlp::load(&fresh(), 6, 8, true).unwrap(), Mlp::load(&fresh(), 6, 4, true).unwrap());
    let inputs: Vec<_> = (0..group.size()).map(|rank| random(&[3, 6], rank as u64)).collect();
    let whole = |pair: &Vec<Mlp>, x: &Array| pair[1].forward(&pair[0].forward(x)?);
    let dense = vec![first, second];
    let mut rounded = dense.clone();
    let round = |array: &Array| array.astype(compute_dtype.unwrap_or(Dtype::Float32))?.astype(Dtype::Float32);
    rounded.update(&dense.parameters().map(|_, array| round(array)).unwrap()).unwrap();
    let all: Vec<_> = inputs.iter().map(|x| differentiated(rounded.clone(), whole, x)).collect();

    let sharded = FullyShardedModule::new(dense, group, compute_dtype).unwrap();
    let (y, gradients, dx) =
        differentiated(sharded, |sharded, x| sharded.forward(x), &inputs[group.rank() as usize]);
    let (expected_y, _, expected_dx) = &all[group.rank() as usize];
    assert_close(&y, expected_y);
    assert_close(&dx, expected_dx);
    let bound = if compute_dtype.is_some() { 1e-2 } else { 1e-5 };
    let gradients = gradients.part().parameters();
    for name in all[0].1.parameters().names() {
        let sum = all.iter().map(|(_, gradients, _)| gradients.parameters().get(name).unwrap().clone());
        let sum = sum.reduce(|a, b| (a + b).unwrap()).unwrap();
        let gradient = gradients.get(name).unwrap();
        assert_eq!(gradient.dtype(), Dtype::Float32);
        let expected = part(&(sum / group.size()).unwrap(), 0, group);
        let error = relative_error(gradient, &expected);
        assert!(error <= bound, "{name} is off by {error:.1e}");
    }
}

#[test]
fn a_module_that_one_process_shares_with_nobody_is_the_module() {
    check_fully_sharded(&alone(), None);
    check_fully_sharded(&alone(), Some(Dtype::Bfloat16));
}

#[test]
fn a_module_that_two_processes_share_is_the_module_with_average_gradients() {
    two("a_module_that_two_processes_share_is_the_module_with_average_gradients", |group| {
        check_fully_sharded(group, None);
        check_fully_sharded(group, Some(Dtype::Bfloat16));
    });
}

#[test]
fn what_is_shared_out_already_and_what_is_not_learned_stays() {
    two("what_is_shared_out_already_and_what_is_not_learned_stays", |group| {
        let inner =
            FullyShardedModule::new(Linear::load(&fresh(), [8, 4], true).unwrap(), group, None).unwrap();
        let packed = Quantized::of(&random(&[8, 32], 1), Quantization::affine(4, 32)).unwrap();
        let bias = random(&[8], 2).astype(Dtype::Float16).unwrap();
        let model = (inner, Linear::new(packed, Some(bias.clone())));
        let outer = FullyShardedModule::new(model, group, None).unwrap();
        let shapes = |parameters: &Parameters| {
            parameters
                .iter()
                .map(|(name, array)| (name.to_owned(), array.shape().to_vec()))
                .collect::<Vec<_>>()
        };
        let named = |list: [(&str, &[i32]); 6]| list.map(|(name, shape)| (name.to_owned(), shape.to_vec()));
        let expected = named([
            ("module.0.module.bias", &[4]),
            ("module.0.module.weight", &[4, 4]),
            ("module.1.bias", &[4]),
            ("module.1.biases", &[8, 1]),
            ("module.1.scales", &[8, 1]),
            ("module.1.weight", &[8, 4]),
        ]);
        assert_eq!(shapes(&outer.parameters()), expected);
        let (inner, linear) = outer.whole().unwrap();
        assert!(linear.parameters().get("bias").unwrap().array_equal(&bias, false).unwrap());
        assert_eq!(linear.parameters().get("bias").unwrap().dtype(), Dtype::Float16);
        assert_eq!(inner.whole().unwrap().parameters().get("weight").unwrap().shape(), [8, 4]);
        let x = random(&[2, 4], 3);
        let whole = Linear::load(&fresh(), [8, 4], true).unwrap();
        assert_close(&inner.forward(&x).unwrap(), &whole.forward(&x).unwrap());
    });
}

#[test]
fn the_norm_of_gradients_goes_over_all_parts() {
    two("the_norm_of_gradients_goes_over_all_parts", |group| {
        let gradients = vec![Array::from([3.0_f32]), Array::from([[0.0_f32, 0.0]])];
        let gradients = if group.rank() == 0 { gradients } else { vec![Array::from([0.0_f32, 4.0])] };
        let (clipped, norm) = clip_grad_norm_sharded(&gradients, 1.0, group).unwrap();
        assert!((norm.item::<f32>().unwrap() - 5.0).abs() < 1e-6);
        let sum = clipped[0].sum(..).unwrap().item::<f32>().unwrap();
        let expected = if group.rank() == 0 { 0.6 } else { 0.8 };
        assert!((sum - expected).abs() < 1e-6, "{sum}");
        let (same, _) = clip_grad_norm_sharded(&gradients, 9.0, group).unwrap();
        assert_close(&same[0], &gradients[0]);
    });
}
