//! What MLX's allocator holds, in bytes, for the whole process.

use crate::device::Fact;
use crate::ffi::pages::{self, Chunk};
use crate::{Array, Device, Result, ffi};

/// Memory in which arrays lie side by side, and which Linux is asked to keep in huge pages: weights that are read for
/// each token of a text are read about a tenth faster so. Where the system cannot do that (before Linux 6.1), it is
/// memory as any other.
///
/// ```
/// # use mlx_core::{Array, Dtype};
/// use mlx_core::memory::HugePages;
///
/// let mut weights = [Array::ones([1024, 1024], Dtype::Float32)?, Array::zeros([1024], Dtype::Float16)?];
/// let mut pages = HugePages::for_arrays(&weights);
/// for array in &mut weights {
///     *array = pages.hold(array)?;
/// }
/// # Ok::<(), mlx_core::Error>(())
/// ```
pub struct HugePages {
    /// Bytes of the arrays that are still to come.
    left: usize,
    chunk: Option<Chunk>,
}

impl HugePages {
    /// For some arrays, of which nothing is computed yet.
    pub fn for_arrays<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Self {
        let left = arrays.into_iter().map(|array| Chunk::taken(array.nbytes())).sum();
        Self { left, chunk: None }
    }

    /// Computes an array and copies it. What it returns shares its memory with the arrays beside it, which MLX gives
    /// back when the last of them is gone. Arrays that fill huge pages by themselves stay where they are.
    ///
    /// # Errors
    /// The array cannot be computed.
    #[track_caller]
    pub fn hold(&mut self, array: &Array) -> Result<Array> {
        let bytes = array.nbytes();
        if bytes == 0 || bytes >= Chunk::LARGE {
            pages::advise(array)?;
            return Ok(array.clone());
        }
        let chunk = match self.chunk.take() {
            Some(chunk) if chunk.fits(bytes) => chunk,
            _ => Chunk::new(self.left.clamp(bytes, Chunk::MOST))?,
        };
        self.left = self.left.saturating_sub(Chunk::taken(bytes));
        self.chunk.insert(chunk).hold(array)
    }
}

/// Memory that arrays use now.
#[track_caller]
pub fn active() -> Result<usize> {
    ffi::memory::active()
}

/// The most that arrays used since the start or the last [`reset_peak`].
#[track_caller]
pub fn peak() -> Result<usize> {
    ffi::memory::peak()
}

/// Memory kept for reuse that no array uses.
#[track_caller]
pub fn cache() -> Result<usize> {
    ffi::memory::cache()
}

/// Forgets the peak: it is zero until the next allocation, and not what is active now.
#[track_caller]
pub fn reset_peak() -> Result<()> {
    ffi::memory::reset_peak()
}

/// Gives memory kept for reuse back to the system.
///
/// On the CPU, MLX waits here for the work of all threads, and the error of one of them may come out here.
#[track_caller]
pub fn clear_cache() -> Result<()> {
    ffi::memory::clear_cache()
}

/// The bytes of arrays above which MLX waits for running work before it starts more.
#[track_caller]
pub fn limit() -> Result<usize> {
    ffi::memory::limit()
}

/// Sets [`limit`], and returns the one before. It slows work down but does not stop it.
#[track_caller]
pub fn set_limit(bytes: usize) -> Result<usize> {
    ffi::memory::set_limit(bytes)
}

/// Sets how many bytes are kept for reuse, and returns the limit before. It waits as [`clear_cache`] does.
#[track_caller]
pub fn set_cache_limit(bytes: usize) -> Result<usize> {
    ffi::memory::set_cache_limit(bytes)
}

/// How many bytes of arrays the system recommends to keep on the first GPU at most; `None` where it does not say,
/// as all but Metal.
///
/// # Errors
/// There is no GPU.
#[track_caller]
pub fn max_recommended_working_set_size() -> Result<Option<usize>> {
    let device = Device::gpu(0)?;
    match ffi::facts::fact(device, c"max_recommended_working_set_size")? {
        Some(Fact::Number(bytes)) => Ok(Some(bytes)),
        Some(Fact::Text(_)) | None => Ok(None),
    }
}

/// Sets how many bytes of arrays Metal keeps resident, and returns the limit before. Elsewhere it does nothing.
/// It works even while a thread ends.
///
/// # Errors
/// It is more than the system allows.
#[track_caller]
pub fn set_wired_limit(bytes: usize) -> Result<usize> {
    ffi::memory::set_wired_limit(bytes)
}
