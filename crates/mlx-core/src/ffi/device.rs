//! Devices.

use mlx_sys as sys;

use super::call;
use super::owned::Owned;
use crate::{Device, Result};

/// An owned `mlx_device`.
pub(super) struct RawDevice(Owned<sys::mlx_device>);

impl RawDevice {
    pub(super) fn new(device: Device) -> Self {
        let (kind, index) = match device {
            Device::Cpu => (sys::mlx_device_type_::MLX_CPU, 0),
            Device::Gpu(index) => (sys::mlx_device_type_::MLX_GPU, i32::try_from(index).unwrap_or(i32::MAX)),
        };
        call::prepare();
        // SAFETY: C builds a value from two numbers, and gives it away.
        Self(unsafe { Owned::new(sys::mlx_device_new_type(kind, index)) })
    }

    pub(super) fn raw(&self) -> sys::mlx_device {
        self.0.raw()
    }
}

/// Whether MLX can run on `device`.
#[track_caller]
pub(crate) fn is_available(device: Device) -> Result<bool> {
    let raw = RawDevice::new(device);
    let mut available = false;
    call::status("device", || {
        // SAFETY: writes one bool about a live device.
        unsafe { sys::mlx_device_is_available(&raw mut available, raw.raw()) }
    })?;
    Ok(available)
}
