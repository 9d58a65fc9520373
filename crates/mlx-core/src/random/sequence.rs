//! A sequence of keys for each thread, for callers that pass none on.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use super::Key;
use crate::{Array, Result};

thread_local! {
    static STATE: Cell<State> = Cell::new(State::of(entropy()));
}

/// Starts this thread's sequence of keys anew: the same seed gives the same keys, those that Python's
/// `mx.random.seed` leads to. Other threads keep theirs.
pub fn seed(seed: u64) {
    STATE.set(State::of(seed));
}

/// The next key of this thread's sequence. Until [`seed`] is called, each thread of each run has another one.
///
/// ```
/// use mlx_core::{Dtype, random};
///
/// random::seed(7);
/// let x = random::normal([2], Dtype::Float32, &random::key()?)?;
/// random::seed(7);
/// let again = random::normal([2], Dtype::Float32, &random::key()?)?;
/// assert_eq!(x.to_vec::<f32>()?, again.to_vec::<f32>()?);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn key() -> Result<Key> {
    let (next, State([high, low])) = STATE.get().split();
    STATE.set(next);
    Array::from_slice(&[high, low], [2]).map(Key::of_array)
}

/// A number that differs between runs and between threads of a run: the hasher's keys are random once a run, and
/// count up on each thread, and no two threads have the same number.
fn entropy() -> u64 {
    RandomState::new().hash_one(std::thread::current().id())
}

/// A key of MLX's generator. It is kept outside MLX, so that a sequence belongs to no graph and no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State([u32; 2]);

impl State {
    fn of(seed: u64) -> Self {
        Self([(seed >> 32) as u32, seed as u32])
    }

    /// The two keys that MLX's `split` gives.
    fn split(self) -> (Self, Self) {
        let ([a, c], [b, d]) = (threefry(self.0, [0, 2]), threefry(self.0, [1, 3]));
        (Self([a, b]), Self([c, d]))
    }
}

/// Threefry-2x32 with 20 rounds, of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const PARITY: u32 = 0x1BD1_1BDA;
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let [k, l] = key;
    let keys = [k, l, PARITY ^ k ^ l];
    let injected = keys.iter().cycle().zip(keys.iter().cycle().skip(1));
    let (mut x, mut y) = (counter[0].wrapping_add(k), counter[1].wrapping_add(l));
    for (round, ((first, second), rotations)) in
        (1..=5_u32).zip(injected.skip(1).zip(ROTATIONS.iter().cycle()))
    {
        for &rotation in rotations {
            x = x.wrapping_add(y);
            y = y.rotate_left(rotation) ^ x;
        }
        x = x.wrapping_add(*first);
        y = y.wrapping_add(*second).wrapping_add(round);
    }
    [x, y]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with the authors' Random123 library.
    #[test]
    fn threefry_gives_the_known_answers() {
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        let (key, counter) = ([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]);
        assert_eq!(threefry(key, counter), [0xc492_3a9c, 0x483d_f7a0]);
    }

    #[test]
    fn keys_split_as_mlx_splits_them() {
        for seed in [0, 1, 7, u64::from(u32::MAX), u64::MAX, 0x0123_4567_89ab_cdef] {
            let (left, right) = Key::new(seed).unwrap().split().unwrap();
            let (a, b) = State::of(seed).split();
            assert_eq!(left.array().to_vec::<u32>().unwrap(), a.0, "{seed}");
            assert_eq!(right.array().to_vec::<u32>().unwrap(), b.0, "{seed}");
        }
    }

    #[test]
    fn threads_begin_at_different_places() {
        let mut states: Vec<_> =
            (0..100).map(|_| std::thread::spawn(|| STATE.get().0).join().unwrap()).collect();
        states.sort_unstable();
        states.dedup();
        assert_eq!(states.len(), 100);
    }
}
