//! This program, and the libraries that it uses.

use std::env::consts::{ARCH, OS};
use std::path::Path;
use std::{env, fs};

use mlx_core::{Device, cuda, metal};

use super::report::Report;
use crate::failure::Outcome;

/// Tells of this build, and of the GPU that it uses or does not.
pub(super) fn examine(report: &mut Report) -> Outcome {
    let (has_metal, has_cuda) = (metal::is_available()?, cuda::is_available()?);
    let backend = match (has_metal, has_cuda) {
        (true, _) => "Metal",
        (_, true) => "CUDA",
        _ => "CPU",
    };
    let libraries = loaded();
    let with = |part: &str| libraries.iter().filter(|path| name(path).contains(part)).cloned().collect();
    let blas: Vec<String> = with("blas");
    report
        .section("build")
        .fact("mlx", env!("CARGO_PKG_VERSION"))
        .fact("libmlx", mlx_core::version()?)
        .fact("libmlx is at", libmlx(&libraries))
        .fact("backend", backend)
        .fact("device", Device::default().to_string())
        .fact("system", format!("{OS} {ARCH}"))
        .fact("features", features())
        .fact("BLAS of libmlx", blas.clone());
    if cfg!(feature = "cuda") && !has_cuda {
        let way_out = "install NVIDIA's driver, 580 or later, and see that `nvidia-smi` lists a GPU; or build without \
                       `--features cuda`";
        report.wrong("this build is for CUDA, and there is no GPU that it can use", way_out);
    }
    if !cfg!(feature = "cuda") && Path::new("/proc/driver/nvidia/version").exists() {
        report.note("there is an NVIDIA GPU, which this build does not use", "build with `--features cuda`");
    }
    if OS == "macos" && !has_metal {
        report.note(
            "there is no Metal, so the CPU computes",
            "run it on Apple silicon, outside a virtual machine",
        );
    }
    if blas.iter().any(|path| !name(path).contains("openblas"))
        && env::var("MLX_CPU_KERNELS").as_deref() == Ok("0")
    {
        let way_out = "unset MLX_CPU_KERNELS, so that kernels of this program multiply instead";
        report.note("libmlx multiplies by the reference BLAS, which uses one core and no vectors", way_out);
    }
    gpus(report)
}

/// All that MLX knows of each GPU.
fn gpus(report: &mut Report) -> Outcome {
    let count = Device::Gpu(0).count()?;
    if count == 0 {
        return Ok(());
    }
    let section = report.section("gpu");
    for number in 0..count {
        for (name, fact) in Device::Gpu(number).info()?.iter() {
            let fact = match fact {
                mlx_core::Fact::Text(text) => text.clone(),
                mlx_core::Fact::Number(number) => number.to_string(),
            };
            section.fact(format!("gpu:{number} {name}"), fact);
        }
    }
    Ok(())
}

fn features() -> Vec<String> {
    let known = [
        ("audio-io", cfg!(feature = "audio-io")),
        ("cuda", cfg!(feature = "cuda")),
        ("video", cfg!(feature = "video")),
    ];
    known.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name.to_owned()).collect()
}

/// Libraries that are loaded, as Linux lists what is mapped. Other systems do not tell.
fn loaded() -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
    let mut libraries: Vec<_> = paths.filter(|path| name(path).contains(".so")).map(str::to_owned).collect();
    libraries.sort();
    libraries.dedup();
    libraries
}

/// Where libmlx is: where it is mapped from; with Metal, where its kernels are.
fn libmlx(libraries: &[String]) -> Option<String> {
    let mapped = libraries.iter().find(|path| name(path).starts_with("libmlx.")).cloned();
    let beside = || {
        let kernels = metal::metallib_path().ok()?;
        Some(Path::new(&kernels).parent()?.join("libmlx.dylib").display().to_string())
    };
    mapped.or_else(beside)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
