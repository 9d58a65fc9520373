//! Optimisers against those of Python's MLX.

mod rules;
mod schedule;
mod state;
mod training;

use mlx_core::{Array, Dtype, Result};
use mlx_nn::Parameters;
use mlx_nn::optim::{
    AdaDelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Lion, MultiOptimizer, Muon, Optimizer, RmsProp,
    Schedule, Sgd, State, cosine_decay, exponential_decay, linear_schedule, step_decay,
};
use mlx_testkit::{Golden, max_abs};

use crate::fixture;

/// The largest error, in units of the largest expected value.
const TOLERANCE: f64 = 1e-5;

fn golden() -> Golden {
    Golden::open(fixture::golden("mlx-nn", "optim.safetensors"))
}

/// The tensors under `prefix`, by the rest of their names.
fn parameters(golden: &Golden, prefix: &str) -> Parameters {
    let names = golden.names().filter_map(|name| Some((name, name.strip_prefix(prefix)?.strip_prefix('.')?)));
    let parameters: Parameters = names.map(|(name, rest)| (rest, fixture::array(golden, name))).collect();
    assert!(!parameters.is_empty(), "nothing begins with {prefix}");
    parameters
}

/// Does the steps `steps` from the state before them.
fn train(
    golden: &Golden,
    optimizer: &dyn Optimizer,
    (mut parameters, mut state): (Parameters, State),
    steps: std::ops::RangeInclusive<u32>,
    mut after: impl FnMut(u32, &Parameters),
) -> Result<(Parameters, State)> {
    for step in steps {
        let gradients = self::parameters(golden, &format!("gradients.{step}"));
        (parameters, state) = optimizer.apply(&parameters, &gradients, &state)?;
        after(step, &parameters);
    }
    Ok((parameters, state))
}

/// Stops the test unless `actual` are the tensors under `prefix`.
#[track_caller]
fn assert_close(golden: &Golden, prefix: &str, actual: &Parameters) {
    let expected = parameters(golden, prefix);
    assert_eq!(actual.names().collect::<Vec<_>>(), expected.names().collect::<Vec<_>>(), "{prefix}");
    for ((name, actual), expected) in actual.iter().zip(expected.values()) {
        assert_eq!(actual.shape(), expected.shape(), "{prefix}.{name}");
        let error = relative_error(actual, expected);
        assert!(error <= TOLERANCE, "{prefix}.{name} is off by {error:.1e}");
    }
}

fn relative_error(actual: &Array, expected: &Array) -> f64 {
    let values = |array: &Array| array.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
    let (actual, expected) = (values(actual), values(expected));
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    max_abs(&actual, &expected) / f64::from(largest)
}

/// The optimisers of `xtask/golden/optim.py`, by name.
fn optimizers() -> Vec<(&'static str, Box<dyn Optimizer>)> {
    [sgd(), adaptive(), adams(), adafactors(), muons()].into_iter().flatten().collect()
}

type Named = (&'static str, Box<dyn Optimizer>);

fn sgd() -> Vec<Named> {
    let momentum = Sgd { momentum: 0.9, ..Sgd::new(0.1) };
    vec![
        ("sgd", Box::new(Sgd::new(0.1))),
        ("sgd_decay", Box::new(Sgd { weight_decay: 0.02, ..Sgd::new(0.1) })),
        ("sgd_momentum", Box::new(Sgd { weight_decay: 0.02, ..momentum.clone() })),
        ("sgd_dampening", Box::new(Sgd { dampening: 0.3, ..momentum.clone() })),
        (
            "sgd_nesterov",
            Box::new(Sgd { momentum: 0.8, weight_decay: 0.02, nesterov: true, ..Sgd::new(0.1) }),
        ),
        ("sgd_schedule", Box::new(Sgd { learning_rate: linear_schedule(0.1, 0.01, 7).unwrap(), ..momentum })),
    ]
}

fn adaptive() -> Vec<Named> {
    vec![
        ("rms_prop", Box::new(RmsProp::new(0.01))),
        ("rms_prop_alpha", Box::new(RmsProp { alpha: 0.8, eps: 1e-3, ..RmsProp::new(0.02) })),
        ("adagrad", Box::new(Adagrad::new(0.1))),
        ("adagrad_eps", Box::new(Adagrad { eps: 1e-2, ..Adagrad::new(0.2) })),
        ("ada_delta", Box::new(AdaDelta::new(1.0))),
        ("ada_delta_rho", Box::new(AdaDelta { rho: 0.7, eps: 1e-3, ..AdaDelta::new(0.5) })),
        ("adamax", Box::new(Adamax::new(0.01))),
        ("adamax_betas", Box::new(Adamax { betas: (0.7, 0.9), eps: 1e-3, ..Adamax::new(0.02) })),
        ("lion", Box::new(Lion::new(0.01))),
        ("lion_decay", Box::new(Lion { betas: (0.8, 0.95), weight_decay: 0.3, ..Lion::new(0.02) })),
    ]
}

fn adams() -> Vec<Named> {
    let corrected = |rate: Schedule| Adam { bias_correction: true, ..Adam::new(rate) };
    let decayed = |weight_decay| AdamW { weight_decay, ..AdamW::new(0.02) };
    vec![
        ("adam", Box::new(Adam::new(0.01))),
        ("adam_betas", Box::new(Adam { betas: (0.8, 0.95), eps: 1e-4, ..Adam::new(0.02) })),
        ("adam_corrected", Box::new(corrected(0.01.into()))),
        ("adam_schedule", Box::new(corrected(cosine_decay(0.05, 8, 0.001).unwrap()))),
        ("adam_w", Box::new(AdamW::new(0.01))),
        ("adam_w_decay", Box::new(decayed(0.3))),
        ("adam_w_corrected", Box::new(AdamW { betas: (0.85, 0.98), bias_correction: true, ..decayed(0.1) })),
    ]
}

fn adafactors() -> Vec<Named> {
    let factor = Adafactor::default();
    let at = |rate| Adafactor { learning_rate: Some(rate), relative_step: false, ..Adafactor::default() };
    vec![
        ("adafactor", Box::new(factor.clone())),
        ("adafactor_warmup", Box::new(Adafactor { warmup_init: true, ..factor.clone() })),
        ("adafactor_rate", Box::new(at(0.05.into()))),
        (
            "adafactor_plain",
            Box::new(Adafactor { scale_parameter: false, ..at(exponential_decay(0.05, 0.9)) }),
        ),
        (
            "adafactor_moment",
            Box::new(Adafactor {
                beta_1: Some(0.9),
                weight_decay: 0.2,
                clip_threshold: 0.5,
                ..factor.clone()
            }),
        ),
        (
            "adafactor_decay",
            Box::new(Adafactor { eps: (1e-6, 0.5), decay_rate: -0.5, beta_1: Some(0.7), ..factor }),
        ),
    ]
}

fn muons() -> Vec<Named> {
    let steps = Sgd { momentum: 0.9, ..Sgd::new(step_decay(0.1, 0.5, 3).unwrap()) };
    let multi = MultiOptimizer::new(steps)
        .with(Muon::new(0.02), |_, array| array.ndim() == 2)
        .with(AdamW::new(0.01), |path, _| path.ends_with("bias"));
    let plain = Muon { momentum: 0.8, weight_decay: 0.0, nesterov: false, ns_steps: 3, ..Muon::new(0.05) };
    vec![("muon", Box::new(Muon::new(0.02))), ("muon_plain", Box::new(plain)), ("multi", Box::new(multi))]
}
