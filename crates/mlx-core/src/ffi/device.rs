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

impl Device {
    /// The device that C names.
    #[track_caller]
    pub(super) fn from_c(raw: &Owned<sys::mlx_device>) -> Result<Self> {
        let (mut kind, mut index) = (sys::mlx_device_type_::MLX_CPU, 0);
        // SAFETY: writes the kind of a live device.
        call::status("device", || unsafe { sys::mlx_device_get_type(&raw mut kind, raw.raw()) })?;
        // SAFETY: writes the number of a live device.
        call::status("device", || unsafe { sys::mlx_device_get_index(&raw mut index, raw.raw()) })?;
        let is_cpu = kind == sys::mlx_device_type_::MLX_CPU;
        Ok(if is_cpu { Self::Cpu } else { Self::Gpu(u32::try_from(index).unwrap_or_default()) })
    }
}

/// The device that MLX would choose.
#[track_caller]
pub(crate) fn preferred() -> Result<Device> {
    // SAFETY: C gives an empty handle away.
    let mut raw = unsafe { Owned::new(sys::mlx_device_new()) };
    // SAFETY: fills a handle that is owned here. MLX's choice is never changed, which it does not lock.
    call::status("device", || unsafe { sys::mlx_get_default_device(raw.as_mut_ptr()) })?;
    Device::from_c(&raw)
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
