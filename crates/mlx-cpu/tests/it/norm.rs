//! Rows brought to the same size.

use mlx_cpu::norm::{Norm, add_rms_norm, layer_norm, rms_norm};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, Type, assert_near};
use super::random::Random;

const EPSILON: f32 = 1e-5;

/// What normalized rows are.
fn expected(x: &[f64], width: usize, centered: bool, weights: [Option<&[f64]>; 2]) -> Vec<f64> {
    let mut out = Vec::new();
    for row in x.chunks(width) {
        let mean = if centered { row.iter().sum::<f64>() / width as f64 } else { 0.0 };
        let square = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let factor = 1.0 / (square + f64::from(EPSILON)).sqrt();
        let [weight, bias] = weights.map(|all| move |at: usize| all.map(|all| all[at]));
        let at = |(at, x): (usize, &f64)| {
            (x - mean) * factor * weight(at).unwrap_or(1.0) + bias(at).unwrap_or(0.0)
        };
        out.extend(row.iter().enumerate().map(at));
    }
    out
}

#[test]
fn normalized_rows_are_those_of_double_precision() {
    for of in TYPES {
        for (rows, width) in [(1, 1), (2, 7), (3, 8), (17, 64), (5, 129), (40, 1000), (2, 9001)] {
            let mut random = Random::new(width as u64);
            let x: Vec<_> = random.numbers(rows * width).iter().map(|x| x * 3.0 + 1.0).collect();
            let x = Floats::new(of, &x);
            for with in TYPES {
                let weight = Floats::new(with, &random.numbers(width));
                let bias = Floats::new(with, &random.numbers(width));
                for given in [[false, false], [true, false], [true, true]] {
                    let norm = Norm {
                        width,
                        epsilon: EPSILON,
                        weight: given[0].then(|| weight.get()),
                        bias: given[1].then(|| bias.get()),
                    };
                    let wide = [weight.doubles(), bias.doubles()];
                    let wide = [given[0].then_some(&wide[0][..]), given[1].then_some(&wide[1][..])];
                    for level in Level::available() {
                        let mut out = Floats::unwritten(of, rows * width);
                        assert!(rms_norm(level, x.get(), &norm, out.get_mut()));
                        assert_near(
                            of,
                            &out,
                            &expected(&x.doubles(), width, false, wide),
                            |x| x.abs() + 1.0,
                            3.0,
                        );
                        if width > 1 {
                            let mut out = Floats::unwritten(of, rows * width);
                            assert!(layer_norm(level, x.get(), &norm, out.get_mut()));
                            assert_near(
                                of,
                                &out,
                                &expected(&x.doubles(), width, true, wide),
                                |x| x.abs() + 1.0,
                                5.0,
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_large_mean_does_not_hide_the_variance() {
    let width = 4000;
    let x: Vec<_> = Random::new(1).numbers(width).iter().map(|x| x + 1000.0).collect();
    let x = Floats::new(Type::F32, &x);
    for level in Level::available() {
        let norm = Norm { width, epsilon: EPSILON, weight: None, bias: None };
        let mut out = Floats::unwritten(Type::F32, width);
        assert!(layer_norm(level, x.get(), &norm, out.get_mut()));
        // The mean itself is rounded to a single: 1000 has 2^-15 between neighbours.
        assert_near(Type::F32, &out, &expected(&x.doubles(), width, true, [None; 2]), |_| 1000.0, 1.0);
    }
}

#[test]
fn a_row_of_zeros_stays_one() {
    for level in Level::available() {
        let norm = Norm { width: 20, epsilon: EPSILON, weight: None, bias: None };
        let mut out = [f32::NAN; 20];
        assert!(rms_norm(level, Numbers::F32(&[0.0; 20]), &norm, NumbersMut::F32(&mut out)));
        assert_eq!(out, [0.0; 20]);
    }
}

#[test]
fn a_sum_and_its_norm_are_those_of_two_steps() {
    for of in TYPES {
        for (rows, width) in [(1, 5), (3, 64), (70, 777)] {
            let mut random = Random::new(rows as u64);
            let [x, y] = [(); 2].map(|()| Floats::new(of, &random.numbers(rows * width)));
            let weight = Floats::new(of, &random.numbers(width));
            let norm = Norm { width, epsilon: EPSILON, weight: Some(weight.get()), bias: None };
            for level in Level::available() {
                let mut sum = Floats::unwritten(of, rows * width);
                let mut out = Floats::unwritten(of, rows * width);
                assert!(add_rms_norm(level, [x.get(), y.get()], &norm, sum.get_mut(), out.get_mut()));
                let exact: Vec<_> = x.doubles().iter().zip(y.doubles()).map(|(x, y)| x + y).collect();
                assert_near(of, &sum, &exact, f64::abs, 0.0);
                let mut again = Floats::unwritten(of, rows * width);
                assert!(rms_norm(level, sum.get(), &norm, again.get_mut()));
                assert_eq!(out.doubles(), again.doubles());
            }
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (x, level) = ([1.0; 12], Level::best());
    let run = |width, weight: &[f32], length| {
        let norm = Norm { width, epsilon: EPSILON, weight: Some(Numbers::F32(weight)), bias: None };
        rms_norm(level, Numbers::F32(&x), &norm, NumbersMut::F32(&mut vec![0.0; length]))
    };
    assert!(run(4, &[1.0; 4], 12));
    assert!(!run(5, &[1.0; 5], 12));
    assert!(!run(4, &[1.0; 3], 12));
    assert!(!run(4, &[1.0; 4], 8));
    assert!(!run(0, &[], 12));
    let norm = Norm { width: 4, epsilon: EPSILON, weight: None, bias: None };
    assert!(!rms_norm(level, Numbers::F32(&x), &norm, NumbersMut::F16(&mut [half::f16::ZERO; 12])));
    let [mut sum, mut out] = [[0.0; 12], [0.0; 12]];
    let terms = [Numbers::F32(&x), Numbers::F32(&x[..8])];
    assert!(!add_rms_norm(level, terms, &norm, NumbersMut::F32(&mut sum), NumbersMut::F32(&mut out)));
}
