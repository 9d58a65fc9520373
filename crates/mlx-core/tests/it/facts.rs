//! What is known about devices and backends.

use mlx_core::{Device, Fact, Kind, cuda, metal};

#[test]
fn there_is_one_cpu() {
    assert_eq!(Device::Cpu.count().unwrap(), 1);
    assert!(Device::Cpu.is_available().unwrap());
}

#[test]
fn gpus_are_there_as_far_as_they_are_counted() {
    let count = Device::Gpu(0).count().unwrap();
    assert_eq!(Device::Gpu(3).count().unwrap(), count);
    for index in 0..count + 2 {
        assert_eq!(Device::Gpu(index).is_available().unwrap(), index < count);
        assert_eq!(Device::gpu(index).is_ok(), index < count);
    }
    assert!(!Device::Gpu(u32::MAX).is_available().unwrap());
    assert_eq!(count > 0, metal::is_available().unwrap() || cuda::is_available().unwrap());
}

#[test]
fn the_cpu_has_a_name_and_an_architecture() {
    let info = Device::Cpu.info().unwrap();
    assert!(info.name().is_some_and(|name| !name.is_empty()));
    let named = info.architecture().unwrap();
    assert_eq!(named.replace("arm64", "aarch64"), std::env::consts::ARCH);
    assert_eq!(info.get("architecture"), Some(&Fact::Text(named.to_owned())));
    assert!(info.get("no such fact").is_none());
    let names: Vec<_> = info.iter().map(|(name, _)| name).collect();
    assert!(names.is_sorted() && names.contains(&"device_name"), "{names:?}");
    assert_eq!(info, Device::Cpu.info().unwrap());
}

#[test]
fn a_gpu_knows_its_memory() {
    match Device::gpu(0) {
        Ok(gpu) => assert!(gpu.info().unwrap().memory_size().is_some_and(|bytes| bytes > 1 << 28)),
        Err(_) => assert!(Device::Cpu.info().unwrap().memory_size().is_none()),
    }
}

#[test]
fn nothing_is_known_of_a_device_that_is_not_there() {
    for index in [9, u32::MAX] {
        let error = Device::Gpu(index).info().unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Device, "device"));
    }
}

#[test]
fn metal_without_metal_is_an_error() {
    if metal::is_available().unwrap() {
        return;
    }
    for error in [metal::start_capture("x.gputrace").unwrap_err(), metal::stop_capture().unwrap_err()] {
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Device, "Metal is not there in this build on this machine")
        );
    }
    assert!(metal::metallib_path().unwrap_err().to_string().contains("without metal backend"));
}

#[test]
fn facts_are_read_from_many_threads() {
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| Device::Cpu.info().unwrap())).collect();
    let infos: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(infos.windows(2).all(|pair| pair[0] == pair[1]));
}
