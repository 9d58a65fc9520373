//! What memory this machine has.

mod cgroup;
mod gpu;
mod linux;
mod macos;

use std::env::consts::OS;
use std::fmt;
use std::path::Path;

use mlx_core::Device;

pub use gpu::Gpu;

use crate::{Bytes, Error, Result};

/// The memory that this process may use, of the system and of the device that computes.
///
/// ```no_run
/// use mlx_memory::{Bytes, Machine};
///
/// let machine = Machine::read()?;
/// println!("{machine}");
/// assert!(machine.available() > Bytes::gib(4), "close something first");
/// # Ok::<(), mlx_memory::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// The system's memory, as far as limits of containers and control groups leave it to this process.
    pub system: Memory,
    /// The most that control groups of Linux allow this process, where that is less than the machine has.
    pub limit: Option<Bytes>,
    /// The GPU that computes, if one does.
    pub gpu: Option<Gpu>,
}

/// A memory: its size, and what of it is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: Bytes,
    /// What can be taken now without swapping.
    pub available: Bytes,
}

impl Machine {
    /// Reads what the system says now, and what MLX says of this thread's device.
    ///
    /// # Errors
    /// The system tells nothing about its memory, or is none of Linux and macOS.
    pub fn read() -> Result<Self> {
        let (system, limit) = match OS {
            "linux" => linux::read(Path::new("/"))?,
            "macos" => (macos::read()?, None),
            _ => return Err(Error::Machine(format!("how {OS} tells its memory is not known"))),
        };
        Ok(Self { system, limit, gpu: Gpu::read(Device::current())? })
    }

    /// What arrays of the device that computes can take now. Where it shares the system's memory, that is what
    /// both leave.
    pub fn available(&self) -> Bytes {
        match &self.gpu {
            None => self.system.available,
            Some(gpu) if gpu.shares_system => gpu.memory.available.min(self.system.available),
            Some(gpu) => gpu.memory.available,
        }
    }
}

/// A line for each memory.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}{}", "system", self.system)?;
        match &self.gpu {
            None => Ok(()),
            Some(gpu) => write!(f, "\n{:<8}{gpu}", gpu.device.to_string()),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10}, {:>10} available", self.total, self.available)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(gpu: Option<Gpu>) -> Machine {
        Machine { system: Memory { total: Bytes::gib(64), available: Bytes::gib(40) }, limit: None, gpu }
    }

    fn gpu(available: Bytes, shares_system: bool) -> Option<Gpu> {
        let memory = Memory { total: Bytes::gib(80), available };
        Some(Gpu { device: Device::Gpu(0), name: "Fast One".into(), memory, shares_system })
    }

    #[test]
    fn this_machine_has_memory_and_no_more_of_it_free_than_there_is() {
        let Machine { system, .. } = Machine::read().unwrap();
        assert!(system.total > Bytes::mib(64), "{system:?}");
        assert!(system.available <= system.total && system.available > Bytes::ZERO, "{system:?}");
    }

    #[test]
    fn available_is_that_of_the_device_which_computes() {
        assert_eq!(machine(None).available(), Bytes::gib(40));
        assert_eq!(machine(gpu(Bytes::gib(70), false)).available(), Bytes::gib(70));
    }

    #[test]
    fn a_gpu_that_shares_the_systems_memory_has_no_more_than_the_system() {
        assert_eq!(machine(gpu(Bytes::gib(48), true)).available(), Bytes::gib(40));
        assert_eq!(machine(gpu(Bytes::gib(30), true)).available(), Bytes::gib(30));
    }

    #[test]
    fn each_memory_is_one_aligned_line() {
        assert_eq!(machine(None).to_string(), "system    64.0 GiB,   40.0 GiB available");
        let both = machine(gpu(Bytes::gib(7), false)).to_string();
        let expected = "system    64.0 GiB,   40.0 GiB available\n\
                        gpu:0     80.0 GiB,    7.0 GiB available (Fast One)";
        assert_eq!(both, expected);
    }
}
