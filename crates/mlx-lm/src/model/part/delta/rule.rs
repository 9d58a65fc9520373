//! The gated delta rule: a state that forgets, and learns by how far it is off.
//!
//! Yang, Kautz and Hatamizadeh, "Gated Delta Networks: Improving Mamba2 with Delta Rule".
//!
//! The state `S` maps keys to values. A token first scales it by `exp(decay)`, then corrects what it has for its key
//! `k` by a share `rate` of the error, `S += rate (v - S k) kᵀ`, and reads `S q`.

use mlx_core::{Array, Dtype, Index, Result, select, stack};

/// Tokens of one chunk. In the parallel form they depend on each other through a triangular matrix of this size, whose
/// inverse costs more than it saves once it is large.
const CHUNK: i32 = 16;

/// What the tokens bring, in `float32`. The heads of values that share a head of keys are a `group`.
pub(super) struct Inputs {
    /// `[batch, heads, 1, length, key width]`.
    pub(super) queries: Array,
    /// As queries.
    pub(super) keys: Array,
    /// `[batch, heads, group, length, value width]`.
    pub(super) values: Array,
    /// The logarithm of what is kept of the state, `[batch, heads, group, length]`.
    pub(super) decay: Array,
    /// The share of an error that is corrected, `[batch, heads, group, length]`.
    pub(super) rate: Array,
}

impl Inputs {
    /// What the tokens read, `[batch, heads, group, length, value width]`, and the `state` after them,
    /// `[batch, heads, group, value width, key width]` as before them.
    pub(super) fn run(&self, state: &Array) -> Result<(Array, Array)> {
        match self.values.dim(3)? {
            1 => self.step(state),
            length => self.chunks(state, length),
        }
    }

    /// The rule as it is, for one token.
    fn step(&self, state: &Array) -> Result<(Array, Array)> {
        let column = |x: &Array| x.swapaxes(-1, -2);
        let state = (state * self.decay.exp()?.expand_dims(4)?)?;
        let error = (column(&self.values)? - state.matmul(&column(&self.keys)?)?)?;
        let state = (&state + (error * self.rate.expand_dims(4)?)? * &self.keys)?;
        Ok((column(&state.matmul(&column(&self.queries)?)?)?, state))
    }

    /// The same in chunks, whose tokens are worked out together: the errors that they correct are the solution of a
    /// triangular system.
    fn chunks(&self, state: &Array, length: i32) -> Result<(Array, Array)> {
        let size = CHUNK.min(length.unsigned_abs().next_power_of_two() as i32);
        let chunks = Chunks::new(self, size, length)?;
        let mut state = state.clone();
        let mut read = Vec::new();
        for chunk in 0..chunks.targets.dim(3)? {
            let chunk = chunks.at(chunk)?;
            let errors = (&chunk.targets - state.matmul(&chunk.probes)?)?;
            read.push((state.matmul(&chunk.queries)? + errors.matmul(&chunk.attention)?)?);
            state = ((state * &chunk.kept)? + errors.matmul(&chunk.keys)?)?;
        }
        let read = stack(&read, 3)?;
        let [batch, heads, group, count, width, size] = read.dims()?;
        let read = read.swapaxes(-1, -2)?.reshape([batch, heads, group, count * size, width])?;
        Ok((read.index((.., .., .., ..length))?, state))
    }
}

/// What does not depend on the state. Tokens are the last axis, or both where one acts on another.
struct Chunks {
    targets: Array,
    probes: Array,
    queries: Array,
    attention: Array,
    keys: Array,
    kept: Array,
}

impl Chunks {
    /// `length` tokens in chunks of `size`; those that are missing in the last one change nothing.
    fn new(inputs: &Inputs, size: i32, length: i32) -> Result<Self> {
        let count = (length + size - 1) / size;
        let split = |x: &Array| x.pad([(3, 0, count * size - length)], 0)?.unflatten(3, [count, size]);
        let keys = split(&inputs.keys)?;
        let turned = |x: &Array| split(x)?.swapaxes(-1, -2)?.contiguous(false);
        let (queries, columns, values) =
            (turned(&inputs.queries)?, turned(&inputs.keys)?, turned(&inputs.values)?);
        let rate = split(&inputs.rate)?.expand_dims(4)?;
        let decay = split(&inputs.decay)?.expand_dims(4)?;

        // Of what one token wrote, that which is left when another reads.
        let later = Array::tri([size, size], -1, Dtype::Float32)?.swapaxes(0, 1)?;
        let between = (&decay * &later)?.cumsum(-1)?.exp()?.triu(0)?;
        let since = decay.cumsum(-1)?.exp()?;

        let overlap = ((keys.matmul(&columns)? * &between)? * &rate)?.triu(1)?;
        let inverse = inverse(&overlap, size)?;
        Ok(Self {
            targets: (values * &rate)?.matmul(&inverse)?,
            probes: (columns * (&rate * &since)?)?.matmul(&inverse)?,
            attention: (keys.matmul(&queries)? * &between)?,
            queries: (queries * &since)?,
            keys: (keys * between.index((Index::Ellipsis, size - 1..))?)?,
            kept: since.index((Index::Ellipsis, size - 1..))?,
        })
    }

    fn at(&self, chunk: i32) -> Result<Self> {
        let part = |x: &Array| x.index((.., .., .., chunk));
        Ok(Self {
            targets: part(&self.targets)?,
            probes: part(&self.probes)?,
            queries: part(&self.queries)?,
            attention: part(&self.attention)?,
            keys: part(&self.keys)?,
            kept: part(&self.kept)?,
        })
    }
}

/// The inverse of `1 + upper`, whose `size` is a power of two, from those of ever larger blocks on its diagonal. Powers
/// of `upper` would be faster and overflow where keys are alike.
fn inverse(upper: &Array, size: i32) -> Result<Array> {
    let places = Array::arange(0..size)?;
    let mut inverse = Array::identity(size, Dtype::Float32)?;
    let mut block = 1;
    while block < size {
        let same = |width: i32| {
            let blocks = places.floor_divide(width)?;
            blocks.expand_dims(1)?.equal(&blocks)
        };
        let beside = same(2 * block)?.logical_and(same(block)?.logical_not()?)?;
        let beside = select(&beside, upper, 0.0)?;
        let beside = if block == 1 { beside } else { inverse.matmul(&beside)?.matmul(&inverse)? };
        inverse = (inverse - beside)?;
        block *= 2;
    }
    Ok(inverse)
}

#[cfg(test)]
mod tests {
    use mlx_core::random::{self, Key};

    use super::*;

    /// Tokens whose keys are unit vectors: all apart, or close to each other and hardly forgotten.
    fn inputs(length: i32, alike: bool) -> (Inputs, Array) {
        let mut key = Key::new(length as u64).unwrap();
        let mut draw = |shape: &[i32]| random::normal(shape, Dtype::Float32, &key.next().unwrap()).unwrap();
        let unit = |x: Array| {
            (&x / x.square().unwrap().sum(-1).unwrap().sqrt().unwrap().expand_dims(-1).unwrap()).unwrap()
        };
        let noise = draw(&[2, 2, 1, length, 8]);
        let keys = if alike { (draw(&[2, 2, 1, 1, 8]) + (noise * 0.01).unwrap()).unwrap() } else { noise };
        let (slow, sure) = if alike { (-6.0, 4.0) } else { (0.0, 0.0) };
        let inputs = Inputs {
            queries: unit(draw(&[2, 2, 1, length, 8])),
            keys: unit(keys),
            values: draw(&[2, 2, 3, length, 4]),
            decay: (-((draw(&[2, 2, 3, length]) * 2.0).unwrap() + slow).unwrap().exp().unwrap()).unwrap(),
            rate: (draw(&[2, 2, 3, length]) + sure).unwrap().sigmoid().unwrap(),
        };
        (inputs, draw(&[2, 2, 3, 4, 8]))
    }

    fn part(inputs: &Inputs, start: i32, end: i32) -> Inputs {
        let cut = |x: &Array| x.index((.., .., .., start..end)).unwrap();
        Inputs {
            queries: cut(&inputs.queries),
            keys: cut(&inputs.keys),
            values: cut(&inputs.values),
            decay: cut(&inputs.decay),
            rate: cut(&inputs.rate),
        }
    }

    fn in_parts(inputs: &Inputs, mut state: Array, lengths: &[i32]) -> (Array, Array) {
        let (mut read, mut start) = (Vec::new(), 0);
        for length in lengths {
            let (one, next) = part(inputs, start, start + length).run(&state).unwrap();
            (state, start) = (next, start + length);
            read.push(one);
        }
        (mlx_core::concatenate(&read, 3).unwrap(), state)
    }

    fn error(actual: &Array, expected: &Array) -> f64 {
        let widen = |x: &Array| x.to_vec::<f32>().unwrap().into_iter().map(f64::from).collect::<Vec<_>>();
        assert_eq!(actual.shape(), expected.shape());
        mlx_testkit::relative_rms(&widen(actual), &widen(expected))
    }

    #[test]
    fn chunks_agree_with_one_token_after_the_other() {
        for alike in [false, true] {
            for length in [2, 3, 5, 15, 16, 17, 40, 100] {
                let (inputs, state) = inputs(length, alike);
                let (expected, last) = in_parts(&inputs, state.clone(), &vec![1; length as usize]);
                let (read, left) = inputs.run(&state).unwrap();
                let (read, left) = (error(&read, &expected), error(&left, &last));
                assert!(read < 1e-5 && left < 1e-5, "{length} tokens: {read}, state {left}");
            }
        }
    }

    #[test]
    fn a_token_reads_what_the_rule_says() {
        let (inputs, state) = inputs(1, false);
        let (read, left) = inputs.run(&state).unwrap();
        let at = |x: &Array| x.index((1, 1)).unwrap().to_vec::<f32>().unwrap();
        let (q, k, v) = (at(&inputs.queries), at(&inputs.keys), at(&inputs.values));
        let (decay, rate) = (at(&inputs.decay)[2].exp(), at(&inputs.rate)[2]);
        let mut s: Vec<_> = at(&state)[64..].iter().map(|s| s * decay).collect();
        for row in 0..4 {
            let s = &mut s[row * 8..][..8];
            let error = v[8 + row] - s.iter().zip(&k).map(|(s, k)| s * k).sum::<f32>();
            s.iter_mut().zip(&k).for_each(|(s, k)| *s += rate * error * k);
            let expected = s.iter().zip(&q).map(|(s, q)| s * q).sum::<f32>();
            assert!((at(&read)[8 + row] - expected).abs() < 1e-5);
        }
        assert!(at(&left)[64..].iter().zip(s).all(|(left, s)| (left - s).abs() < 1e-5));
    }

    #[test]
    fn tokens_that_neither_decay_nor_learn_leave_the_state_bit_by_bit() {
        let (mut inputs, state) = inputs(20, false);
        let zeros = Array::zeros([2, 2, 3, 20], Dtype::Float32).unwrap();
        (inputs.decay, inputs.rate) = (zeros.clone(), zeros);
        for lengths in [&[20][..], &[1; 20], &[7, 13]] {
            let (_, left) = in_parts(&inputs, state.clone(), lengths);
            assert_eq!(left.to_vec::<f32>().unwrap(), state.to_vec::<f32>().unwrap());
        }
    }
}
