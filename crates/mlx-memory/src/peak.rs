//! The most memory that a piece of work needs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mlx_core::memory;

use crate::{Bytes, Result};

/// A measurement of the most memory that arrays of the process use, from its start on.
///
/// MLX has one counter, and resetting it sets it to zero and not to what is active. Measurements share it: one inside
/// another, or beside it on another thread, takes nothing away from it. Whoever resets it by
/// [`mlx_core::memory::reset_peak`] does.
#[derive(Debug)]
pub struct Peak {
    id: u64,
}

/// The measurements that run.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Running {
    id: u64,
    /// The peak up to the last reset.
    highest: Bytes,
}

impl Peak {
    /// Starts to measure.
    ///
    /// # Errors
    /// MLX did not tell.
    pub fn start() -> Result<Self> {
        let mut running = lock();
        let (peak, active) = (memory::peak()?.into(), memory::active()?.into());
        memory::reset_peak()?;
        for other in running.iter_mut() {
            other.highest = other.highest.max(peak);
        }
        let id = running.last().map_or(0, |last| last.id + 1);
        running.push(Running { id, highest: active });
        Ok(Self { id })
    }

    /// The most up to now.
    ///
    /// # Errors
    /// MLX did not tell.
    pub fn so_far(&self) -> Result<Bytes> {
        let running = lock();
        let peak = Bytes::from(memory::peak()?);
        let own = running.iter().find(|one| one.id == self.id);
        Ok(own.map_or(peak, |own| own.highest.max(peak)))
    }

    /// Runs `work`, and gives its result with the most memory that the process used meanwhile. What `work` leaves
    /// to be computed later is not in it.
    ///
    /// ```
    /// use mlx_core::{Array, Dtype};
    /// use mlx_memory::{Bytes, Peak};
    ///
    /// let ones = || Array::ones([1024, 1024], Dtype::Float32)?.contiguous(false)?.eval();
    /// let (done, peak) = Peak::measure(ones)?;
    /// done?;
    /// assert!(peak >= Bytes::mib(4));
    /// # Ok::<(), mlx_memory::Error>(())
    /// ```
    ///
    /// # Errors
    /// MLX did not tell.
    pub fn measure<T>(work: impl FnOnce() -> T) -> Result<(T, Bytes)> {
        let peak = Self::start()?;
        let done = work();
        Ok((done, peak.so_far()?))
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        lock().retain(|one| one.id != self.id);
    }
}

fn lock() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
