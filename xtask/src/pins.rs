//! `vendor/PINS.toml`: the upstreams and their hashes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::archive::Archive;
use crate::host::Host;

/// The whole table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pins {
    pub mlx: Mlx,
    pub mlx_c: MlxC,
    pub libclang: Libclang,
    pub llama_cpp: LlamaCpp,
}

/// libmlx: one package for each backend.
#[derive(Deserialize)]
pub struct Mlx {
    pub version: String,
    pub backends: BTreeMap<String, Backend>,
}

/// The package that holds libmlx for one backend.
#[derive(Deserialize)]
pub struct Backend {
    pub package: String,
    pub wheels: Vec<Wheel>,
}

/// mlx-c's sources, inside an archive of the crates registry.
#[derive(Deserialize)]
pub struct MlxC {
    pub version: String,
    #[serde(rename = "crate")]
    pub archive: Crate,
}

/// A folder of a published crate.
#[derive(Deserialize)]
pub struct Crate {
    pub name: String,
    pub version: String,
    pub folder: String,
    pub sha256: String,
}

/// The parser that bindgen loads.
#[derive(Deserialize)]
pub struct Libclang {
    pub version: String,
    pub package: String,
    pub wheels: Vec<Wheel>,
}

/// llama.cpp's sources, inside the sources of a Python package.
#[derive(Deserialize)]
pub struct LlamaCpp {
    /// The version of CMake that builds it, as a Python package.
    pub cmake: String,
    pub folder: String,
    pub archive: Archive,
}

/// One file of a Python package.
#[derive(Deserialize)]
pub struct Wheel {
    pub file: String,
    pub sha256: String,
}

impl Pins {
    /// Reads `vendor/PINS.toml` under the repository's root.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join("vendor/PINS.toml");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The wheel of libmlx for a backend on a host.
    pub fn mlx_wheel(&self, backend: &str, host: Host) -> Result<Archive> {
        let pinned =
            self.mlx.backends.get(backend).with_context(|| format!("no pinned backend {backend}"))?;
        best(&pinned.package, &self.mlx.version, &pinned.wheels, host).with_context(|| {
            let (package, version) = (&pinned.package, &self.mlx.version);
            format!("{package} {version}: no wheel for {host}; pick another backend with --backend")
        })
    }

    /// The wheel of libclang for a host.
    pub fn libclang_wheel(&self, host: Host) -> Result<Archive> {
        best(&self.libclang.package, &self.libclang.version, &self.libclang.wheels, host).with_context(|| {
            format!("no pinned libclang for {host}; install one and set LIBCLANG_PATH to its folder")
        })
    }
}

fn best(package: &str, version: &str, wheels: &[Wheel], host: Host) -> Option<Archive> {
    wheels
        .iter()
        .map(|wheel| Archive {
            package: package.into(),
            version: version.into(),
            file: wheel.file.clone(),
            sha256: wheel.sha256.clone(),
        })
        .filter_map(|archive| Some((host.fit(archive.platform())?, archive)))
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, archive)| archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> Pins {
        toml::from_str(include_str!("../../vendor/PINS.toml")).unwrap()
    }

    #[test]
    fn every_supported_host_has_its_wheel() {
        let (intel, arm) = (Host::Linux { arch: "x86_64" }, Host::Linux { arch: "aarch64" });
        for (backend, host, platform) in [
            ("cpu", intel, "manylinux_2_35_x86_64"),
            ("cpu", arm, "manylinux_2_35_aarch64"),
            ("cuda12", intel, "manylinux_2_35_x86_64"),
            ("cuda13", arm, "manylinux_2_35_aarch64"),
            ("metal", Host::Mac { major: 14 }, "macosx_14_0_arm64"),
            ("metal", Host::Mac { major: 16 }, "macosx_15_0_arm64"),
            ("metal", Host::Mac { major: 27 }, "macosx_26_0_arm64"),
        ] {
            assert_eq!(pins().mlx_wheel(backend, host).unwrap().platform(), platform);
            pins().libclang_wheel(host).unwrap();
        }
    }

    #[test]
    fn a_host_without_a_wheel_is_named() {
        let error = pins().mlx_wheel("metal", Host::Linux { arch: "x86_64" }).err().unwrap();
        let message = format!("{error:#}");
        assert!(message.contains("metal") && message.contains("Linux x86_64"), "{message}");
    }

    #[test]
    fn every_pin_is_a_sha256() {
        let pins = pins();
        let wheels =
            pins.mlx.backends.values().flat_map(|backend| &backend.wheels).chain(&pins.libclang.wheels);
        let sources = [&pins.mlx_c.archive.sha256, &pins.llama_cpp.archive.sha256];
        for sha256 in wheels.map(|wheel| &wheel.sha256).chain(sources) {
            assert!(sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{sha256}");
        }
    }
}
