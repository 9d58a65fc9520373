//! The implicit sequence of keys of each thread.

use std::thread;

use mlx_core::{Device, Dtype, random};

fn draw() -> Vec<f32> {
    let draw = || random::uniform([2], 0.0, 1.0, Dtype::Float32, &random::key()?)?.to_vec();
    Device::Cpu.scope(draw).unwrap()
}

#[test]
fn a_seed_leads_to_the_numbers_that_python_draws() {
    random::seed(7);
    assert_eq!(draw(), [0.514_767_05, 0.078_491_21]);
    assert_eq!(draw(), [0.801_293_73, 0.184_429_65]);
    assert_eq!(draw(), [0.241_399_82, 0.571_270_4]);
}

#[test]
fn threads_without_a_seed_draw_different_numbers() {
    let mut all: Vec<_> = (0..8).map(|_| thread::spawn(draw)).map(|t| t.join().unwrap()).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn a_seed_is_of_its_thread() {
    random::seed(3);
    let first = draw();
    thread::spawn(|| random::seed(3)).join().unwrap();
    let second = draw();
    assert_ne!(first, second);
    let elsewhere = thread::spawn(|| {
        random::seed(3);
        (draw(), draw())
    });
    assert_eq!(elsewhere.join().unwrap(), (first, second));
}

#[test]
fn a_sequence_does_not_repeat_itself_soon() {
    random::seed(0);
    let mut keys: Vec<_> = (0..2000).map(|_| format!("{:?}", draw())).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 2000);
}
