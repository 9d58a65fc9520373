//! Memory that a thread uses again.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Floats in a line of the cache.
const LINE: usize = 16;

/// Floats of any values, which begin a line of the cache.
pub(crate) struct Scratch {
    memory: Vec<f32>,
    skip: usize,
    length: usize,
}

impl Scratch {
    /// `length` floats.
    pub(crate) fn new(length: usize) -> Self {
        let mut memory = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if memory.len() < length + LINE {
            memory.resize(length + LINE, 0.0);
        }
        let skip = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Self { memory, skip, length }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.memory.get(self.skip..self.skip + self.length).unwrap_or_default()
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.memory.get_mut(self.skip..self.skip + self.length).unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // While a thread ends there is no list any more, and the memory is freed.
        let _ = SPARE.try_with(|spare| spare.borrow_mut().push(memory));
    }
}
