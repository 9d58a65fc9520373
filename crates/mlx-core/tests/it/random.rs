//! Random numbers from keys, compared with those of MLX's Python interface.

use mlx_core::random::{Key, categorical, normal, uniform};
use mlx_core::{Array, Dtype};
use mlx_testkit::{Tolerance, assert_close};

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
