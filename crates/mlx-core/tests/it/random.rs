//! Random numbers from keys, compared with those of MLX's Python interface.

use mlx_core::random::{
    self, Categorical, Draws, Key, Laplace, Normal, categorical, normal, permutation, permutation_arange,
    randint, uniform,
};
use mlx_core::{Array, Complex64, Dtype, Kind};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::values;

fn key() -> Key {
    Key::new(42).unwrap()
}

fn draw(key: &Key) -> Vec<f32> {
    uniform([4], -1.0, 3.0, Dtype::Float32, key).unwrap().to_vec().unwrap()
}

#[test]
fn a_key_gives_the_numbers_that_it_gives_in_python() {
    let expected = [1.296_577_7_f32, 2.426_550_1, -0.762_155_3, -0.750_577_57];
    assert_close(&draw(&key()), &expected, Tolerance::F32);
    let expected = [0.186_935_65_f32, 1.065_333_8, -1.559_312_7, -1.535_295_4];
    let drawn = normal([4], Dtype::Float32, &key()).unwrap().to_vec::<f32>().unwrap();
    assert_close(&drawn, &expected, Tolerance::F32);
    let logits = Array::from([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]);
    assert_eq!(categorical(&logits, -1, &key()).unwrap().to_vec::<u32>().unwrap(), [2, 0]);
}

#[test]
fn every_distribution_gives_the_numbers_that_it_gives_in_python() {
    let (key, f32) = (key(), Dtype::Float32);
    let (one, two) = (Array::from(1.0), Array::from(2.0));
    let shifted = Normal { loc: Some(&one), scale: Some(&two), ..f32.into() };
    let (low, high) = (Array::from([0.0, 10.0]), Array::from([1.0, 20.0]));
    let ten = Normal { loc: Some(&Array::from([0.0, 10.0])), ..f32.into() };
    let covariance = Array::from([[2.0, 1.0], [1.0, 2.0]]);
    let drawn = [
        random::gumbel([3], f32, &key),
        random::laplace([3], Laplace { loc: 1.0, scale: 2.0, dtype: f32 }, &key),
        normal([3], shifted, &key),
        normal([2, 2], ten, &key),
        random::truncated_normal([3], -1.0, 1.0, f32, &key),
        uniform([2, 2], &low, &high, f32, &key),
        random::multivariate_normal(&Array::from([1.0, 2.0]), &covariance, [2], &key),
    ];
    let expected: [&[f64]; 7] = [
        &[0.589_013_7, -0.833_345_53, -1.037_598_7],
        &[0.678_984_17, 4.215_712_5, 5.258_567_8],
        &[1.373_871_3, -1.561_300_5, -2.118_625_4],
        &[0.186_935_65, 11.065_334, -1.559_312_7, 8.464_705],
        &[0.127_221_88, -0.748_656_15, -0.844_307_5],
        &[0.574_144_4, 18.566_376, 0.059_461_18, 10.623_556],
        &[1.645_298, 3.523_696, -1.692_017_6, -0.668_000_2],
    ];
    for (at, (drawn, expected)) in drawn.into_iter().zip(expected).enumerate() {
        let drawn = drawn.unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_close(&values(&drawn), expected, Tolerance::F32);
    }
    let z = normal([2], Dtype::Complex64, &key).unwrap().to_vec::<Complex64>().unwrap();
    let parts: Vec<_> = z.iter().flat_map(|z| [z.re, z.im]).collect();
    assert_close(&parts, &[0.132_183_46_f32, 0.753_304_8, -1.102_600_6, -1.085_617_8], Tolerance::F32);
}

#[test]
fn every_choice_is_that_of_python() {
    let key = key();
    let yes = random::bernoulli([8], 0.3, &key).unwrap().to_vec::<bool>().unwrap();
    assert_eq!(yes, [false, false, true, true, false, true, true, true]);
    let numbers = randint([6], -5, 5, Dtype::Int32, &key).unwrap();
    assert_eq!(numbers.to_vec::<i32>().unwrap(), [2, 3, 3, -3, -4, 0]);
    assert_eq!(permutation_arange(6, &key).unwrap().to_vec::<u32>().unwrap(), [4, 3, 5, 0, 1, 2]);
    let rows = permutation(&Array::from([[1, 2, 3], [4, 5, 6]]), 1, &key).unwrap();
    assert_eq!(rows.to_vec::<i32>().unwrap(), [3, 2, 1, 6, 5, 4]);
    let logits = Array::from([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]);
    let draw = |draws| {
        let drawn = categorical(&logits, Categorical { axis: -1, draws }, &key).unwrap();
        (drawn.shape().to_vec(), drawn.to_vec::<u32>().unwrap())
    };
    assert_eq!(draw(Draws::Number(4)), (vec![2, 4], vec![2, 2, 0, 2, 0, 0, 0, 0]));
    assert_eq!(draw(Draws::Shape(vec![3, 2])), (vec![3, 2], vec![2, 0, 1, 0, 2, 1]));
    let five = Categorical { axis: 0, draws: Draws::Number(5) };
    let one = categorical(&Array::from([0.0, 1.0, 2.0]), five, &key).unwrap();
    assert_eq!(one.to_vec::<u32>().unwrap(), [2, 2, 1, 1, 1]);
}

#[test]
fn a_key_splits_into_those_of_python() {
    let keys = key().split_into(3).unwrap();
    let words: Vec<_> = keys.iter().flat_map(|key| key.array().to_vec::<u32>().unwrap()).collect();
    assert_eq!(words, [3134548294, 3733159049, 3746501087, 894150801, 801545058, 2363201431]);
    assert!(key().split_into(0).unwrap().is_empty() && key().split_into(-1).is_err());
}

#[test]
fn a_key_is_kept_as_an_array() {
    let kept = Key::from_array(key().array().clone()).unwrap();
    assert_eq!(draw(&kept), draw(&key()));
    for wrong in [Array::from([1_u32]), Array::from([1, 2]), Array::from([[1_u32, 2]]), Array::from(1_u32)] {
        assert_eq!(Key::from_array(wrong).unwrap_err().kind(), Kind::Shape);
    }
}

#[test]
fn bits_are_even_in_every_width() {
    for (width, dtype) in [(1, Dtype::Uint8), (2, Dtype::Uint16), (4, Dtype::Uint32)] {
        let drawn = random::bits([20_000], width, &key()).unwrap();
        assert_eq!(drawn.dtype(), dtype);
        let mean = values(&drawn).iter().sum::<f64>() / 20_000.0 / 2_f64.powi(8 * width - 1);
        assert!((mean - 1.0).abs() < 0.02, "{width}: {mean}");
    }
    for width in [0, 3, 8, -1, i32::MAX] {
        assert!(random::bits([2], width, &key()).is_err(), "{width}");
    }
}

#[test]
fn whole_numbers_fill_their_range_and_no_more() {
    let drawn = randint([5_000], -3, 4, Dtype::Int8, &key()).unwrap().to_vec::<i8>().unwrap();
    for number in -3..4 {
        let share = drawn.iter().filter(|&&n| n == number).count() as f32 / 5_000.0;
        assert!((share - 1.0 / 7.0).abs() < 0.02, "{number}: {share}");
    }
    assert!(drawn.iter().all(|n| (-3..4).contains(n)));
    let bounds = (Array::from([[0], [100]]), Array::from([[1], [101]]));
    let rows = randint([2, 3], &bounds.0, &bounds.1, Dtype::Int32, &key()).unwrap();
    assert_eq!(rows.to_vec::<i32>().unwrap(), [0, 0, 0, 100, 100, 100]);
    assert!(randint([2], 0, 5, Dtype::Float32, &key()).is_err());
    assert!(randint([2], &bounds.0, 5, Dtype::Int32, &key()).is_err());
}

#[test]
fn moments_are_those_of_the_distributions() {
    let (n, f32) = (20_000, Dtype::Float32);
    let moments = |x: Array| (values(&x.mean(..).unwrap())[0], values(&x.var(.., 0).unwrap())[0]);
    let near = |(mean, variance): (f64, f64), m: f64, v: f64| {
        assert!(
            (mean - m).abs() < 0.05 && (variance / v - 1.0).abs() < 0.06,
            "{mean} {variance}, not {m} {v}"
        );
    };
    near(moments(random::gumbel([n], f32, &key()).unwrap()), 0.5772, 1.6449);
    let how = Laplace { loc: 3.0, scale: 0.5, dtype: f32 };
    near(moments(random::laplace([n], how, &key()).unwrap()), 3.0, 0.5);
    near(moments(random::truncated_normal([n], -1.0, 1.0, f32, &key()).unwrap()), 0.0, 0.2911);
    near(moments(random::bernoulli([n], 0.25, &key()).unwrap().astype(f32).unwrap()), 0.25, 0.1875);
    let covariance = Array::from([[2.0, -1.0], [-1.0, 3.0]]);
    let pairs = random::multivariate_normal(&Array::from([1.0, -1.0]), &covariance, [n], &key()).unwrap();
    assert_eq!(pairs.shape(), [n, 2]);
    near(moments(pairs.index((.., 0)).unwrap()), 1.0, 2.0);
    near(moments(pairs.index((.., 1)).unwrap()), -1.0, 3.0);
    near(moments(pairs.sum(-1).unwrap()), 0.0, 3.0);
}

#[test]
fn a_permutation_holds_everything_once() {
    let mut numbers = permutation_arange(100, &key()).unwrap().to_vec::<u32>().unwrap();
    assert_ne!(numbers, (0..100).collect::<Vec<_>>());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    let x = Array::arange(0..12).unwrap().reshape([3, 4]).unwrap();
    let rows = permutation(&x, 0, &key()).unwrap();
    assert_eq!(rows.sort(0).unwrap().to_vec::<i32>().unwrap(), x.to_vec::<i32>().unwrap());
    let none = Array::zeros([0, 3], Dtype::Float32).unwrap();
    assert_eq!(permutation(&none, 0, &key()).unwrap().shape(), [0, 3]);
    assert_eq!(permutation(&none, 1, &key()).unwrap().size(), 0);
    assert!(permutation_arange(0, &key()).unwrap().to_vec::<u32>().unwrap().is_empty());
    assert!(permutation_arange(-1, &key()).is_err() && permutation(&x, 2, &key()).is_err());
}

#[test]
fn distributions_that_are_none_are_errors() {
    let (key, f32) = (key(), Dtype::Float32);
    for dtype in [Dtype::Int32, Dtype::Bool] {
        assert!(random::gumbel([2], dtype, &key).is_err() && random::laplace([2], dtype, &key).is_err());
        assert!(uniform([2], 0.0, 1.0, dtype, &key).is_err());
        assert!(random::truncated_normal([2], 0.0, 1.0, dtype, &key).is_err());
    }
    assert!(random::bernoulli([2], Array::from([1, 0]), &key).is_err());
    assert!(random::bernoulli([3], Array::from([0.5, 0.5]), &key).is_err());
    let (mean, square) = (Array::from([1.0, 2.0]), Array::from([[1.0, 0.0], [0.0, 1.0]]));
    assert!(random::multivariate_normal(&mean, &mean, [2], &key).is_err());
    assert!(random::multivariate_normal(&Array::from([1.0]), &square, [2], &key).is_err());
    assert!(random::multivariate_normal(&Array::from(1.0), &square, [2], &key).is_err());
    let logits = Array::zeros([2, 3], f32).unwrap();
    for draws in [Draws::Number(-1), Draws::Shape(vec![3]), Draws::Shape(vec![-2]), Draws::Shape(vec![])] {
        assert!(
            categorical(&logits, Categorical { axis: -1, draws: draws.clone() }, &key).is_err(),
            "{draws:?}"
        );
    }
    for axis in [2, -3, i32::MAX, i32::MIN] {
        assert!(categorical(&logits, Categorical { axis, draws: Draws::Number(2) }, &key).is_err(), "{axis}");
    }
}

#[test]
fn the_same_key_gives_the_same_and_another_does_not() {
    assert_eq!(draw(&key()), draw(&key()));
    assert_ne!(draw(&key()), draw(&Key::new(43).unwrap()));
    let (a, b) = key().split().unwrap();
    let draws = [draw(&key()), draw(&a), draw(&b)];
    assert!(draws[0] != draws[1] && draws[1] != draws[2] && draws[0] != draws[2]);
}

#[test]
fn next_leaves_another_key_each_time() {
    let mut state = key();
    let draws: Vec<_> = (0..3).map(|_| draw(&state.next().unwrap())).collect();
    assert!(draws[0] != draws[1] && draws[1] != draws[2]);
    let mut again = key();
    assert_eq!(draw(&again.next().unwrap()), draws[0]);
}

#[test]
fn uniform_numbers_fill_their_range() {
    let drawn = uniform([20_000], -1.0, 3.0, Dtype::Float32, &key()).unwrap().to_vec::<f32>().unwrap();
    assert!(drawn.iter().all(|n| (-1.0..3.0).contains(n)));
    let mean = drawn.iter().sum::<f32>() / drawn.len() as f32;
    assert!((mean - 1.0).abs() < 0.05, "{mean}");
    let half = uniform([8], 0.0, 1.0, Dtype::Bfloat16, &key()).unwrap();
    assert_eq!(half.dtype(), Dtype::Bfloat16);
}

#[test]
fn normal_numbers_have_mean_zero_and_variance_one() {
    let drawn = normal([20_000], Dtype::Float32, &key()).unwrap();
    let mean = drawn.mean(..).unwrap().item::<f32>().unwrap();
    let variance = drawn.var(.., 0).unwrap().item::<f32>().unwrap();
    assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
}

#[test]
fn categorical_draws_as_often_as_the_softmax_says() {
    let probabilities = [0.1_f32, 0.2, 0.7];
    let logits = Array::from(probabilities.map(f32::ln)).broadcast_to([20_000, 3]).unwrap();
    let drawn = categorical(&logits, -1, &key()).unwrap().to_vec::<u32>().unwrap();
    for (at, probability) in probabilities.iter().enumerate() {
        let share = drawn.iter().filter(|&&n| n as usize == at).count() as f32 / drawn.len() as f32;
        assert!((share - probability).abs() < 0.015, "{at}: {share}");
    }
}

#[test]
fn impossible_draws_are_errors() {
    assert!(normal([-1, -4], Dtype::Float32, &key()).is_err());
    assert!(uniform([i32::MAX, i32::MAX, i32::MAX], 0.0, 1.0, Dtype::Float32, &key()).is_err());
    assert!(normal([2], Dtype::Int32, &key()).is_err());
    assert!(categorical(&Array::from(1.0), 0, &key()).is_err());
    assert!(categorical(&Array::zeros([2, 0], Dtype::Float32).unwrap(), -1, &key()).is_err());
    assert!(normal([0, 3], Dtype::Float32, &key()).unwrap().to_vec::<f32>().unwrap().is_empty());
}
