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
    let (info, mut keys) = (info(device)?, Vector::<CString>::empty());
    // SAFETY: fills a handle that `keys` owns from a live one.
    call::status("device", || unsafe { sys::mlx_device_info_get_keys(keys.as_mut_ptr(), info.raw()) })?;
    keys.into_vec()?.iter().map(|name| entry(&info, name)).collect()
}

/// The fact `name`, if MLX knows it about the device.
#[track_caller]
pub(crate) fn fact(device: Device, name: &'static CStr) -> Result<Option<Fact>> {
    let (info, mut is_known) = (info(device)?, false);
    call::status("device", || {
        // SAFETY: writes one bool about a live handle; `name` is terminated.
        unsafe { sys::mlx_device_info_has_key(&raw mut is_known, info.raw(), name.as_ptr()) }
    })?;
    if is_known { Ok(Some(entry(&info, name)?.1)) } else { Ok(None) }
}

/// The handle of all facts. It is empty until C fills it, so only the status tells whether there is anything.
#[track_caller]
fn info(device: Device) -> Result<Owned<sys::mlx_device_info>> {
    let raw = RawDevice::new(device);
    let mut info = Owned::empty();
    call::status("device", || {
        // SAFETY: fills a handle that `info` owns from a live device.
        unsafe { sys::mlx_device_info_get(info.as_mut_ptr(), raw.raw()) }
    })?;
    Ok(info)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;

    #[cfg(target_os = "linux")]
    fn resident_kib() -> usize {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn r6_memory_does_not_grow_by_handles_of_facts_on_any_path() {
        let each = || {
            fact(Device::Cpu, c"architecture").unwrap();
            fact(Device::Cpu, c"no such fact").unwrap();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                let _info = info(Device::Cpu).unwrap();
                resume_unwind(Box::new(()));
            }));
            assert!(ended.is_err());
        };
        (0..1000).for_each(|_| each());
        let before = resident_kib();
        (0..30_000).for_each(|_| each());
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 2048, "{grown} KiB more after 90,000 handles");
    }

    #[test]
    fn r7_a_handle_that_was_empty_before_it_was_filled_gives_its_facts() {
        assert!(matches!(fact(Device::Cpu, c"architecture"), Ok(Some(Fact::Text(text))) if !text.is_empty()));
    }

    #[test]
    fn r8_a_fact_is_asked_for_by_a_terminated_literal() {
        let ask: fn(Device, &'static CStr) -> Result<Option<Fact>> = fact;
        assert!(matches!(ask(Device::Cpu, c"max_recommended_working_set_size"), Ok(None)));
    }
}
