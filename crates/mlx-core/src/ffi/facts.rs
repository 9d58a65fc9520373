//! What MLX knows about a device.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ptr;

use mlx_sys as sys;

use super::device::RawDevice;
use super::owned::Owned;
use super::{Vector, call};
use crate::device::Fact;
use crate::{Device, Result};

/// How many devices of a kind there are.
#[track_caller]
pub(crate) fn count(device: Device) -> Result<i32> {
    let kind = match device {
        Device::Cpu => sys::mlx_device_type_::MLX_CPU,
        Device::Gpu(_) => sys::mlx_device_type_::MLX_GPU,
    };
    let mut count = 0;
    // SAFETY: writes one number.
    call::status("device", || unsafe { sys::mlx_device_count(&raw mut count, kind) })?;
    Ok(count)
}

/// All facts by name.
#[track_caller]
pub(crate) fn facts(device: Device) -> Result<BTreeMap<String, Fact>> {
    let raw = RawDevice::new(device);
    let (mut info, mut keys) = (Owned::empty(), Vector::<CString>::empty());
    call::status("device", || {
        // SAFETY: fills a handle that `info` owns from a live device.
        unsafe { sys::mlx_device_info_get(info.as_mut_ptr(), raw.raw()) }
    })?;
    // SAFETY: fills a handle that `keys` owns from a live one.
    call::status("device", || unsafe { sys::mlx_device_info_get_keys(keys.as_mut_ptr(), info.raw()) })?;
    keys.into_vec()?.iter().map(|name| entry(&info, name)).collect()
}

#[track_caller]
fn entry(info: &Owned<sys::mlx_device_info>, name: &CStr) -> Result<(String, Fact)> {
    let (mut is_text, mut text, mut number) = (false, ptr::null(), 0);
    call::status("device", || {
        // SAFETY: writes one bool about a key of a live handle.
        unsafe { sys::mlx_device_info_is_string(&raw mut is_text, info.raw(), name.as_ptr()) }
    })?;
    call::status("device", || {
        // SAFETY: writes a number, or a pointer into the live handle, as the key's kind is.
        unsafe {
            if is_text {
                sys::mlx_device_info_get_string(&raw mut text, info.raw(), name.as_ptr())
            } else {
                sys::mlx_device_info_get_size(&raw mut number, info.raw(), name.as_ptr())
            }
        }
    })?;
    let fact = if is_text {
        // SAFETY: C succeeded, so this is a terminated string of the live handle.
        Fact::Text(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    } else {
        Fact::Number(number)
    };
    Ok((name.to_string_lossy().into_owned(), fact))
}
