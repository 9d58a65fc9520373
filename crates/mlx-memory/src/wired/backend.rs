//! What the coordinator needs of MLX and of the clock.

use std::time::Instant;

use mlx_core::{Device, Result, Stream, memory};

/// The calls that touch MLX, so that every rule can be tested without a GPU.
pub(crate) trait Backend: Send + Sync {
    /// Sets the wired limit of the process, and returns the one before.
    fn set_wired_limit(&self, bytes: u64) -> Result<u64>;

    /// Whether there is a GPU.
    fn has_gpu(&self) -> bool;

    /// How much the GPU recommends to keep resident, if it says so.
    fn max_recommended(&self) -> Result<Option<u64>>;

    /// Waits for the work of `stream`, or of the GPU's default stream.
    fn synchronize(&self, stream: Option<&Stream>) -> Result<()>;

    /// The time.
    fn now(&self) -> Instant;
}

/// MLX itself.
pub(crate) struct Mlx;

impl Backend for Mlx {
    fn set_wired_limit(&self, bytes: u64) -> Result<u64> {
        memory::set_wired_limit(usize::try_from(bytes).unwrap_or(usize::MAX)).map(|before| before as u64)
    }

    fn has_gpu(&self) -> bool {
        Device::Gpu(0).is_available().unwrap_or(false)
    }

    fn max_recommended(&self) -> Result<Option<u64>> {
        Ok(memory::max_recommended_working_set_size()?.map(|bytes| bytes as u64))
    }

    fn synchronize(&self, stream: Option<&Stream>) -> Result<()> {
        match stream {
            Some(stream) => stream.synchronize(),
            None => Device::gpu(0)?.scope(|| Stream::current()?.synchronize()),
        }
    }

    fn now(&self) -> Instant {
        Instant::now()
    }
}
