//! Scopes of devices and streams.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mlx_core::{Array, Device, Error, Kind, Result, Stream};

fn failure() -> Error {
    Array::from([1, 2]).item::<i32>().unwrap_err()
}

#[test]
fn a_scope_is_over_after_return_error_and_panic() {
    let (before, other) = (Stream::current().unwrap(), Stream::new(Device::Cpu).unwrap());
    assert_ne!(before, other);
    assert_eq!(other.scope(Stream::current).unwrap(), other);
    assert_eq!(Stream::current().unwrap(), before);
    assert!(other.scope(|| Err::<(), _>(failure())).is_err());
    assert_eq!(Stream::current().unwrap(), before);
    let caught = catch_unwind(AssertUnwindSafe(|| other.scope(|| -> Result<()> { panic!("on purpose") })));
    assert!(caught.is_err());
    assert_eq!(Stream::current().unwrap(), before);
    assert_eq!(Device::Cpu.scope(|| Ok(Device::current())).unwrap(), Device::Cpu);
    assert_eq!(Device::current(), before.device());
    assert_eq!((Array::from(1) + 1).unwrap().item::<i32>().unwrap(), 2);
}

#[test]
fn scopes_nest() {
    let (outer, inner) = (Stream::new(Device::Cpu).unwrap(), Stream::new(Device::Cpu).unwrap());
    let sum = outer.scope(|| {
        let a = (Array::from([1, 2]) + 1)?;
        let b = inner.scope(|| &a * 10)?;
        assert_eq!(Stream::current()?, outer);
        let c = Device::Cpu.scope(|| &b + &a)?;
        assert_eq!(Stream::current()?, outer);
        c + &a
    });
    assert_eq!(sum.unwrap().to_vec::<i32>().unwrap(), [24, 36]);
}

#[test]
fn work_of_a_stream_is_done_after_synchronize() {
    let stream = Stream::new(Device::Cpu).unwrap();
    assert!(stream.device().is_cpu());
    let x = stream.scope(|| Array::arange(0..1000)?.sum(..)).unwrap();
    mlx_core::async_eval([&x]).unwrap();
    stream.synchronize().unwrap();
    assert_eq!(x.item::<i32>().unwrap(), 499_500);
}

#[test]
fn arrays_built_under_a_scope_are_used_after_it() {
    let stream = Stream::new(Device::Cpu).unwrap();
    let x = stream.scope(|| Array::from([1.0, 2.0]).exp()).unwrap();
    drop(stream);
    assert_eq!((x * 0.0).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0]);
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    for index in [7, u32::MAX] {
        let error = Device::gpu(index).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Device, "device"));
        assert_eq!(error.message(), format!("gpu:{index} is not there in this build on this machine"));
        assert!(Device::Gpu(index).scope(|| Ok(())).is_err());
        assert!(Stream::new(Device::Gpu(index)).is_err());
    }
}

/// How many threads this process has; MLX starts one for each stream that works.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
#[cfg(target_os = "linux")]
fn a_device_scope_makes_no_stream() {
    let work = || Device::Cpu.scope(|| (Array::from([1, 2]) + 1)?.eval()).unwrap();
    work();
    let before = threads();
    (0..500).for_each(|_| work());
    assert!(threads() < before + 250, "{before} threads, then {}", threads());
}

/// `MLX_TEST_DEVICE` says where a job means its tests to run.
#[test]
fn the_default_device_is_the_one_the_job_means() {
    match std::env::var("MLX_TEST_DEVICE").as_deref() {
        Ok("gpu") => assert_eq!(Device::default(), Device::Gpu(0)),
        Ok("cpu") => assert_eq!(Device::default(), Device::Cpu),
        _ => {}
    }
}

#[test]
fn a_new_stream_is_among_the_queues_of_the_process() {
    let stream = Stream::new(Device::Cpu).unwrap();
    let queues = Stream::queues().unwrap();
    assert!(queues.contains(&(Device::Cpu, stream.index().unwrap())), "{queues:?}");
    let numbers: std::collections::BTreeSet<_> = queues.iter().map(|(_, index)| index).collect();
    assert_eq!(numbers.len(), queues.len());
}
