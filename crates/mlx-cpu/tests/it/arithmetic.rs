//! Sums and products of numbers in the same places.

use mlx_cpu::arithmetic::{add, multiply};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, assert_near};
use super::random::Random;

#[test]
fn sums_and_products_are_rounded_once() {
    for of in TYPES {
        for count in [0, 1, 9, 4096, 50_001] {
            let [x, y] = [1, 2].map(|seed| Floats::new(of, &Random::new(seed).numbers(count)));
            let pairs = x.doubles().into_iter().zip(y.doubles());
            let (sums, products): (Vec<_>, Vec<_>) = pairs.map(|(x, y)| (x + y, x * y)).unzip();
            for level in Level::available() {
                let mut out = Floats::unwritten(of, count);
                assert!(add(level, [x.get(), y.get()], out.get_mut()));
                assert_near(of, &out, &sums, f64::abs, 0.0);
                let mut out = Floats::unwritten(of, count);
                assert!(multiply(level, [x.get(), y.get()], out.get_mut()));
                assert_near(of, &out, &products, f64::abs, 0.0);
            }
        }
    }
}

#[test]
fn lengths_that_differ_are_refused() {
    let x = Numbers::F32(&[1.0; 4]);
    let mut out = [0.0; 4];
    assert!(add(Level::best(), [x, x], NumbersMut::F32(&mut out)));
    assert!(!add(Level::best(), [x, Numbers::F32(&[1.0; 3])], NumbersMut::F32(&mut out)));
    assert!(!add(Level::best(), [x, x], NumbersMut::F32(&mut out[..3])));
    assert!(!add(Level::best(), [x, Numbers::F16(&[])], NumbersMut::F32(&mut out)));
}
