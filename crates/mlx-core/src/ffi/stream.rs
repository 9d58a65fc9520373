//! Streams.

use mlx_sys as sys;

use super::device::RawDevice;
use super::owned::Owned;
use super::{Vector, call, error};
use crate::{Device, Result};

/// An owned `mlx_stream`: a name for one of MLX's queues, not the queue itself, which lives on.
pub(crate) struct RawStream(Owned<sys::mlx_stream>);

impl RawStream {
    /// This thread's default stream on `device`.
    #[track_caller]
    pub(crate) fn default_of(device: Device) -> Result<Self> {
        let device = RawDevice::new(device);
        let mut out = Self::empty();
        call::status("stream", || {
            // SAFETY: fills a handle that `out` owns from a live device.
            unsafe { sys::mlx_get_default_stream(out.as_mut_ptr(), device.raw()) }
        })?;
        Ok(out)
    }

    /// A new stream on `device`. MLX never takes it back.
    #[track_caller]
    pub(crate) fn new(device: Device) -> Result<Self> {
        let raw = RawDevice::new(device);
        call::prepare();
        // SAFETY: a live device; C gives the handle away, empty and with a message if it failed.
        let out = Self(unsafe { Owned::new(sys::mlx_stream_new_device(raw.raw())) });
        if out.raw().ctx.is_null() { Err(error::take("stream")) } else { Ok(out) }
    }

    /// A new stream on `device` that one thread after the other may use, but not two at a time.
    #[track_caller]
    pub(super) fn of_any_thread(device: Device) -> Result<Self> {
        let raw = RawDevice::new(device);
        call::prepare();
        // SAFETY: as for `new`.
        let out = Self(unsafe { Owned::new(sys::mlx_stream_new_thread_unsafe(raw.raw())) });
        if out.raw().ctx.is_null() { Err(error::take("stream")) } else { Ok(out) }
    }

    /// Another name for the same queue.
    #[track_caller]
    pub(super) fn copy(&self) -> Result<Self> {
        let mut out = Self::empty();
        // SAFETY: fills a handle that `out` owns from a live one, which C only reads.
        call::status("stream", || unsafe { sys::mlx_stream_set(out.as_mut_ptr(), self.raw()) })?;
        Ok(out)
    }

    /// The queue's number.
    #[track_caller]
    pub(crate) fn index(&self) -> Result<i32> {
        let mut index = 0;
        // SAFETY: writes one number about a live stream.
        call::status("stream", || unsafe { sys::mlx_stream_get_index(&raw mut index, self.raw()) })?;
        Ok(index)
    }

    /// A name for C to fill.
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_stream {
        self.0.as_mut_ptr()
    }

    pub(super) fn raw(&self) -> sys::mlx_stream {
        self.0.raw()
    }

    /// Whether both name one queue.
    pub(crate) fn is(&self, other: &Self) -> bool {
        call::prepare();
        // SAFETY: both are live: C would not catch what it throws about an empty one.
        unsafe { sys::mlx_stream_equal(self.raw(), other.raw()) }
    }

    /// The device that the queue is on.
    #[track_caller]
    pub(crate) fn device(&self) -> Result<Device> {
        // SAFETY: C gives an empty handle away.
        let mut device = unsafe { Owned::new(sys::mlx_device_new()) };
        // SAFETY: fills a handle that is owned here from a live stream.
        call::status("stream", || unsafe { sys::mlx_stream_get_device(device.as_mut_ptr(), self.raw()) })?;
        Device::from_c(&device)
    }

    /// A name for each queue of the process.
    #[track_caller]
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut streams = Vector::<Self>::empty();
        // SAFETY: fills a vector that is owned here, under MLX's own lock.
        call::status("stream", || unsafe { sys::mlx_get_streams(streams.as_mut_ptr()) })?;
        streams.into_vec()
    }

    /// Waits for all work on the stream.
    #[track_caller]
    pub(crate) fn synchronize(&self) -> Result<()> {
        // SAFETY: a live stream.
        call::computed("synchronize", || unsafe { sys::mlx_synchronize(self.raw()) })
    }

    /// The same for a stream of the CPU, on any thread, even while that ends.
    #[track_caller]
    pub(super) fn finish(&self) -> Result<()> {
        // SAFETY: a live stream, whose work MLX waits for under locks of its own.
        call::without_queue("synchronize", || unsafe { sys::mlx_synchronize(self.raw()) })
    }
}
