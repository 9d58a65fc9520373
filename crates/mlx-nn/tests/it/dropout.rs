//! Dropouts: what Python leaves out after the same seed, moments, and batches.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, transform};
use mlx_nn::{Dropout, Dropout2d, Dropout3d};

use crate::layer_case::LayerCase;

#[test]
fn dropouts_leave_out_what_python_leaves_out_after_the_same_seed() {
    for case in &LayerCase::all("dropout") {
        let key = || Key::new(case.int("seed") as u64);
        let p = case.float("p");
        match case.text("layer") {
            "Dropout" => {
                case.check(|_| Dropout::new(p), |layer, x| Ok(vec![layer.forward(&x[0], Some(&mut key()?))?]))
            }
            "Dropout2d" => case
                .check(|_| Dropout2d::new(p), |layer, x| Ok(vec![layer.forward(&x[0], Some(&mut key()?))?])),
            "Dropout3d" => case
                .check(|_| Dropout3d::new(p), |layer, x| Ok(vec![layer.forward(&x[0], Some(&mut key()?))?])),
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

fn ones(shape: &[i32]) -> Array {
    Array::ones(shape, Dtype::Float32).unwrap()
}

/// The part of zeros and the mean of what is left of ones.
fn moments(y: &Array) -> (f32, f32) {
    let item = |array: mlx_core::Result<Array>| array.unwrap().item::<f32>().unwrap();
    let zeros = y.equal(0.0).unwrap().astype(Dtype::Float32).unwrap();
    (item(zeros.mean(..)), item(y.mean(..)))
}

#[test]
fn the_part_that_is_left_out_is_p_and_the_mean_stays() {
    for p in [0.1, 0.5, 0.8] {
        let mut key = Key::new(3).unwrap();
        let y = Dropout::new(p).unwrap().forward(&ones(&[200, 500]), Some(&mut key)).unwrap();
        let images = Dropout2d::new(p).unwrap().forward(&ones(&[500, 2, 3, 200]), Some(&mut key)).unwrap();
        for (zeros, mean) in [moments(&y), moments(&images)] {
            assert!((zeros - p).abs() < 0.005 && (mean - 1.0).abs() < 0.02, "{p}: {zeros} {mean}");
        }
    }
}

#[test]
fn a_channel_goes_or_stays_as_a_whole() {
    let mut key = Key::new(9).unwrap();
    let y = Dropout3d::new(0.5).unwrap().forward(&ones(&[4, 3, 2, 5, 8]), Some(&mut key)).unwrap();
    let [least, greatest] = [y.min([1, 2, 3]), y.max([1, 2, 3])].map(Result::unwrap);
    assert!(least.array_equal(&greatest, false).unwrap());
    assert_eq!(greatest.shape(), [4, 8]);
    let (zeros, _) = moments(&greatest);
    assert!(zeros > 0.2 && zeros < 0.8, "{zeros}");
}

#[test]
fn without_a_key_nothing_changes_and_with_one_it_moves_on() {
    let (x, dropout) = (ones(&[64]), Dropout::new(0.5).unwrap());
    assert!(dropout.forward(&x, None).unwrap().array_equal(&x, false).unwrap());
    let mut key = Key::new(1).unwrap();
    let first = dropout.forward(&x, Some(&mut key)).unwrap();
    let second = dropout.forward(&x, Some(&mut key)).unwrap();
    assert!(!first.array_equal(&second, false).unwrap());
    let again = dropout.forward(&x, Some(&mut Key::new(1).unwrap())).unwrap();
    assert!(first.array_equal(&again, false).unwrap());
}

#[test]
fn half_precision_stays() {
    let x = ones(&[8]).astype(Dtype::Bfloat16).unwrap();
    let y = Dropout::new(0.5).unwrap().forward(&x, Some(&mut Key::new(1).unwrap())).unwrap();
    assert_eq!(y.dtype(), Dtype::Bfloat16);
}

#[test]
fn each_element_of_a_batch_draws_with_its_own_key() {
    let dropout = Dropout2d::new(0.4).unwrap();
    let keys = Key::new(5).unwrap().split_into(3).unwrap();
    let stacked = mlx_core::stack(keys.iter().map(Key::array), 0).unwrap();
    let x = ones(&[3, 2, 2, 16]);
    let one = |(x, key): &(Array, Array)| dropout.forward(x, Some(&mut Key::from_array(key.clone())?));
    let batched = transform::vmap(one, 0, 0)(&(x.clone(), stacked)).unwrap();
    for (at, key) in (0..).zip(keys) {
        let alone = dropout.forward(&x.index(at).unwrap(), Some(&mut key.clone())).unwrap();
        assert!(batched.index(at).unwrap().array_equal(&alone, false).unwrap(), "{at}");
    }
}

#[test]
fn a_compiled_step_draws_anew_with_each_key() {
    let dropout = Dropout::new(0.5).unwrap();
    let step = move |(x, key): &(Array, Key)| dropout.forward(x, Some(&mut key.clone()));
    let compiled = transform::compile(step, transform::Shapes::Exact);
    let outputs = [1, 2].map(|seed| {
        let key = Key::new(seed).unwrap();
        let y = compiled(&(ones(&[64]), key.clone())).unwrap();
        assert!(
            y.array_equal(&dropout.forward(&ones(&[64]), Some(&mut key.clone())).unwrap(), false).unwrap()
        );
        y
    });
    assert!(!outputs[0].array_equal(&outputs[1], false).unwrap());
}

#[test]
fn probabilities_and_shapes_that_make_no_sense_are_refused() {
    for p in [-0.1, 1.0, f32::NAN] {
        let error = Dropout::new(p).unwrap_err().to_string();
        assert_eq!(error, format!("dropout: {p} is not a probability of at least 0 and less than 1"));
        assert!(Dropout2d::new(p).is_err() && Dropout3d::new(p).is_err());
    }
    for shape in [&[2, 3][..], &[1, 2, 3, 4, 5]] {
        let error = Dropout2d::new(0.5).unwrap().forward(&ones(shape), None).unwrap_err();
        assert!(error.message().contains("has not 2 axes between [batch] and channels"), "{error}");
    }
    assert!(Dropout3d::new(0.5).unwrap().forward(&ones(&[2, 3, 4]), None).is_err());
}
