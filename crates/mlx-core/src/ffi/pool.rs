//! Queues of the CPU that threads lease one after the other.
//!
//! MLX gives each queue that works a thread of the system, and never takes one back. So a thread leases its queues
//! here, and returns them when it ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use mlx_sys as sys;

use super::stream::RawStream;
use super::{call, gate};
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
    /// How many queues were in use at most.
    used: AtomicUsize,
    /// Queues of the CPU that threads have for themselves.
    others: Mutex<Vec<Queue>>,
}

/// A queue that no other thread uses until it is given back.
pub(crate) struct Lease(usize);

/// All queues are made here, before any thread uses one: MLX looks their map up without a lock, so it must not
/// grow later. They and the allocator are what MLX destroys at the end of the program.
fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let queues: Vec<_> =
            (0..SIZE).map_while(|_| RawStream::of_any_thread(Device::Cpu).ok()).map(Queue).collect();
        let _ = super::memory::cache();
        gate::close_at_exit();
        let free = Mutex::new((0..queues.len()).rev().collect());
        Pool { queues, free, used: AtomicUsize::new(0), others: Mutex::default() }
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    /// A queue that no thread uses, the last one given back first; `None` if all are in use.
    #[track_caller]
    pub(crate) fn take() -> Option<(Self, RawStream)> {
        let pool = pool();
        let slot = locked(&pool.free).pop()?;
        let lease = Self(slot);
        pool.used.fetch_max(slot + 1, Ordering::SeqCst);
        let stream = pool.queues.get(slot).and_then(|queue| queue.0.copy().ok())?;
        Some((lease, stream))
    }
}

impl Drop for Lease {
    /// Gives the queue back. Whoever holds the lease has waited for its work.
    fn drop(&mut self) {
        locked(&pool().free).push(self.0);
    }
}

/// Makes the pool, if it is not there, for a thread that allocates without a queue.
pub(super) fn prepare() {
    pool();
}

/// Makes `stream`, which this thread leased, its default queue of the CPU.
#[track_caller]
pub(crate) fn begin_thread(stream: &RawStream) -> Result<()> {
    // SAFETY: a live stream that this thread alone uses.
    call::status("stream", || unsafe { sys::mlx_shim_thread_begin(stream.raw()) })
}

/// Notes a queue of the CPU that is not from the pool.
#[track_caller]
pub(crate) fn note(stream: &RawStream) -> Result<()> {
    locked(&pool().others).push(Queue(stream.copy()?));
    Ok(())
}

/// Waits for all work on the CPU, at the end of the program.
pub(super) fn finish_all() {
    let pool = pool();
    let used = pool.queues.iter().take(pool.used.load(Ordering::SeqCst));
    for queue in used.chain(locked(&pool.others).iter()) {
        let _ = queue.0.finish();
    }
}
