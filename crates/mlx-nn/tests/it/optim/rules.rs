//! Ten steps of every optimiser, and the norm of gradients.

use std::collections::BTreeSet;

use mlx_core::{Dtype, Result};
use mlx_nn::Parameters;
use mlx_nn::optim::{Adafactor, Adam, Lion, Muon, Optimizer, RmsProp, Sgd, clip_grad_norm};
use mlx_testkit::cases;

use super::{assert_close, golden, optimizers, parameters, relative_error, train};
use crate::fixture;

#[test]
fn ten_steps_of_every_optimizer_agree_with_mlx() {
    let golden = golden();
    for (name, optimizer) in optimizers() {
        let start = parameters(&golden, "parameters");
        let state = optimizer.init(&start).unwrap();
        let compare = |step: u32, parameters: &Parameters| {
            if [1, 5, 10].contains(&step) {
                assert_close(&golden, &format!("{name}.{step}"), parameters);
            }
        };
        let (_, state) = train(&golden, optimizer.as_ref(), (start, state), 1..=10, compare).unwrap();
        assert_close(&golden, &format!("{name}.state"), state.arrays());
    }
}

#[test]
fn every_optimizer_of_the_fixture_is_compared() {
    let cases = cases(fixture::golden("mlx-nn", "optim.json"));
    let expected: BTreeSet<_> = cases.iter().filter_map(|case| case["optimizer"].as_str()).collect();
    assert_eq!(optimizers().iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn parameters_without_gradients_stay_as_they_are() {
    let golden = golden();
    let start = parameters(&golden, "parameters");
    let kept = ["layers.0.bias", "conv.weight"];
    let gradients = parameters(&golden, "gradients.1").filter(|path| !kept.contains(&path));
    for (name, optimizer) in optimizers() {
        let (changed, _) = optimizer.apply(&start, &gradients, &optimizer.init(&gradients).unwrap()).unwrap();
        for (path, array) in changed.iter() {
            let is_same = array.array_equal(start.get(path).unwrap(), false).unwrap();
            assert_eq!(is_same, kept.contains(&path), "{name}: {path}");
        }
    }
}

#[test]
fn the_type_of_parameters_and_slots_is_kept() -> Result<()> {
    let golden = golden();
    let half = |prefix: &str| -> Parameters {
        parameters(&golden, prefix).map(|_, array| array.astype(Dtype::Bfloat16)).unwrap()
    };
    for (name, optimizer) in optimizers() {
        let start = half("parameters");
        let state = optimizer.init(&start).unwrap();
        let (changed, state) = optimizer.apply(&start, &half("gradients.1"), &state)?;
        for (path, array) in changed.iter().chain(state.arrays().iter()) {
            let expected = match path.rsplit('.').next() {
                Some("step") => Dtype::Uint64,
                Some("learning_rate") => Dtype::Float32,
                _ => Dtype::Bfloat16,
            };
            assert_eq!(array.dtype(), expected, "{name}: {path}");
        }
    }
    Ok(())
}

#[test]
fn gradients_are_clipped_as_in_mlx() {
    let golden = golden();
    let gradients = parameters(&golden, "gradients.1");
    for (name, norm) in [("clip_short", 0.5), ("clip_long", 1e3), ("clip_none", 0.0)] {
        let (clipped, total) = clip_grad_norm(&gradients, norm).unwrap();
        assert_close(&golden, name, &clipped);
        assert!(relative_error(&total, &fixture::array(&golden, &format!("{name}_norm"))) < 1e-6);
    }
}

#[test]
fn a_norm_below_zero_is_refused_and_no_gradients_have_none() {
    let error = clip_grad_norm(&Parameters::default(), -1.0).unwrap_err();
    assert_eq!(error.message(), "max_norm is -1: give 0 or more");
    let (_, norm) = clip_grad_norm(&Parameters::default(), 1.0).unwrap();
    assert_eq!(norm.item::<f32>().unwrap(), 0.0);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused: [(Box<dyn Optimizer>, &str); 6] = [
        (Box::new(Sgd { nesterov: true, ..Sgd::new(0.1) }), "momentum: 0 is not above 0 with nesterov"),
        (
            Box::new(Sgd { nesterov: true, momentum: 0.5, dampening: 0.1, ..Sgd::new(0.1) }),
            "dampening: 0.1 is not 0 with nesterov",
        ),
        (Box::new(Adam { betas: (0.9, 1.0), ..Adam::new(0.1) }), "betas.1: 1 is not at least 0 and below 1"),
        (
            Box::new(Lion { betas: (-0.1, 0.9), ..Lion::new(0.1) }),
            "betas.0: -0.1 is not at least 0 and below 1",
        ),
        (Box::new(RmsProp { eps: 0.0, ..RmsProp::new(0.1) }), "eps: 0 is not above 0"),
        (
            Box::new(Adafactor { relative_step: false, ..Adafactor::default() }),
            "learning_rate: there is none: give one, or set `relative_step`",
        ),
    ];
    for (optimizer, expected) in refused {
        assert_eq!(optimizer.init(&Parameters::default()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn muon_makes_a_step_whose_singular_values_are_near_one() -> Result<()> {
    let golden = golden();
    let gradients = parameters(&golden, "gradients.1");
    let zeros = gradients.map(|_, array| array.zeros_like())?;
    let muon = Muon { weight_decay: 0.0, ..Muon::new(1.0) };
    let (changed, _) = muon.apply(&zeros, &gradients, &muon.init(&zeros).unwrap())?;
    let step = changed.get("layers.1.weight").unwrap();
    for value in mlx_core::linalg::svdvals(step)?.to_vec::<f32>()? {
        assert!((0.5..1.5).contains(&value), "{value}");
    }
    Ok(())
}
