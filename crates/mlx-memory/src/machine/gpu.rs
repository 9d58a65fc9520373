//! The memory of a GPU, by the names that MLX's backends give its facts.

use std::fmt;

use mlx_core::{Device, Fact};

use super::Memory;
use crate::{Bytes, Result};

/// What Metal says that its arrays should not outgrow.
const WORKING_SET: &str = "max_recommended_working_set_size";

/// What CUDA says that no process uses.
const FREE: &str = "free_memory";

/// The memory of a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gpu {
    /// Which one.
    pub device: Device,
    /// Its model.
    pub name: String,
    /// What arrays may take of its memory. Metal's recommended working set counts as available.
    pub memory: Memory,
    /// Whether its memory is the system's.
    pub shares_system: bool,
}

impl Gpu {
    /// What MLX says of `device`, or `None` if that is the CPU.
    pub(super) fn read(device: Device) -> Result<Option<Self>> {
        if device.is_cpu() {
            return Ok(None);
        }
        let info = device.info()?;
        let number = |fact: &str| match info.get(fact)? {
            Fact::Number(bytes) => Some(Bytes::from(*bytes)),
            Fact::Text(_) => None,
        };
        let total = info.memory_size().map(Bytes::from);
        Ok(Some(Self::new(device, info.name(), total, number)))
    }

    fn new(
        device: Device,
        name: Option<&str>,
        total: Option<Bytes>,
        number: impl Fn(&str) -> Option<Bytes>,
    ) -> Self {
        let (working_set, free) = (number(WORKING_SET), number(FREE));
        let total = total.or(working_set).unwrap_or_default();
        let memory = Memory { total, available: working_set.or(free).unwrap_or(total).min(total) };
        let name = name.unwrap_or("unnamed").to_owned();
        Self { device, name, memory, shares_system: working_set.is_some() }
    }
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = if self.shares_system { ", part of the system's" } else { "" };
        write!(f, "{} ({}{shares})", self.memory, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(total: u64, facts: &[(&str, u64)]) -> Gpu {
        let number =
            |fact: &str| facts.iter().find(|(name, _)| *name == fact).map(|&(_, gib)| Bytes::gib(gib));
        Gpu::new(Device::Gpu(0), Some("Model"), Some(Bytes::gib(total)), number)
    }

    #[test]
    fn cuda_tells_what_is_free() {
        let gpu = gpu(80, &[("free_memory", 79), ("total_memory", 80)]);
        assert_eq!(gpu.memory, Memory { total: Bytes::gib(80), available: Bytes::gib(79) });
        assert!(!gpu.shares_system);
    }

    #[test]
    fn metal_tells_what_it_recommends_and_shares_the_systems_memory() {
        let gpu = gpu(64, &[("max_recommended_working_set_size", 48), ("memory_size", 64)]);
        assert_eq!(gpu.memory, Memory { total: Bytes::gib(64), available: Bytes::gib(48) });
        assert!(gpu.shares_system);
        assert!(gpu.to_string().ends_with("(Model, part of the system's)"), "{gpu}");
    }

    #[test]
    fn a_backend_that_tells_only_a_size_has_all_of_it() {
        assert_eq!(gpu(8, &[]).memory, Memory { total: Bytes::gib(8), available: Bytes::gib(8) });
    }

    #[test]
    fn the_cpu_is_no_gpu() {
        assert_eq!(Gpu::read(Device::Cpu).unwrap(), None);
    }
}
