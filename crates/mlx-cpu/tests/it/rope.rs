//! Positions told by rotation.

use mlx_cpu::norm::Norm;
use mlx_cpu::rope::{Frequencies, Heads, Rope, rope};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, Type, assert_near};
use super::random::Random;

struct Case {
    shape: [usize; 4],
    strides: [usize; 3],
    /// Divisors of positions.
    divisors: Vec<f64>,
}

impl Case {
    /// Rows rotated in double precision, `[batch, heads, length, width]`.
    fn expected(&self, x: &[f64], rope: &Rope<'_>, weight: Option<&[f64]>) -> Vec<f64> {
        let [batch, heads, length, width] = self.shape;
        let mut out = Vec::new();
        for at in 0..batch * heads * length {
            let places = [at / length / heads, at / length % heads, at % length];
            let first: usize = places.iter().zip(self.strides).map(|(place, stride)| place * stride).sum();
            let mut row = x[first..first + width].to_vec();
            if let Some(weight) = weight {
                let square = row.iter().map(|x| x * x).sum::<f64>() / width as f64;
                row.iter_mut().zip(weight).for_each(|(x, weight)| *x *= weight / (square + 1e-6).sqrt());
            }
            let offset = f64::from(rope.offsets[places[0].min(rope.offsets.len() - 1)]);
            let position = (places[2] as f64 + offset) * f64::from(rope.scale);
            for (pair, divisor) in self.divisors.iter().enumerate() {
                let (i, j) = match rope.traditional {
                    true => (2 * pair, 2 * pair + 1),
                    false => (pair, pair + rope.dims / 2),
                };
                let (sin, cos) = (position / divisor).sin_cos();
                (row[i], row[j]) = (row[i] * cos - row[j] * sin, row[i] * sin + row[j] * cos);
            }
            out.extend(row);
        }
        out
    }
}

/// The divisors that a base makes.
fn powers(base: f32, dims: usize) -> Vec<f64> {
    (0..dims / 2).map(|pair| f64::from(base).powf(2.0 * pair as f64 / dims as f64)).collect()
}

#[test]
fn rows_are_rotated_as_in_double_precision() {
    for of in TYPES {
        for (traditional, dims, width) in
            [(false, 64, 64), (false, 34, 40), (true, 64, 64), (true, 18, 37), (false, 2, 9), (true, 2, 2)]
        {
            for [batch, heads, length] in [[1, 1, 1], [2, 3, 17], [3, 5, 1], [1, 2, 700]] {
                // A view of [batch, length, heads, width].
                let strides = [length * heads * width, width, heads * width];
                let shape = [batch, heads, length, width];
                let case = Case { shape, strides, divisors: powers(10_000.0, dims) };
                let mut random = Random::new(dims as u64);
                let x = Floats::new(of, &random.numbers(batch * heads * length * width));
                let weight = Floats::new(Type::Bf16, &random.numbers(width));
                let offsets: Vec<i32> = vec![3, 40_000, 7];
                let all = [&offsets[..1], &offsets[..batch]];
                for (offsets, normed) in [(all[0], false), (all[1], false), (all[1], true)] {
                    let settings = Rope {
                        dims,
                        traditional,
                        frequencies: Frequencies::Base(10_000.0),
                        scale: 0.5,
                        offsets,
                    };
                    let norm = Norm { width, epsilon: 1e-6, weight: Some(weight.get()), bias: None };
                    let wide = weight.doubles();
                    let expected = case.expected(&x.doubles(), &settings, normed.then_some(&wide));
                    for level in Level::available() {
                        let mut out = Floats::unwritten(of, expected.len());
                        let x = Heads::new(x.get(), shape, strides).unwrap();
                        assert!(rope(level, &x, &settings, normed.then_some(&norm), out.get_mut()));
                        assert_near(of, &out, &expected, |_| 2.0, 3.0);
                    }
                }
            }
        }
    }
}

#[test]
fn divisors_take_the_place_of_a_base() {
    let shape = [1, 2, 5, 16];
    let divisors: Vec<f32> = vec![1.0, 3.0, 10.0, 50.0, 200.0, 900.0, 5000.0, f32::INFINITY];
    let case =
        Case { shape, strides: [160, 80, 16], divisors: divisors.iter().map(|&x| f64::from(x)).collect() };
    let x = Floats::new(Type::F32, &Random::new(1).numbers(160));
    let frequencies = Frequencies::Reciprocals(&divisors);
    let settings = Rope { dims: 16, traditional: false, frequencies, scale: 1.0, offsets: &[100_000] };
    let expected = case.expected(&x.doubles(), &settings, None);
    for level in Level::available() {
        let mut out = Floats::unwritten(Type::F32, 160);
        let heads = Heads::new(x.get(), shape, case.strides).unwrap();
        assert!(rope(level, &heads, &settings, None, out.get_mut()));
        assert_near(Type::F32, &out, &expected, |_| 2.0, 3.0);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let numbers = [1.0; 64];
    let x = Numbers::F32(&numbers);
    assert!(Heads::new(x, [1, 2, 4, 8], [64, 32, 8]).is_some());
    assert!(Heads::new(x, [1, 2, 4, 8], [64, 8, 16]).is_some());
    assert!(Heads::new(x, [2, 2, 4, 8], [64, 32, 8]).is_none());
    assert!(Heads::new(x, [1, 2, 4, 8], [0, 40, 8]).is_none());
    assert!(Heads::new(x, [1, 2, 4, 8], [usize::MAX, usize::MAX, 8]).is_none());
    let heads = Heads::new(x, [1, 2, 4, 8], [64, 32, 8]).unwrap();
    let run = |dims, offsets: &[i32], length| {
        let frequencies = Frequencies::Base(100.0);
        let settings = Rope { dims, traditional: false, frequencies, scale: 1.0, offsets };
        rope(Level::best(), &heads, &settings, None, NumbersMut::F32(&mut vec![0.0; length]))
    };
    assert!(run(8, &[0], 64));
    assert!(!run(7, &[0], 64));
    assert!(!run(10, &[0], 64));
    assert!(!run(8, &[0, 1], 64));
    assert!(!run(8, &[], 64));
    assert!(!run(8, &[0], 63));
    let frequencies = Frequencies::Reciprocals(&[1.0; 3]);
    let settings = Rope { dims: 8, traditional: false, frequencies, scale: 1.0, offsets: &[0] };
    assert!(!rope(Level::best(), &heads, &settings, None, NumbersMut::F32(&mut [0.0; 64])));
}
