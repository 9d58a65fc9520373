//! Activation functions and gates.

use mlx_cpu::gate::{Activation, activate, multiply, multiply_halves};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, Type, assert_near};
use super::random::Random;

const ALL: [Activation; 7] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Silu,
    Activation::Gelu,
    Activation::GeluApprox,
    Activation::SquaredRelu,
    Activation::Tanh,
];

/// `erf x` as a series (Abramowitz and Stegun, 7.1.6).
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..300 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
}

fn exact(function: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match function {
        Activation::Identity => x,
        Activation::Sigmoid => sigmoid(x),
        Activation::Silu => x * sigmoid(x),
        Activation::Gelu => x * (1.0 + erf(x / 2_f64.sqrt())) / 2.0,
        Activation::GeluApprox => {
            // As (1 + tanh(y)) / 2 = sigmoid(2 y), which keeps its digits where it is small.
            x * sigmoid((8.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3)))
        }
        Activation::SquaredRelu => x.max(0.0).powi(2),
        Activation::Tanh => x.tanh(),
    }
}

fn random(of: Type, count: usize, seed: u64) -> Floats {
    let numbers: Vec<_> = Random::new(seed).numbers(count).iter().map(|x| x * 8.0).collect();
    Floats::new(of, &numbers)
}

#[test]
fn functions_and_their_products_are_those_of_double_precision() {
    for function in ALL {
        for of in TYPES {
            for count in [0, 1, 7, 8, 16, 31, 4096, 40_001] {
                let [x, y] = [1, 2].map(|seed| random(of, count, seed));
                let single: Vec<_> = x.doubles().iter().map(|&x| exact(function, x)).collect();
                let product: Vec<_> = single.iter().zip(y.doubles()).map(|(x, y)| x * y).collect();
                let size = |y: f64| match function {
                    // What is lost where 1 and the function of a negative number nearly cancel.
                    Activation::Gelu => y.abs() + 8.0,
                    // An exponent of up to 50 is rounded three times.
                    Activation::GeluApprox => 20.0 * y.abs(),
                    _ => y.abs(),
                };
                for level in Level::available() {
                    let mut out = Floats::unwritten(of, count);
                    assert!(activate(level, function, x.get(), out.get_mut()));
                    assert_near(of, &out, &single, size, 8.0);
                    let mut out = Floats::unwritten(of, count);
                    assert!(multiply(level, function, [x.get(), y.get()], out.get_mut()));
                    assert_near(of, &out, &product, |y| 8.0 * size(y), 8.0);
                }
            }
        }
    }
}

#[test]
fn halves_of_rows_are_multiplied() {
    for (rows, width) in [(1, 1), (3, 5), (17, 16), (40, 1001)] {
        let x = random(Type::Bf16, rows * 2 * width, 5);
        let halves = |skip: usize| {
            let rows = x.doubles();
            let halves = rows.chunks(2 * width).flat_map(|row| row[skip..skip + width].to_vec());
            Floats::new(Type::Bf16, &halves.map(|x| x as f32).collect::<Vec<_>>())
        };
        let [a, b] = [0, width].map(halves);
        for level in Level::available() {
            let [mut out, mut apart] = [(); 2].map(|()| Floats::unwritten(Type::Bf16, rows * width));
            assert!(multiply_halves(level, Activation::Silu, x.get(), width, out.get_mut()));
            assert!(multiply(level, Activation::Silu, [a.get(), b.get()], apart.get_mut()));
            assert_eq!(out.doubles(), apart.doubles());
        }
    }
}

#[test]
fn limits_are_right() {
    let x = [f32::NAN, 200.0, -200.0, 0.0];
    for level in Level::available() {
        for function in ALL {
            let mut out = [7.0; 4];
            assert!(activate(level, function, Numbers::F32(&x), NumbersMut::F32(&mut out)));
            let expected = [200.0, -200.0, 0.0].map(|x| exact(function, x) as f32);
            assert!(out[0].is_nan(), "{level}, {function:?}: {out:?}");
            assert_eq!(out[1..], expected, "{level}, {function:?}");
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let level = Level::best();
    let (x, mut out) = ([1.0; 8], [0.0; 4]);
    let (long, short) = (Numbers::F32(&x), Numbers::F32(&x[..4]));
    let mut run = |x, y| multiply(level, Activation::Silu, [x, y], NumbersMut::F32(&mut out));
    assert!(run(short, short));
    assert!(!run(long, short));
    assert!(!run(short, long));
    assert!(!activate(level, Activation::Tanh, long, NumbersMut::F32(&mut out)));
    assert!(multiply_halves(level, Activation::Silu, long, 2, NumbersMut::F32(&mut out)));
    assert!(!multiply_halves(level, Activation::Silu, long, 3, NumbersMut::F32(&mut out)));
    assert!(!multiply_halves(level, Activation::Silu, short, 2, NumbersMut::F32(&mut out)));
}
