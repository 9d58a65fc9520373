//! Where work runs.

use std::fmt;
use std::sync::OnceLock;

use crate::{Error, Kind, Result, ffi, stream};

/// A processor that MLX can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// A GPU, by number.
    Gpu(u32),
}

impl Device {
    /// The GPU of that number, or an error if there is none.
    #[track_caller]
    pub fn gpu(index: u32) -> Result<Self> {
        let device = Self::Gpu(index);
        if ffi::device::is_available(device)? {
            return Ok(device);
        }
        Err(Error::new(
            Kind::Device,
            "device",
            format!("{device} is not there in this build on this machine"),
        ))
    }

    /// The device that ops on this thread use now.
    pub fn current() -> Self {
        stream::current_device()
    }

    /// Whether this is the CPU.
    pub fn is_cpu(self) -> bool {
        self == Self::Cpu
    }

    /// Runs `f` with this device's default stream for the ops that it calls on this thread. The earlier choice
    /// is back when `f` returns or panics.
    ///
    /// ```
    /// # use mlx_core::{Array, Device};
    /// let y = Device::Cpu.scope(|| Array::from([3.0, 4.0]).sum(..))?;
    /// assert_eq!(y.item::<f32>()?, 7.0);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The device is not there, or `f` failed.
    #[track_caller]
    pub fn scope<R>(self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        let _guard = stream::enter_device(self)?;
        f()
    }
}

/// The first GPU if this build and machine have one, else the CPU.
impl Default for Device {
    fn default() -> Self {
        static DEFAULT: OnceLock<Device> = OnceLock::new();
        *DEFAULT.get_or_init(|| Self::gpu(0).unwrap_or(Self::Cpu))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(index) => write!(f, "gpu:{index}"),
        }
    }
}
