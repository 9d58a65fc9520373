//! The wired limit raised for the time of a scope.

use std::fmt;
use std::sync::Arc;

use mlx_core::Stream;

use super::coordinator::Coordinator;
use super::shared;
use crate::{Bytes, Result};

/// Keeps the weights and caches of a running model resident: while one or more guards live, the wired limit of the
/// process is what the device recommends; the last one restores the limit before the first.
///
/// Dropping it waits for the streams it was given, or without any for the GPU's default stream of this thread, and
/// never fails. What `std::mem::forget` is called on is never given back: the limit stays raised.
///
/// ```
/// use mlx_memory::{Bytes, WiredLimitGuard};
///
/// let model = Bytes::gib(2);
/// let guard = WiredLimitGuard::install(model, &[])?; // `None` where there is no limit to raise
/// // … generate …
/// drop(guard);
/// # Ok::<(), mlx_memory::Error>(())
/// ```
///
/// It stays on its thread, because streams do, and cannot outlive them:
///
/// ```compile_fail,E0277
/// let guard = mlx_memory::WiredLimitGuard::install(1_u64, &[]).unwrap();
/// std::thread::spawn(move || drop(guard));
/// ```
///
/// ```compile_fail,E0597
/// let guard = {
///     let streams = [mlx_core::Stream::current().unwrap()];
///     mlx_memory::WiredLimitGuard::install(1_u64, &streams).unwrap()
/// };
/// drop(guard);
/// ```
#[must_use = "drop the guard at the end of the scope to restore the prior wired-memory limit"]
pub struct WiredLimitGuard<'a> {
    streams: &'a [Stream],
    coordinator: Arc<Coordinator>,
}

impl<'a> WiredLimitGuard<'a> {
    /// Raises the limit for a model of `model_bytes`, whose work runs on `streams`. `None` where nothing can be kept
    /// resident: without a GPU, or with one that recommends no limit.
    ///
    /// A model of more than nine tenths of what is recommended gives a warning; see
    /// [`Wired::set_warning_sink`](crate::Wired::set_warning_sink).
    ///
    /// # Errors
    /// MLX refused the limit; nothing is changed then.
    pub fn install(model_bytes: impl Into<Bytes>, streams: &'a [Stream]) -> Result<Option<Self>> {
        Self::install_in(shared(), model_bytes.into(), streams)
    }

    pub(super) fn install_in(
        coordinator: &Arc<Coordinator>,
        model_bytes: Bytes,
        streams: &'a [Stream],
    ) -> Result<Option<Self>> {
        let is_raised = coordinator.enter(model_bytes.get())?;
        Ok(is_raised.then(|| Self { streams, coordinator: Arc::clone(coordinator) }))
    }

    /// The limit before the first of the guards and tickets that live now, which the last one restores.
    pub fn old_limit(&self) -> Bytes {
        self.coordinator.old_limit().into()
    }
}

impl fmt::Debug for WiredLimitGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WiredLimitGuard").field("streams_count", &self.streams.len()).finish()
    }
}

impl Drop for WiredLimitGuard<'_> {
    fn drop(&mut self) {
        self.coordinator.leave(self.streams);
    }
}
