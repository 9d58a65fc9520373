//! States of optimisers: their names, files, and learning rates.

use std::path::PathBuf;

use mlx_core::{Array, Dtype, Tree};
use mlx_nn::optim::{AdamW, Optimizer, Sgd, State, linear_schedule};
use mlx_nn::{Error, Parameters, load_tree, save_tree};
use mlx_testkit::cases;

use super::{TOLERANCE, assert_close, golden, optimizers, parameters, relative_error, train};
use crate::fixture;

/// The optimisers whose state after five steps Python wrote to a file, and these files.
fn resumed() -> Vec<(&'static str, Box<dyn Optimizer>, PathBuf)> {
    let cases = cases(fixture::golden("mlx-nn", "optim.json"));
    let is_resumed =
        |name: &str| cases.iter().any(|case| case["optimizer"] == name && case["resumed"] == true);
    let optimizers = optimizers().into_iter().filter(|(name, _)| is_resumed(name));
    let file = |name| fixture::golden("mlx-nn", &format!("optim_{name}.safetensors"));
    let resumed: Vec<_> = optimizers.map(|(name, optimizer)| (name, optimizer, file(name))).collect();
    assert_eq!(resumed.len(), 4);
    resumed
}

#[test]
fn a_state_that_python_wrote_goes_on_as_there() {
    let golden = golden();
    for (name, optimizer, file) in resumed() {
        let middle = parameters(&golden, &format!("{name}.5"));
        let state = load_tree(file, &optimizer.init(&middle).unwrap()).unwrap();
        let (last, state) = train(&golden, optimizer.as_ref(), (middle, state), 6..=10, |_, _| ()).unwrap();
        assert_close(&golden, &format!("{name}.10"), &last);
        assert_close(&golden, &format!("{name}.state"), state.arrays());
    }
}

#[test]
fn a_state_file_is_what_python_writes_after_the_same_steps() {
    let (golden, folder) = (golden(), tempfile::tempdir().unwrap());
    for (name, optimizer, file) in resumed() {
        let start = parameters(&golden, "parameters");
        let state = optimizer.init(&start).unwrap();
        let (_, state) = train(&golden, optimizer.as_ref(), (start, state), 1..=5, |_, _| ()).unwrap();
        let path = folder.path().join(format!("{name}.safetensors"));
        save_tree(&path, &state).unwrap();

        let [ours, theirs] = [path, file].map(|path| Parameters::load(path).unwrap());
        let form = |arrays: &Parameters| -> Vec<(String, Vec<i32>, Dtype)> {
            arrays
                .iter()
                .map(|(name, array)| (name.to_owned(), array.shape().to_vec(), array.dtype()))
                .collect()
        };
        assert_eq!(form(&ours), form(&theirs), "{name}");
        for ((path, ours), theirs) in ours.iter().zip(theirs.values()) {
            assert!(relative_error(ours, theirs) <= TOLERANCE, "{name}: {path}");
        }
    }
}

#[test]
fn leaves_have_the_names_of_python() {
    let state = AdamW::new(0.1).init(&one("layers.0.weight")).unwrap();
    let names: Vec<_> = state.named_leaves().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["layers.0.weight.m", "layers.0.weight.v", "learning_rate", "step"]);
}

#[test]
fn a_state_file_that_does_not_fit_is_refused_with_all_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let state = |name, length, dtype| {
        let arrays = [
            ("a", 2, Dtype::Float32),
            (name, 3, Dtype::Float32),
            ("c", length, Dtype::Float32),
            ("d", 5, dtype),
        ];
        let arrays = arrays.map(|(name, length, dtype)| (name, Array::zeros([length], dtype).unwrap()));
        Sgd::new(0.1).init(&arrays.into_iter().collect()).unwrap()
    };
    save_tree(&path, &state("left", 4, Dtype::Float16)).unwrap();
    let loaded = load_tree(&path, &state("lacking", 5, Dtype::Float32));
    let Err(Error::Weights(report)) = loaded else { panic!("it was loaded") };
    assert_eq!(report.missing, ["lacking.v"]);
    assert_eq!(report.unused, ["left.v"]);
    let wrong = report.misshapen.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected =
        ["c.v (found [4] float32, expected [5] float32)", "d.v (found [5] float16, expected [5] float32)"];
    assert_eq!(wrong, expected);
}

fn one(name: &str) -> Parameters {
    [(name, Array::from([1.0, 2.0]))].into_iter().collect()
}

#[test]
fn a_constant_rate_can_be_changed_in_the_state_and_a_schedule_cannot() {
    let step = |sgd: Sgd| -> f32 {
        let state = sgd.init(&one("w")).unwrap().with_learning_rate(0.5);
        let (changed, _) = sgd.apply(&one("w"), &one("w"), &state).unwrap();
        changed.get("w").unwrap().to_vec::<f32>().unwrap()[0]
    };
    assert_eq!(step(Sgd::new(0.25)), 0.5);
    assert_eq!(step(Sgd::new(linear_schedule(0.25, 0.0, 9).unwrap())), 0.75);
}

#[test]
fn the_rates_of_all_parts_are_changed() {
    let (_, multi) = optimizers().pop().unwrap();
    let state = multi.init(&parameters(&golden(), "parameters")).unwrap().with_learning_rate(7.0);
    let rates = state.arrays().iter().filter(|(name, _)| name.ends_with("learning_rate"));
    let rates: Vec<_> = rates.map(|(_, rate)| rate.item::<f32>().unwrap()).collect();
    assert_eq!(rates, [7.0; 3]);
}

#[test]
fn a_gradient_without_parameter_or_slot_is_named() {
    let adam = AdamW::new(0.1);
    let message = |parameters: &Parameters, state: &State| {
        adam.apply(parameters, &one("w"), state).unwrap_err().message().to_owned()
    };
    let (of_w, of_u) = (adam.init(&one("w")).unwrap(), adam.init(&one("u")).unwrap());
    assert_eq!(message(&one("u"), &of_w), "there is a gradient but no parameter `w`");
    assert_eq!(
        message(&one("w"), &of_u),
        "the state has no `w.m`: make it by `init` with the parameters to train"
    );
}
