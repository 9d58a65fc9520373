//! Keeping a model in memory while it generates.

use mlx_core::Stream;
use mlx_memory::WiredLimitGuard;

use crate::{Model, Result};

/// A raised wired limit, until the work of the stream is done.
pub(crate) struct Resident {
    stream: Stream,
    _guard: WiredLimitGuard<'static>,
}

impl Resident {
    /// For the work of `model` on the current stream; `None` where nothing can be kept resident.
    pub(crate) fn new(model: &Model) -> Result<Option<Self>> {
        let stream = Stream::current()?;
        let guard = WiredLimitGuard::install(model.decoder().nbytes(), &[])?;
        Ok(guard.map(|guard| Self { stream, _guard: guard }))
    }
}

impl Drop for Resident {
    /// The guard, which is dropped after this, knows only of the default stream.
    fn drop(&mut self) {
        let _ = self.stream.synchronize();
    }
}
