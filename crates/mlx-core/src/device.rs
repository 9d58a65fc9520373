//! Where work runs.

use std::collections::BTreeMap;
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
        device.check()?;
        Ok(device)
    }

    /// Whether this build can use the device on this machine.
    #[track_caller]
    pub fn is_available(self) -> Result<bool> {
        ffi::device::is_available(self)
    }

    /// How many devices of this kind there are.
    #[track_caller]
    pub fn count(self) -> Result<u32> {
        Ok(u32::try_from(ffi::facts::count(self)?).unwrap_or_default())
    }

    /// What MLX knows about the device.
    ///
    /// # Errors
    /// The device is not there.
    #[track_caller]
    pub fn info(self) -> Result<DeviceInfo> {
        self.check()?;
        ffi::facts::facts(self).map(DeviceInfo)
    }

    #[track_caller]
    fn check(self) -> Result<()> {
        match self.is_available()? {
            true => Ok(()),
            false => {
                let message = format!("{self} is not there in this build on this machine");
                Err(Error::new(Kind::Device, "device", message))
            }
        }
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

/// What MLX knows about a device, by MLX's names, which differ between backends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo(BTreeMap<String, Fact>);

/// One thing known about a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A name.
    Text(String),
    /// A number, of bytes where it is a size.
    Number(usize),
}

impl DeviceInfo {
    /// The name of the model.
    pub fn name(&self) -> Option<&str> {
        self.text("device_name")
    }

    /// The architecture, such as `x86_64` or `applegpu_g14s`.
    pub fn architecture(&self) -> Option<&str> {
        self.text("architecture")
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> Option<usize> {
        ["memory_size", "total_memory"].iter().find_map(|name| self.number(name))
    }

    /// A fact by MLX's name.
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.get(name)
    }

    /// All facts, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.0.iter().map(|(name, fact)| (name.as_str(), fact))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Fact::Text(text) => Some(text),
            Fact::Number(_) => None,
        }
    }

    fn number(&self, name: &str) -> Option<usize> {
        match self.get(name)? {
            Fact::Number(number) => Some(*number),
            Fact::Text(_) => None,
        }
    }
}

/// The first GPU if this build and machine have one, else the CPU.
impl Default for Device {
    fn default() -> Self {
        static DEFAULT: OnceLock<Device> = OnceLock::new();
        *DEFAULT.get_or_init(|| ffi::device::preferred().unwrap_or(Self::Cpu))
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
