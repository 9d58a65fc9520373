//! Norms against Python's.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, transform};
use mlx_nn::{
    Affine, BatchNorm, BatchNormOptions, GroupNorm, GroupNormOptions, InstanceNorm, InstanceNormOptions,
    LayerNorm, LayerNormOptions, Module, Weights,
};

use crate::layer_case::{LayerCase, relative_error};

fn batch_norm(case: &LayerCase) -> BatchNormOptions {
    let [affine, track_running_stats] = ["affine", "track_running_stats"].map(|key| case.flag(key));
    BatchNormOptions { eps: case.float("eps"), momentum: case.float("momentum"), affine, track_running_stats }
}

/// The output of a batch in training, and the new moments if there are any.
fn trained(layer: &BatchNorm, x: &Array) -> mlx_core::Result<Vec<Array>> {
    let (y, layer) = layer.train(x)?;
    let moments = layer.parameters().filter(|name| name.starts_with("running"));
    Ok([y].into_iter().chain(moments.values().cloned()).collect())
}

fn check(case: &LayerCase) {
    let eps = case.float("eps");
    match case.text("layer") {
        "LayerNorm" => {
            let options = LayerNormOptions { eps, affine: case.flag("affine"), bias: case.flag("bias") };
            case.check(|w| LayerNorm::load(w, 8, options), |layer, x| Ok(vec![layer.forward(&x[0])?]));
        }
        "RMSNorm" => {
            case.check(|w| w.rms_norm("", 8, eps), |layer, x| Ok(vec![layer.forward(&x[0])?]));
        }
        "InstanceNorm" => {
            let options = InstanceNormOptions { eps, affine: case.flag("affine") };
            case.check(|w| InstanceNorm::load(w, 4, options), |layer, x| Ok(vec![layer.forward(&x[0])?]));
        }
        "GroupNorm" => {
            let [affine, pytorch_compatible] = ["affine", "pytorch_compatible"].map(|key| case.flag(key));
            let options = GroupNormOptions { eps, affine, pytorch_compatible };
            let groups = case.int("groups");
            case.check(
                |w| GroupNorm::load(w, groups, 6, options),
                |layer, x| Ok(vec![layer.forward(&x[0])?]),
            );
        }
        "BatchNorm" => case.check(
            |w| BatchNorm::load(w, 4, batch_norm(case)),
            |layer, x| {
                if case.flag("training") { trained(layer, &x[0]) } else { Ok(vec![layer.forward(&x[0])?]) }
            },
        ),
        unknown => panic!("{unknown} is not tested"),
    }
}

#[test]
fn norms_and_their_gradients_are_those_of_python() {
    LayerCase::all("norm").iter().for_each(check);
}

fn fresh() -> Weights {
    Weights::init(Key::new(0).unwrap())
}

fn parameters(module: &impl Module) -> Vec<(String, Vec<f32>)> {
    module.parameters().into_iter().map(|(name, array)| (name, array.to_vec().unwrap())).collect()
}

fn named(expected: &[(&str, [f32; 2])]) -> Vec<(String, Vec<f32>)> {
    expected.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()
}

#[test]
fn fresh_norms_change_nothing_and_have_the_options_of_python() {
    let affine = named(&[("bias", [0.0; 2]), ("weight", [1.0; 2])]);
    assert_eq!(parameters(&LayerNorm::load(&fresh(), 2, LayerNormOptions::default()).unwrap()), affine);
    let group = GroupNorm::load(&fresh(), 1, 2, GroupNormOptions::default()).unwrap();
    assert_eq!(parameters(&group), affine);
    let instance = InstanceNorm::load(&fresh(), 2, InstanceNormOptions::default()).unwrap();
    assert_eq!(parameters(&instance), []);
    let moments = named(&[("running_mean", [0.0; 2]), ("running_var", [1.0; 2])]);
    let batch = BatchNorm::load(&fresh(), 2, BatchNormOptions::default()).unwrap();
    assert_eq!(parameters(&batch), [&affine[..1], &moments, &affine[1..]].concat());
    assert_eq!(batch.trainable(|_| true).names().collect::<Vec<_>>(), ["bias", "weight"]);
    let eps = [
        LayerNormOptions::default().eps,
        GroupNormOptions::default().eps,
        InstanceNormOptions::default().eps,
        BatchNormOptions::default().eps,
    ];
    assert_eq!(eps, [1e-5; 4]);
    assert_eq!(BatchNormOptions::default().momentum, 0.1);
}

#[test]
fn new_moments_come_out_of_a_gradient_beside_the_loss() {
    let layer = BatchNorm::load(&fresh(), 2, BatchNormOptions::default()).unwrap();
    let x = Array::from([[0.0_f32, 1.0], [2.0, 5.0]]);
    let (moments, slope) = transform::value_and_grad(|x: &Array| {
        let outputs = trained(&layer, x)?;
        Ok((outputs[0].square()?.sum(..)?, outputs[1..].to_vec()))
    })(&x)
    .map(|((_, moments), slope)| (moments, slope))
    .unwrap();
    let values: Vec<_> = moments.iter().flat_map(|array| array.to_vec::<f32>().unwrap()).collect();
    mlx_testkit::assert_close(&values, &[0.1_f32, 0.3, 1.1, 1.7], mlx_testkit::Tolerance::F32);
    assert_eq!(slope.shape(), [2, 2]);
}

#[test]
fn a_batch_of_batches_is_normalised_batch_by_batch() {
    let x = mlx_core::random::normal([2, 3, 5, 4], Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    let layer = LayerNorm::load(&fresh(), 4, LayerNormOptions::default()).unwrap();
    let instance = InstanceNorm::load(&fresh(), 4, InstanceNormOptions::default()).unwrap();
    let group = GroupNorm::load(&fresh(), 2, 4, GroupNormOptions::default()).unwrap();
    let options = GroupNormOptions { pytorch_compatible: true, ..GroupNormOptions::default() };
    let neighbours = GroupNorm::load(&fresh(), 2, 4, options).unwrap();
    let batch = BatchNorm::load(&fresh(), 4, BatchNormOptions::default()).unwrap();
    type Norm<'a> = &'a dyn Fn(&Array) -> mlx_core::Result<Array>;
    let norms: [Norm<'_>; 5] = [
        &|x| layer.forward(x),
        &|x| instance.forward(x),
        &|x| group.forward(x),
        &|x| neighbours.forward(x),
        &|x| Ok(batch.train(x)?.0),
    ];
    for (number, norm) in norms.into_iter().enumerate() {
        let both = transform::vmap(norm, 0, 0)(&x).unwrap();
        let second = norm(&x.index(1).unwrap()).unwrap();
        assert!(relative_error(&both.index(1).unwrap(), &second) < 1e-6, "{number}");
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let error = |result: mlx_nn::Result<()>| result.unwrap_err().to_string();
    let group = |groups, options| GroupNorm::load(&fresh(), groups, 6, options).map(drop);
    let defaults = GroupNormOptions::default();
    assert_eq!(error(group(0, defaults)), "num_groups: 0 is not a positive number");
    assert_eq!(error(group(4, defaults)), "num_groups: 6 channels do not make 4 groups of one size");
    for eps in [0.0, -1.0, f32::NAN] {
        let expected = format!("eps: {eps} is not a positive number");
        assert_eq!(error(group(3, GroupNormOptions { eps, ..defaults })), expected);
        assert_eq!(error(LayerNorm::new(None, eps).map(drop)), expected);
        assert_eq!(error(InstanceNorm::new(None, eps).map(drop)), expected);
        assert_eq!(error(BatchNorm::new(None, None, eps, 0.1).map(drop)), expected);
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let ones = |shape: &[i32]| Array::ones(shape, Dtype::Float32).unwrap();
    let message = |result: mlx_core::Result<Array>| result.unwrap_err().message().to_owned();
    let group = GroupNorm::new(None, 4, 1e-5, false).unwrap();
    let error = message(group.forward(&ones(&[2, 2, 6])));
    assert_eq!(error, "6 channels do not make 4 groups of one size");
    let instance = InstanceNorm::new(None, 1e-5).unwrap();
    assert!(message(instance.forward(&ones(&[2, 6]))).contains("has no places"));
    let batch = BatchNorm::new(None, None, 1e-5, 0.1).unwrap();
    for shape in [&[3][..], &[1, 2, 3, 4, 5]] {
        assert!(message(batch.forward(&ones(shape))).contains("has not 2, 3 or 4 axes"));
        assert!(message(batch.train(&ones(shape)).map(|(y, _)| y)).contains("has not 2, 3 or 4 axes"));
    }
    assert!(batch.forward(&ones(&[1, 3])).is_ok());
    assert!(message(batch.train(&ones(&[1, 1, 3])).map(|(y, _)| y)).contains("one value for each channel"));
    let affine = Affine { weight: ones(&[3]), bias: None };
    assert!(LayerNorm::new(Some(affine), 1e-5).unwrap().forward(&ones(&[2, 4])).is_err());
}
