//! What MLX's allocator holds, for the whole process.

use std::fmt;

use mlx_core::memory;

use crate::{Bytes, Result};

/// What MLX's allocator holds at one moment.
///
/// ```
/// let usage = mlx_memory::Usage::now()?;
/// println!("{usage}"); // 3.4 GiB active, 0.2 GiB cached, 4.1 GiB at the peak
/// # Ok::<(), mlx_memory::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What arrays use.
    pub active: Bytes,
    /// What is kept for reuse, which no array uses.
    pub cache: Bytes,
    /// The most that arrays used since the start or the last reset, which [`Peak`](crate::Peak) makes.
    pub peak: Bytes,
}

impl Usage {
    /// What is held now.
    pub fn now() -> Result<Self> {
        Ok(Self {
            active: memory::active()?.into(),
            cache: memory::cache()?.into(),
            peak: memory::peak()?.into(),
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { active, cache, peak } = self;
        write!(f, "{active} active, {cache} cached, {peak} at the peak")
    }
}

/// Gives what is kept for reuse back to the system.
///
/// # Errors
/// On the CPU, MLX waits here for the work of all threads, and an error of one of them may come out here.
pub fn clear_cache() -> Result<()> {
    Ok(memory::clear_cache()?)
}

/// Sets how many bytes of arrays MLX uses before it waits for running work, and returns the limit before. It slows
/// work down but does not stop it. [`Limits`](crate::Limits) restores it.
pub fn set_memory_limit(limit: impl Into<Bytes>) -> Result<Bytes> {
    Ok(memory::set_limit(limit.into().as_usize())?.into())
}

/// Sets how many bytes MLX keeps for reuse, and returns the limit before. [`Limits`](crate::Limits) restores it.
///
/// # Errors
/// As for [`clear_cache`].
pub fn set_cache_limit(limit: impl Into<Bytes>) -> Result<Bytes> {
    Ok(memory::set_cache_limit(limit.into().as_usize())?.into())
}
