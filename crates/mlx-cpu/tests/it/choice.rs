//! The greatest of many numbers.

use mlx_cpu::choice::{argmax, log_sum_exp, max, top_k};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, Type, assert_near};
use super::random::Random;

const NAN: f32 = f32::NAN;
const LEAST: f32 = f32::NEG_INFINITY;

/// Rows with many equal numbers, the longest of them a vocabulary.
fn rows(of: Type) -> impl Iterator<Item = (usize, Floats)> {
    [(1, 1), (17, 3), (5, 33), (3, 1000), (2, 151_936)].into_iter().map(move |(rows, width)| {
        let x = Random::new(width as u64).numbers(rows * width);
        (width, Floats::new(of, &x.iter().map(|x| x * 20.0 - 30.0).collect::<Vec<_>>()))
    })
}

#[test]
fn the_first_of_the_greatest_is_found() {
    for of in TYPES {
        for (width, x) in rows(of) {
            let doubles = x.doubles();
            let expected = doubles.chunks(width).map(|row| {
                let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.iter().position(|&x| x == most).unwrap() as u32
            });
            let expected: Vec<_> = expected.collect();
            for level in Level::available() {
                let mut out = vec![9; expected.len()];
                assert!(argmax(level, x.get(), width, &mut out));
                assert_eq!(out, expected);
            }
        }
    }
}

#[test]
fn what_is_no_number_is_chosen_only_where_it_is_first() {
    for level in Level::available() {
        for (row, expected) in [
            (vec![1.0, NAN, 3.0], 2),
            (vec![NAN, 1.0, NAN], 0),
            (vec![LEAST; 2], 0),
            (vec![LEAST, NAN, -1.0], 2),
            (vec![0.0, -0.0], 0),
            (vec![-0.0, 0.0], 0),
            ([vec![LEAST; 300], vec![f32::INFINITY; 5]].concat(), 300),
            ([vec![-3.0; 40_000], vec![-1.0], vec![-2.0; 30_000], vec![-1.0]].concat(), 40_000),
        ] {
            let mut out = [9];
            assert!(argmax(level, Numbers::F32(&row), row.len(), &mut out));
            assert_eq!(out, [expected], "{level}");
        }
    }
}

#[test]
fn sums_of_powers_are_those_of_double_precision() {
    for of in TYPES {
        for (width, x) in rows(of) {
            let doubles = x.doubles();
            let expected = doubles.chunks(width).map(|row| row.iter().map(|x| x.exp()).sum::<f64>().ln());
            let expected: Vec<_> = expected.collect();
            for level in Level::available() {
                let mut out = Floats::unwritten(of, expected.len());
                assert!(log_sum_exp(level, x.get(), width, out.get_mut()));
                assert_near(of, &out, &expected, |_| 1.0, 2.0);
            }
        }
    }
}

#[test]
fn sums_of_powers_have_their_limits() {
    let far = [vec![LEAST; 40_000], vec![-1000.0; 2]].concat();
    for level in Level::available() {
        let of = |row: &[f32]| {
            let mut out = [7.0];
            assert!(log_sum_exp(level, Numbers::F32(row), row.len(), NumbersMut::F32(&mut out)));
            out[0]
        };
        assert_eq!(of(&[LEAST; 20]), LEAST);
        assert_eq!(of(&[f32::INFINITY, f32::INFINITY, 1.0]), f32::INFINITY);
        assert!(of(&[LEAST, NAN, LEAST]).is_nan());
        assert!((of(&far) + 999.3069).abs() < 1e-3);
        assert!((of(&[1000.0, 1000.0]) - 1000.6931).abs() < 1e-3);
    }
}

#[test]
fn the_greatest_are_found_in_order() {
    for of in TYPES {
        for (width, x) in rows(of) {
            for count in [0, 1, 2, 40, 999, 40_000].into_iter().filter(|&count| count <= width) {
                let mut expected = Vec::new();
                for row in x.doubles().chunks(width) {
                    let mut order: Vec<_> = (0..width).collect();
                    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
                    expected.extend(order[..count].iter().map(|&at| (at as u32, row[at])));
                }
                for level in Level::available() {
                    let mut indices = vec![9; expected.len()];
                    let mut values = Floats::unwritten(of, expected.len());
                    assert!(top_k(level, x.get(), width, values.get_mut(), &mut indices));
                    let found: Vec<_> = indices.into_iter().zip(values.doubles()).collect();
                    assert!(found == expected, "{level}, {of:?}, {count} of {width}");
                }
            }
        }
    }
}

#[test]
fn among_the_greatest_what_is_no_number_comes_first() {
    let row = [1.0, 5.0, -0.0, NAN, LEAST, 0.0, 5.0, f32::INFINITY];
    for level in Level::available() {
        let (mut values, mut indices) = ([0.0; 8], [9; 8]);
        assert!(top_k(level, Numbers::F32(&row), 8, NumbersMut::F32(&mut values), &mut indices));
        assert_eq!(indices, [3, 7, 1, 6, 0, 2, 5, 4]);
        assert!(values[0].is_nan() && values[1..4] == [f32::INFINITY, 5.0, 5.0]);
        let late = [[7.0; 99].as_slice(), &[NAN]].concat();
        assert!(top_k(level, Numbers::F32(&late), 100, NumbersMut::F32(&mut values[..2]), &mut indices[..2]));
        assert_eq!(indices[..2], [99, 0]);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (level, x) = (Level::best(), Numbers::F32(&[1.0; 12]));
    assert!(argmax(level, x, 4, &mut [0; 3]));
    assert!(!argmax(level, x, 4, &mut [0; 2]));
    assert!(!argmax(level, x, 5, &mut [0; 2]));
    assert!(!argmax(level, x, 0, &mut []));
    assert!(!log_sum_exp(level, x, 4, NumbersMut::F32(&mut [0.0; 2])));
    let mut values = [0.0; 15];
    let mut run = |width, count: usize, given: usize| {
        top_k(level, x, width, NumbersMut::F32(&mut values[..count]), &mut vec![0; given])
    };
    assert!(run(4, 6, 6));
    assert!(!run(4, 7, 7));
    assert!(!run(4, 15, 15));
    assert!(!run(4, 6, 3));
    assert!(!run(0, 0, 0));
}

#[test]
fn the_greatest_is_found_unless_one_is_no_number() {
    for of in TYPES {
        for (width, x) in rows(of) {
            let doubles = x.doubles();
            let expected =
                doubles.chunks(width).map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            for level in Level::available() {
                let mut out = Floats::unwritten(of, doubles.len() / width);
                assert!(max(level, x.get(), width, out.get_mut()));
                assert_eq!(out.doubles(), expected.clone().collect::<Vec<_>>());
            }
        }
    }
    for level in Level::available() {
        for place in [0, 7, 8, 70_000] {
            let mut row = vec![1.0; 70_001];
            row[place] = NAN;
            let mut out = [0.0];
            assert!(max(level, Numbers::F32(&row), row.len(), NumbersMut::F32(&mut out)));
            assert!(out[0].is_nan(), "{level}, {place}");
        }
        for (row, expected) in [(vec![LEAST; 3], LEAST), (vec![0.5, f32::INFINITY, 0.75], f32::INFINITY)] {
            let mut out = [NAN];
            assert!(max(level, Numbers::F32(&row), row.len(), NumbersMut::F32(&mut out)));
            assert_eq!(out, [expected], "{level}");
        }
    }
}
