//! Queues of the CPU that threads lease one after the other.
//!
//! MLX gives each queue that works a thread of the system, and never takes one back. So a thread leases its queues
//! here, and returns them when it ends.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use mlx_sys as sys;

use super::call;
use super::stream::RawStream;
use crate::{Device, Result};

/// How many queues there are. More threads than that at a time get queues of their own, which stay.
const SIZE: usize = 32;

/// A queue's name, which several threads may read.
struct Queue(RawStream);

// SAFETY: it is a device and a number, which nothing changes.
unsafe impl Send for Queue {}
// SAFETY: as for `Send`.
unsafe impl Sync for Queue {}

struct Pool {
    queues: Vec<Queue>,
    free: Mutex<Vec<usize>>,
}

/// A queue that no other thread uses until it is given back.
pub(crate) struct Lease(usize);

/// All queues are made here, before any thread uses one: MLX looks their map up without a lock, so it must not
/// grow later.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let queues: Vec<_> =
            (0..SIZE).map_while(|_| RawStream::of_any_thread(Device::Cpu).ok()).map(Queue).collect();
        let free = Mutex::new((0..queues.len()).rev().collect());
        Pool { queues, free }
    })
}

impl Pool {
    fn free(&self) -> MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// A queue that no thread uses, the last one given back first; `None` if all are in use.
    #[track_caller]
    pub(crate) fn take() -> Option<(Self, RawStream)> {
        let pool = pool();
        let slot = pool.free().pop()?;
        let lease = Self(slot);
        let stream = pool.queues.get(slot).and_then(|queue| queue.0.copy().ok())?;
        Some((lease, stream))
    }
}

impl Drop for Lease {
    /// Gives the queue back. Whoever holds the lease has waited for its work.
    fn drop(&mut self) {
        pool().free().push(self.0);
    }
}

/// Makes `stream`, which this thread leased, its default queue of the CPU.
#[track_caller]
pub(crate) fn begin_thread(stream: &RawStream) -> Result<()> {
    // SAFETY: a live stream that this thread alone uses.
    call::status("stream", || unsafe { sys::mlx_shim_thread_begin(stream.raw()) })
}
