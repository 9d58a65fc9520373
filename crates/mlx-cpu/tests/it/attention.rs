//! Scaled dot-product attention.

use half::{bf16, f16};
use mlx_cpu::attention::{Attention, Heads, Mask, Reach, Visibility, attention};
use mlx_cpu::quantized::{Coding, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, Type};
use super::random::Random;

/// Sizes and elements, laid out without gaps.
#[derive(Clone)]
struct Case {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Case {
    fn new([batch, heads, kv_heads]: [usize; 3], [queries, keys]: [usize; 2], widths: [usize; 2]) -> Self {
        let [width, value_width] = widths;
        let mut random = Random::new((heads * queries + keys * width) as u64);
        let q = random.numbers(batch * heads * queries * width);
        let k = random.numbers(batch * kv_heads * keys * width);
        let v = random.numbers(batch * kv_heads * keys * value_width);
        Self { batch, heads, kv_heads, queries, keys, width, value_width, q, k, v }
    }

    fn q_shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.queries, self.width]
    }

    fn k_shape(&self) -> [usize; 4] {
        [self.batch, self.kv_heads, self.keys, self.width]
    }

    fn v_shape(&self) -> [usize; 4] {
        [self.batch, self.kv_heads, self.keys, self.value_width]
    }

    fn results(&self) -> usize {
        self.batch * self.heads * self.queries * self.value_width
    }

    fn run(&self, level: Level, how: &Attention<'_>) -> Vec<f32> {
        let [q, k, v] = [
            whole(Numbers::F32(&self.q), self.q_shape()),
            whole(Numbers::F32(&self.k), self.k_shape()),
            whole(Numbers::F32(&self.v), self.v_shape()),
        ];
        let mut out = vec![f32::NAN; self.results()];
        assert!(attention(level, &q, &k, &v, how, NumbersMut::F32(&mut out)));
        out
    }

    /// The result in double precision, with all scores at once. `seen` tells whether a key is seen, and what is added.
    fn expected(&self, how: &Attention<'_>, seen: impl Fn([usize; 4]) -> (bool, f64)) -> Vec<f64> {
        let group = self.heads / self.kv_heads;
        let mut out = Vec::new();
        for row in 0..self.batch * self.heads * self.queries {
            let (query, head) = (row % self.queries, row / self.queries);
            let (batch, head) = (head / self.heads, head % self.heads);
            let kv = (batch * self.kv_heads + head / group) * self.keys;
            let q = &self.q[row * self.width..(row + 1) * self.width];
            let scores: Vec<f64> = (0..self.keys)
                .map(|key| {
                    let k = &self.k[(kv + key) * self.width..(kv + key + 1) * self.width];
                    let product: f64 = q.iter().zip(k).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                    let scaled = product * f64::from(how.scale);
                    let capped = how.softcap.map(f64::from).map_or(scaled, |cap| cap * (scaled / cap).tanh());
                    let reached = how.reach == Reach::All || {
                        let window = if let Reach::Window(window) = how.reach { window } else { self.keys };
                        let last = query + self.keys;
                        key + self.queries <= last && key + self.queries + window > last
                    };
                    let (seen, added) = seen([batch, head, query, key]);
                    if reached && seen { capped + added } else { -1e300 }
                })
                .collect();
            let sink = match how.sinks {
                Some(Numbers::F32(sinks)) => f64::from(sinks[head]),
                _ => f64::NEG_INFINITY,
            };
            let greatest = scores.iter().copied().fold(sink, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
            let total = weights.iter().sum::<f64>() + (sink - greatest).exp();
            for column in 0..self.value_width {
                let values =
                    (0..self.keys).map(|key| f64::from(self.v[(kv + key) * self.value_width + column]));
                out.push(
                    weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>() / total,
                );
            }
        }
        out
    }
}

/// Vectors without gaps.
fn whole(numbers: Numbers<'_>, shape: [usize; 4]) -> Heads<'_> {
    let [_, heads, length, width] = shape;
    Heads::new(numbers, shape, [heads * length * width, length * width, width]).unwrap()
}

fn everything(_: [usize; 4]) -> (bool, f64) {
    (true, 0.0)
}

/// The greatest error; values are between -1 and 1.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(expected).map(|(&found, expected)| (f64::from(found) - expected).abs());
    errors.fold(0.0, |a, b| if a >= b { a } else { b })
}

#[track_caller]
fn check(case: &Case, how: &Attention<'_>, seen: impl Fn([usize; 4]) -> (bool, f64)) {
    // Capped scores are as exact as singles of the size of the cap.
    let most = how.softcap.map_or(2e-6, |cap| 2e-6 + 2e-7 * f64::from(cap));
    let expected = case.expected(how, seen);
    for level in Level::available() {
        let error = error(&case.run(level, how), &expected);
        let (q, k) = (case.q_shape(), case.k_shape());
        assert!(error < most, "{level}, {:?}, {q:?} with {k:?}: {error:e}", how.reach);
    }
}

#[test]
fn queries_and_keys_may_be_halves() {
    for (widths, lengths) in
        [([64, 64], [40, 200]), ([33, 8], [20, 97]), ([128, 80], [9, 9]), ([32, 32], [1, 65])]
    {
        let mut case = Case::new([2, 6, 2], lengths, widths);
        let round = |all: &mut Vec<f32>| all.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32());
        [&mut case.q, &mut case.k, &mut case.v].into_iter().for_each(round);
        let [q, k, v] = [&case.q, &case.k, &case.v].map(|all| Floats::new(Type::Bf16, all));
        for how in [
            Attention::new(0.3),
            Attention { softcap: Some(2.0), reach: Reach::Causal, ..Attention::new(1.3) },
        ] {
            let expected = case.expected(&how, everything);
            for level in Level::available() {
                let mut out = vec![f32::NAN; case.results()];
                let [q, k] = [whole(q.get(), case.q_shape()), whole(k.get(), case.k_shape())];
                let v = whole(v.get(), case.v_shape());
                assert!(attention(level, &q, &k, &v, &how, NumbersMut::F32(&mut out)));
                let error = error(&out, &expected);
                assert!(error < 3e-6, "{level}, {widths:?}, {lengths:?}: {error:e}");
            }
        }
    }
}

#[test]
fn results_are_those_of_double_precision() {
    for widths in [[64, 64], [32, 32], [80, 80], [96, 96], [128, 128], [256, 256], [17, 40], [1, 3], [72, 65]]
    {
        for lengths in [[1, 1], [1, 65], [2, 130], [7, 97], [33, 33], [40, 200]] {
            let how = Attention::new(2.0 / (widths[0] as f32).sqrt());
            check(&Case::new([2, 6, 2], lengths, widths), &how, everything);
        }
    }
}

#[test]
fn queries_see_what_is_in_reach() {
    for heads in [[1, 1, 1], [1, 2, 2], [2, 3, 1], [1, 9, 3], [1, 10, 1]] {
        for queries in (1..=17_usize).chain([50, 130]) {
            for keys in [queries, queries + 1, queries + 100, queries.div_ceil(2)] {
                for reach in [Reach::Causal, Reach::Window(1), Reach::Window(9), Reach::Window(70)] {
                    let how = Attention { reach, ..Attention::new(3.0) };
                    check(&Case::new(heads, [queries, keys], [8, 8]), &how, everything);
                }
            }
        }
    }
}

#[test]
fn long_rows_of_keys_are_split() {
    for queries in [1, 4, 20] {
        for reach in [Reach::All, Reach::Causal, Reach::Window(1500)] {
            let case = Case::new([1, 2, 1], [queries, 3001], [64, 64]);
            check(&case, &Attention { reach, ..Attention::new(0.5) }, everything);
        }
    }
}

#[test]
fn heads_of_a_query_may_come_out_side_by_side() {
    for (sizes, lengths) in [([2, 6, 2], [1, 65]), ([1, 3, 1], [5, 9]), ([2, 4, 2], [130, 130])] {
        let case = Case::new(sizes, lengths, [16, 24]);
        let [_, heads, queries, _] = case.q_shape();
        for level in Level::available() {
            let apart = case.run(level, &Attention::new(0.5));
            let joined = case.run(level, &Attention { joined: true, ..Attention::new(0.5) });
            for (number, row) in apart.chunks(24).enumerate() {
                let (query, head) = (number % queries, number / queries);
                let (batch, head) = (head / heads, head % heads);
                let place = (batch * queries + query) * heads + head;
                assert_eq!(row, &joined[place * 24..][..24], "{level}, {sizes:?}, {lengths:?}, row {number}");
            }
        }
    }
}

#[test]
fn masks_are_spread_over_axes() {
    for (queries, keys) in [(1, 70), (3, 9), (40, 150)] {
        let case = Case::new([2, 4, 2], [queries, keys], [16, 16]);
        let (rows, heads, all) = (queries * keys, 4 * queries * keys, 8 * queries * keys);
        let mut random = Random::new(5);
        let added = random.numbers(all);
        let seen: Vec<bool> = added.iter().map(|&x| x > 0.4).collect();
        let halves: Vec<_> = added.iter().map(|&x| f16::from_f32(x)).collect();
        let uppers: Vec<_> = added.iter().map(|&x| bf16::from_f32(x)).collect();
        let sets = [
            [heads, rows, keys, 1],
            [0, 0, keys, 1],
            [keys, 0, 0, 1],
            [0, rows, keys, 0],
            [0, 0, 1, queries],
        ];
        for strides in sets {
            let place =
                |at: [usize; 4]| at.iter().zip(strides).map(|(at, stride)| at * stride).sum::<usize>();
            for reach in [Reach::All, Reach::Causal] {
                let with =
                    |values| Attention { mask: Some(Mask { values, strides }), reach, ..Attention::new(1.0) };
                check(&case, &with(Visibility::Seen(&seen)), |at| (seen[place(at)], 0.0));
                let singles = with(Visibility::Added(Numbers::F32(&added)));
                check(&case, &singles, |at| (true, added[place(at)].into()));
                let all = with(Visibility::Added(Numbers::F16(&halves)));
                check(&case, &all, |at| (true, halves[place(at)].into()));
                let all = with(Visibility::Added(Numbers::Bf16(&uppers)));
                check(&case, &all, |at| (true, uppers[place(at)].into()));
            }
        }
    }
}

#[test]
fn sinks_take_part_and_scores_are_capped() {
    let sinks = [0.5, -1.0, 3.0, 0.0];
    for (queries, keys) in [(1, 70), (3, 9), (40, 30)] {
        let case = Case::new([2, 4, 2], [queries, keys], [16, 16]);
        for softcap in [None, Some(2.0), Some(50.0)] {
            for sinks in [None, Some(Numbers::F32(&sinks))] {
                let how = Attention { softcap, sinks, reach: Reach::Causal, ..Attention::new(4.0) };
                check(&case, &how, everything);
            }
        }
    }
}

#[test]
fn queries_that_see_nothing_get_what_mlx_gives() {
    let sinks = [0.5, -1.0];
    for queries in [1, 30] {
        let case = Case::new([1, 2, 1], [queries, 100], [16, 16]);
        let mut mean = [0.0; 16];
        for value in case.v.chunks(16) {
            mean.iter_mut().zip(value).for_each(|(mean, &value)| *mean += f64::from(value) / 100.0);
        }
        let all = mean.repeat(2 * queries);
        let strides = [0; 4];
        let none = Some(Mask { values: Visibility::Seen(&[false]), strides });
        let infinite = Some(Mask { values: Visibility::Added(Numbers::F32(&[f32::NEG_INFINITY])), strides });
        let least = Some(Mask { values: Visibility::Added(Numbers::Bf16(&[bf16::MIN])), strides });
        let plain = Attention::new(1.0);
        for level in Level::available() {
            for reach in [Reach::All, Reach::Window(20), Reach::Window(0)] {
                let how = Attention { mask: none, reach, ..plain };
                assert!(error(&case.run(level, &how), &all) < 1e-6, "{level}, {reach:?}");
                let how = Attention { sinks: Some(Numbers::F32(&sinks)), ..how };
                assert!(case.run(level, &how).iter().all(|&x| x == 0.0), "{level}, {reach:?}");
            }
            let how = Attention { mask: least, ..plain };
            assert!(error(&case.run(level, &how), &all) < 1e-6, "{level}");
            let how = Attention { mask: infinite, ..plain };
            assert!(case.run(level, &how).iter().all(|x| x.is_nan()), "{level}");
            let how = Attention { sinks: Some(Numbers::F32(&sinks)), ..how };
            assert!(case.run(level, &how).iter().all(|&x| x == 0.0), "{level}");
        }
        let none = Case { keys: 0, ..case };
        assert!(none.run(Level::best(), &plain).iter().all(|&x| x == 0.0));
    }
}

#[test]
fn infinite_masks_hide_whole_blocks() {
    for queries in [1, 30] {
        let case = Case::new([1, 2, 1], [queries, 300], [16, 16]);
        let mask: Vec<_> = (0..300).map(|key| if key < 250 { f32::NEG_INFINITY } else { 0.0 }).collect();
        let values = Visibility::Added(Numbers::F32(&mask));
        let mask = Some(Mask { values, strides: [0, 0, 0, 1] });
        check(&case, &Attention { mask, ..Attention::new(1.0) }, |[.., key]| (key >= 250, 0.0));
    }
}

#[test]
fn every_type_is_taken_with_gaps_between_vectors() {
    for queries in [1, 3, 40] {
        let case = Case::new([2, 6, 2], [queries, 70], [40, 24]);
        // `[batch, length, heads, width]` in a store of more keys, with other elements between.
        let spread = |from: &[f32], [batch, heads, length, width]: [usize; 4], room: usize| {
            let mut to = vec![f32::NAN; batch * room * heads * (width + 1)];
            for (row, from) in from.chunks(width).enumerate() {
                let (at, head) = (row % length, row / length);
                let place = ((head / heads * room + at) * heads + head % heads) * (width + 1);
                to[place..place + width].copy_from_slice(from);
            }
            (to, [room * heads * (width + 1), width + 1, heads * (width + 1)])
        };
        let rounded = |all: &[f32]| -> Vec<f32> {
            all.iter().map(|&x| bf16::from_f32(f16::from_f32(x).to_f32()).to_f32()).collect()
        };
        let case = Case { q: rounded(&case.q), k: rounded(&case.k), v: rounded(&case.v), ..case };
        let (q, q_strides) = spread(&case.q, case.q_shape(), queries + 1);
        let (k, k_strides) = spread(&case.k, case.k_shape(), 128);
        let (v, v_strides) = spread(&case.v, case.v_shape(), 128);
        let halves = |all: &[f32]| -> Vec<f16> { all.iter().map(|&x| f16::from_f32(x)).collect() };
        let uppers = |all: &[f32]| -> Vec<bf16> { all.iter().map(|&x| bf16::from_f32(x)).collect() };
        let how = Attention { reach: Reach::Causal, ..Attention::new(0.7) };
        let expected = case.expected(&how, everything);
        let (qh, qu, kh, ku, vh, vu) =
            (halves(&q), uppers(&q), halves(&k), uppers(&k), halves(&v), uppers(&v));
        let sets = [
            [Numbers::F16(&qh), Numbers::Bf16(&ku), Numbers::F32(&v)],
            [Numbers::Bf16(&qu), Numbers::F32(&k), Numbers::F16(&vh)],
            [Numbers::F32(&q), Numbers::F16(&kh), Numbers::Bf16(&vu)],
        ];
        for level in Level::available() {
            for [q, k, v] in sets {
                let q = Heads::new(q, case.q_shape(), q_strides).unwrap();
                let k = Heads::new(k, case.k_shape(), k_strides).unwrap();
                let v = Heads::new(v, case.v_shape(), v_strides).unwrap();
                let mut out = vec![f32::NAN; case.results()];
                assert!(attention(level, &q, &k, &v, &how, NumbersMut::F32(&mut out)));
                assert!(error(&out, &expected) < 2e-6, "{level}, {queries} queries");
                let mut out = vec![bf16::ZERO; case.results()];
                assert!(attention(level, &q, &k, &v, &how, NumbersMut::Bf16(&mut out)));
                let out: Vec<_> = out.iter().map(|x| x.to_f32()).collect();
                assert!(error(&out, &expected) < 4e-3, "{level}, {queries} queries");
                let mut out = vec![f16::ZERO; case.results()];
                assert!(attention(level, &q, &k, &v, &how, NumbersMut::F16(&mut out)));
                let out: Vec<_> = out.iter().map(|x| x.to_f32()).collect();
                assert!(error(&out, &expected) < 5e-4, "{level}, {queries} queries");
            }
        }
    }
}

/// Random codes, with what they stand for.
struct Coded {
    words: Vec<u32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
    bits: usize,
    group: usize,
}

impl Coded {
    fn new(seed: u64, count: usize, bits: usize, group: usize) -> Self {
        let mut random = Random::new(seed);
        let words = random.words(count / 32 * bits);
        let scales = random.numbers(count / group).iter().map(|x| x / (1 << bits) as f32).collect();
        let biases = random.numbers(count / group).iter().map(|x| x / 2.0).collect();
        Self { words, scales, biases, bits, group }
    }

    fn matrix(&self, columns: usize) -> Quantized<'_> {
        let [scales, biases] = [&self.scales, &self.biases].map(|numbers| Numbers::F32(numbers));
        let coding = Coding::Affine(self.bits as u32);
        Quantized::new(&self.words, Scales::Numbers(scales), Some(biases), columns, self.group, coding)
            .unwrap()
    }

    fn values(&self) -> Vec<f32> {
        let code = |at: usize| {
            let (word, skip) = (at * self.bits / 32, at * self.bits % 32);
            let high = u64::from(self.words.get(word + 1).copied().unwrap_or(0)) << 32;
            ((high | u64::from(self.words[word])) >> skip) as u32 & ((1 << self.bits) - 1)
        };
        let value = |at: usize| code(at) as f32 * self.scales[at / self.group] + self.biases[at / self.group];
        (0..self.words.len() * 32 / self.bits).map(value).collect()
    }
}

#[test]
fn keys_and_values_may_be_quantized() {
    // A store of 96 keys for each head, of which 70 are in use.
    let (room, keys, width) = (96, 70, 128);
    for (bits, group) in [(4, 32), (4, 64), (8, 32), (8, 64), (2, 128), (3, 32), (6, 64)] {
        for queries in [1, 3, 40] {
            let case = Case::new([2, 4, 2], [queries, keys], [width, width]);
            let k = Coded::new(1, 4 * room * width, bits, group);
            let v = Coded::new(2, 4 * room * width, bits, group);
            let used = |all: Vec<f32>| -> Vec<f32> {
                all.chunks(room * width).flat_map(|head| &head[..keys * width]).copied().collect()
            };
            let case = Case { k: used(k.values()), v: used(v.values()), ..case };
            let how = Attention { reach: Reach::Causal, ..Attention::new(0.2) };
            let expected = case.expected(&how, everything);
            let strides = [2 * room, room, 1];
            let q = whole(Numbers::F32(&case.q), case.q_shape());
            let k = Heads::quantized(k.matrix(width), case.k_shape(), strides).unwrap();
            let v = Heads::quantized(v.matrix(width), case.v_shape(), strides).unwrap();
            for level in Level::available() {
                let mut out = vec![f32::NAN; case.results()];
                assert!(attention(level, &q, &k, &v, &how, NumbersMut::F32(&mut out)));
                let error = error(&out, &expected);
                assert!(
                    error < 4e-6,
                    "{level}, {bits} bits, groups of {group}, {queries} queries: {error:e}"
                );
            }
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let case = Case::new([1, 4, 2], [3, 5], [16, 16]);
    let [q, k, v] = [Numbers::F32(&case.q), Numbers::F32(&case.k), Numbers::F32(&case.v)];
    assert!(Heads::new(q, [1, 4, 3, 17], [0, 51, 17]).is_none());
    assert!(Heads::new(q, [1, 4, 3, 16], [usize::MAX, 48, 16]).is_some());
    assert!(Heads::new(q, [2, 4, 3, 16], [usize::MAX, 48, 16]).is_none());
    assert!(Heads::new(q, [1, 4, 3, 0], [0, 0, 0]).is_none());
    let coded = Coded::new(1, 8 * 64, 4, 32);
    assert!(Heads::quantized(coded.matrix(64), [1, 2, 4, 64], [8, 4, 1]).is_some());
    assert!(Heads::quantized(coded.matrix(64), [1, 2, 5, 64], [8, 4, 1]).is_none());
    assert!(Heads::quantized(coded.matrix(64), [1, 2, 4, 32], [8, 4, 1]).is_none());
    let run = |q: [usize; 4],
               k_shape: [usize; 4],
               v_shape: [usize; 4],
               how: &Attention<'_>,
               length: usize| {
        let q = whole(Numbers::F32(&case.q), q);
        let mut out = vec![0.0; length];
        attention(Level::best(), &q, &whole(k, k_shape), &whole(v, v_shape), how, NumbersMut::F32(&mut out))
    };
    let how = Attention::new(1.0);
    let (q, k) = ([1, 4, 3, 16], [1, 2, 5, 16]);
    assert!(run(q, k, k, &how, 192));
    assert!(!run(q, k, k, &how, 191));
    assert!(!run(q, [1, 2, 4, 16], k, &how, 192));
    assert!(!run(q, [1, 2, 5, 8], k, &how, 192));
    assert!(!run([1, 3, 3, 16], k, k, &how, 144));
    assert!(!run([2, 2, 3, 16], k, k, &how, 192));
    let sinks = Some(Numbers::F32(&[0.0; 3]));
    assert!(!run(q, k, k, &Attention { sinks, ..how }, 192));
    let mask = Some(Mask { values: Visibility::Seen(&[true; 14]), strides: [0, 0, 5, 1] });
    assert!(!run(q, k, k, &Attention { mask, ..how }, 192));
}
