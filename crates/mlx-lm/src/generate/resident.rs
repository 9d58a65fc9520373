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
    /// For the work of models on the current stream; `None` where nothing can be kept resident.
    pub(crate) fn new<'m>(models: impl IntoIterator<Item = &'m Model>) -> Result<Option<Self>> {
        let stream = Stream::current()?;
        let bytes: usize = models.into_iter().map(|model| model.decoder().nbytes()).sum();
        let guard = WiredLimitGuard::install(bytes, &[])?;
        Ok(guard.map(|guard| Self { stream, _guard: guard }))
    }
}

impl Drop for Resident {
    /// The guard, which is dropped after this, knows only of the default stream.
    fn drop(&mut self) {
        let _ = self.stream.synchronize();
    }
}
