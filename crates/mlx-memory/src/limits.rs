//! Limits of the allocator for the time of a scope.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Bytes, Result, set_cache_limit, set_memory_limit};

/// Limits of MLX's allocator that are to hold for some time.
///
/// ```
/// use mlx_memory::{Bytes, Limits};
///
/// let _limits = Limits::new().memory(Bytes::gib(24)).cache(Bytes::gib(2)).apply()?; // restored on drop
/// # Ok::<(), mlx_memory::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "nothing is limited until `apply`"]
pub struct Limits {
    memory: Option<Bytes>,
    cache: Option<Bytes>,
}

/// Limits that hold until this is dropped.
///
/// They are those of the process: of several that live, the newest holds, in whatever order they are dropped.
#[derive(Debug)]
#[must_use = "the limits are restored when this is dropped"]
pub struct AppliedLimits {
    _memory: Option<Applied>,
    _cache: Option<Applied>,
}

impl Limits {
    /// No limits yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes of arrays MLX uses before it waits for running work.
    pub fn memory(self, limit: impl Into<Bytes>) -> Self {
        Self { memory: Some(limit.into()), ..self }
    }

    /// How many bytes MLX keeps for reuse.
    pub fn cache(self, limit: impl Into<Bytes>) -> Self {
        Self { cache: Some(limit.into()), ..self }
    }

    /// Sets them.
    ///
    /// # Errors
    /// MLX refused one; none is changed then.
    pub fn apply(self) -> Result<AppliedLimits> {
        let memory = self.memory.map(|limit| MEMORY.apply(limit)).transpose()?;
        let cache = self.cache.map(|limit| CACHE.apply(limit)).transpose()?;
        Ok(AppliedLimits { _memory: memory, _cache: cache })
    }
}

static MEMORY: Limit = Limit::new(set_memory_limit);
static CACHE: Limit = Limit::new(set_cache_limit);

/// One limit of the process, and who set it.
#[derive(Debug)]
struct Limit {
    set: fn(Bytes) -> Result<Bytes>,
    layers: Mutex<Vec<Layer>>,
}

/// A limit that somebody set, over the one before.
#[derive(Debug)]
struct Layer {
    id: u64,
    before: Bytes,
}

#[derive(Debug)]
struct Applied {
    limit: &'static Limit,
    id: u64,
}

impl Limit {
    const fn new(set: fn(Bytes) -> Result<Bytes>) -> Self {
        Self { set, layers: Mutex::new(Vec::new()) }
    }

    fn apply(&'static self, bytes: Bytes) -> Result<Applied> {
        let mut layers = self.lock();
        let id = layers.last().map_or(0, |layer| layer.id + 1);
        let before = (self.set)(bytes)?;
        layers.push(Layer { id, before });
        Ok(Applied { limit: self, id })
    }

    /// Restores what was before, or leaves that to the layer above.
    fn restore(&self, id: u64) {
        let mut layers = self.lock();
        let Some(at) = layers.iter().position(|layer| layer.id == id) else { return };
        let Layer { before, .. } = layers.remove(at);
        match layers.get_mut(at) {
            Some(above) => above.before = before,
            // Nobody is there to hear of an error.
            None => drop((self.set)(before)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Layer>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Applied {
    fn drop(&mut self) {
        self.limit.restore(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static VALUE: AtomicU64 = AtomicU64::new(1);
    static LIMIT: Limit = Limit::new(|bytes| Ok(VALUE.swap(bytes.get(), Ordering::SeqCst).into()));

    fn value() -> u64 {
        VALUE.load(Ordering::SeqCst)
    }

    #[test]
    fn the_newest_limit_that_lives_holds_in_every_order_of_drops() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut applied = [10, 20, 30].map(|bytes| Some(LIMIT.apply(Bytes::new(bytes)).unwrap()));
            for at in order {
                applied[at] = None;
                let newest = [10, 20, 30].into_iter().zip(&applied).rfind(|(_, one)| one.is_some());
                assert_eq!(value(), newest.map_or(1, |(bytes, _)| bytes));
            }
        }
    }
}
