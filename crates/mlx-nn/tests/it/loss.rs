//! Losses against Python's, and what they refuse.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, fast, transform};
use mlx_nn::loss::{
    BinaryCrossEntropy, CosineSimilarity, CrossEntropy, GaussianNll, Reduction, Triplet,
    binary_cross_entropy, cosine_similarity, cross_entropy, gaussian_nll, hinge, huber, kl_div, l1, log_cosh,
    margin_ranking, mse, nll, smooth_l1, triplet,
};

use crate::layer_case::{LayerCase, relative_error};

fn loss(case: &LayerCase, inputs: &[Array]) -> mlx_core::Result<Array> {
    let reduction = match case.text("reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        _ => Reduction::None,
    };
    let (a, b, c) = (&inputs[0], &inputs[1], inputs.get(2));
    let (axis, eps) = (|| case.int("axis"), || case.float("eps"));
    match case.text("op") {
        "cross_entropy" => {
            let label_smoothing = case.float("label_smoothing");
            cross_entropy(a, b, CrossEntropy { weights: c, axis: axis(), label_smoothing, reduction })
        }
        "binary_cross_entropy" => {
            let with_logits = case.flag("with_logits");
            binary_cross_entropy(a, b, BinaryCrossEntropy { weights: c, with_logits, reduction })
        }
        "nll_loss" => nll(a, b, axis(), reduction),
        "kl_div_loss" => kl_div(a, b, axis(), reduction),
        "hinge_loss" => hinge(a, b, reduction),
        "l1_loss" => l1(a, b, reduction),
        "mse_loss" => mse(a, b, reduction),
        "log_cosh_loss" => log_cosh(a, b, reduction),
        "smooth_l1_loss" => smooth_l1(a, b, case.float("beta"), reduction),
        "huber_loss" => huber(a, b, case.float("delta"), reduction),
        "gaussian_nll_loss" => {
            gaussian_nll(a, b, &inputs[2], GaussianNll { full: case.flag("full"), eps: eps(), reduction })
        }
        "cosine_similarity_loss" => {
            cosine_similarity(a, b, CosineSimilarity { axis: axis(), eps: eps(), reduction })
        }
        "triplet_loss" => {
            let (p, margin) = (case.float("p"), case.float("margin"));
            triplet(a, b, &inputs[2], Triplet { axis: axis(), p, margin, eps: eps(), reduction })
        }
        "margin_ranking_loss" => margin_ranking(a, b, &inputs[2], case.float("margin"), reduction),
        unknown => panic!("{unknown} is not tested"),
    }
}

#[test]
fn losses_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("loss") {
        case.check(|_| Ok(()), |(), inputs| Ok(vec![loss(case, inputs)?]));
    }
}

#[test]
fn options_have_the_defaults_of_python() {
    let CrossEntropy { weights, axis, label_smoothing, reduction } = CrossEntropy::default();
    assert_eq!((weights.is_none(), axis, label_smoothing, reduction), (true, -1, 0.0, Reduction::None));
    let BinaryCrossEntropy { weights, with_logits, reduction } = BinaryCrossEntropy::default();
    assert_eq!((weights.is_none(), with_logits, reduction), (true, true, Reduction::Mean));
    let expected = GaussianNll { full: false, eps: 1e-6, reduction: Reduction::Mean };
    assert_eq!(GaussianNll::default(), expected);
    let expected = CosineSimilarity { axis: 1, eps: 1e-8, reduction: Reduction::None };
    assert_eq!(CosineSimilarity::default(), expected);
    let expected = Triplet { axis: -1, p: 2.0, margin: 1.0, eps: 1e-6, reduction: Reduction::None };
    assert_eq!(Triplet::default(), expected);
}

#[test]
fn impossible_probabilities_cost_a_hundred_and_have_finite_gradients() {
    let (p, targets) = (Array::from([0.0_f32, 1.0, 0.0, 0.5]), Array::from([1.0_f32, 0.0, 0.0, 1.0]));
    let options = BinaryCrossEntropy { with_logits: false, ..Reduction::None.into() };
    let losses = binary_cross_entropy(&p, &targets, options).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(losses, [100.0, 100.0, 0.0, 2.0_f32.ln()]);
    let slopes =
        transform::grad(|p: &Array| binary_cross_entropy(p, &targets, options)?.sum(..))(&p).unwrap();
    assert_eq!(slopes.to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0, -2.0]);
}

/// Random logits and classes of 3 rows of 5 in a batch of 2.
fn classified() -> (Array, Array) {
    let (a, b) = Key::new(4).unwrap().split().unwrap();
    let logits = random::normal([2, 3, 5], Dtype::Float32, &a).unwrap();
    (logits, random::randint([2, 3], 0, 5, Dtype::Int32, &b).unwrap())
}

#[test]
fn the_kernel_for_classes_gives_the_same() {
    let (logits, classes) = classified();
    let by_kernel = |x: &Array| fast::cross_entropy(x, &classes);
    let by_ops = |x: &Array| cross_entropy(x, &classes, Reduction::None);
    let ones = Array::ones([2, 3], Dtype::Float32).unwrap();
    let (losses, slopes) = transform::vjp(by_kernel, &logits, &ones).unwrap();
    let (expected, expected_slopes) = transform::vjp(by_ops, &logits, &ones).unwrap();
    assert!(relative_error(&losses, &expected) < 1e-6);
    assert!(relative_error(&slopes, &expected_slopes) < 1e-6);
}

#[test]
fn the_losses_of_a_batch_are_those_of_its_parts() {
    let (logits, classes) = classified();
    let smooth = CrossEntropy { label_smoothing: 0.1, ..Reduction::Mean.into() };
    let loss = |(x, y): &(Array, Array)| cross_entropy(x, y, smooth);
    let losses = transform::vmap(loss, 0, 0)(&(logits.clone(), classes.clone())).unwrap();
    for at in 0..2 {
        let part = loss(&(logits.index(at).unwrap(), classes.index(at).unwrap())).unwrap();
        assert!(relative_error(&losses.index(at).unwrap(), &part) < 1e-6);
    }
}

fn zeros(shape: &[i32]) -> Array {
    Array::zeros(shape, Dtype::Float32).unwrap()
}

fn refusal(result: mlx_core::Result<Array>) -> String {
    result.unwrap_err().message().to_owned()
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let (a, b, none) = (zeros(&[2, 3]), zeros(&[2]), Reduction::None);
    let expected = "these must have one shape: predictions [2, 3], targets [2]";
    for loss in [l1, mse, log_cosh] {
        assert_eq!(refusal(loss(&a, &b, none)), expected);
    }
    assert_eq!(refusal(smooth_l1(&a, &b, 1.0, none)), expected);
    assert_eq!(refusal(huber(&a, &b, 1.0, none)), expected);
    let expected = "these must have one shape: inputs [2, 3], targets [2]";
    assert_eq!(refusal(hinge(&a, &b, none)), expected);
    assert_eq!(refusal(binary_cross_entropy(&a, &b, none)), expected);
    let error = refusal(gaussian_nll(&a, &a, &b, none));
    assert_eq!(error, "these must have one shape: means [2, 3], targets [2, 3], variances [2]");
    let error = refusal(margin_ranking(&a, &a, &b, 0.0, none));
    assert_eq!(error, "these must have one shape: first scores [2, 3], second scores [2, 3], targets [2]");
}

#[test]
fn targets_that_are_not_one_for_each_row_are_named() {
    let (logits, classes) = (zeros(&[2, 3, 4]), Array::zeros([2, 4], Dtype::Int32).unwrap());
    let none = Reduction::None;
    let expected = "targets [2, 4] are not one of 4 classes for each row along axis -1 of [2, 3, 4]";
    assert_eq!(refusal(cross_entropy(&logits, &classes, none)), expected);
    assert_eq!(refusal(nll(&logits, &classes, -1, none)), expected);
    assert!(nll(&logits, &classes, 1, none).is_ok());
    assert!(nll(&logits, &classes, 3, none).is_err());
    let error = refusal(cross_entropy(&logits, &zeros(&[2, 3, 1]), none));
    assert_eq!(error, "these must have one shape: logits [2, 3, 4], probabilities as targets [2, 3, 1]");
    let weights = zeros(&[4]);
    let weighted = CrossEntropy { weights: Some(&weights), axis: 1, ..none.into() };
    let error = refusal(cross_entropy(&logits, &classes, weighted));
    assert_eq!(error, "these must have one shape: losses [2, 4], weights [4]");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let (x, none) = (zeros(&[2, 3]), Reduction::None);
    for label_smoothing in [-0.1, 1.0, f32::NAN] {
        let error = refusal(cross_entropy(&x, &x, CrossEntropy { label_smoothing, ..none.into() }));
        assert!(error.starts_with("label smoothing is at least 0 and less than 1, not"), "{error}");
    }
    let error = refusal(smooth_l1(&x, &x, 0.0, none));
    assert_eq!(error, "beta is a positive number, not 0: l1 has no curve");
    assert_eq!(refusal(huber(&x, &x, -1.0, none)), "delta is a positive number, not -1");
    let error = refusal(gaussian_nll(&x, &x, &x, GaussianNll { eps: 0.0, ..none.into() }));
    assert_eq!(error, "eps is a positive number, not 0");
    let error = refusal(triplet(&x, &x, &x, Triplet { p: 0.5, ..none.into() }));
    assert_eq!(error, "p is a number from 1 on, not 0.5");
}
