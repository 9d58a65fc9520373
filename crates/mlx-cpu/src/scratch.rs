//! Memory that a thread uses again.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use crate::numbers::Float;

/// What a thread has that is not in use.
pub(crate) type Spare<T> = RefCell<Vec<Vec<T>>>;

/// Bytes in a line of the cache.
const LINE: usize = 64;

/// Floats of any values, which begin a line of the cache.
pub(crate) struct Scratch<T: Float = f32> {
    memory: Vec<T>,
    skip: usize,
    length: usize,
}

impl Scratch {
    /// `length` singles.
    pub(crate) fn new(length: usize) -> Self {
        Self::of(length)
    }
}

impl<T: Float> Scratch<T> {
    /// `length` floats of any type.
    pub(crate) fn of(length: usize) -> Self {
        let all = length + LINE / size_of::<T>();
        let spare: &LocalKey<Spare<T>> = T::spare();
        let mut memory = spare.with_borrow_mut(|spare| taken(spare, all));
        if memory.len() < all {
            memory = vec![T::default(); all];
        }
        let skip = memory.as_ptr().align_offset(LINE).min(LINE / size_of::<T>());
        Self { memory, skip, length }
    }
}

/// The shortest that is long enough, else the longest, which its thread has no better use for.
fn taken<T>(spare: &mut Vec<Vec<T>>, length: usize) -> Vec<T> {
    let order = |memory: &Vec<T>| match memory.len() {
        enough if enough >= length => (false, enough),
        less => (true, usize::MAX - less),
    };
    let best = spare.iter().enumerate().min_by_key(|(_, memory)| order(memory)).map(|(at, _)| at);
    best.map(|at| spare.swap_remove(at)).unwrap_or_default()
}

impl<T: Float> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.memory.get(self.skip..self.skip + self.length).unwrap_or_default()
    }
}

impl<T: Float> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.memory.get_mut(self.skip..self.skip + self.length).unwrap_or_default()
    }
}

impl<T: Float> Drop for Scratch<T> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // While a thread ends there is no list any more, and the memory is freed.
        let _ = T::spare().try_with(|spare| spare.borrow_mut().push(memory));
    }
}
