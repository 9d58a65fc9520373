//! The machine that runs the task, and which Python wheel fits it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// An operating system with its architecture, in the words of wheel platform tags.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Host {
    Linux { arch: &'static str },
    Mac { major: u32 },
}

impl Host {
    /// This machine.
    pub fn current() -> Result<Self> {
        if cfg!(target_os = "macos") {
            let version = process::output(Command::new("sw_vers").arg("-productVersion"))?;
            let major = version.trim().split('.').next().and_then(|major| major.parse().ok());
            let major = major.with_context(|| format!("sw_vers: {version:?} is not a macOS version"))?;
            return Ok(Self::Mac { major });
        }
        Ok(Self::Linux { arch: std::env::consts::ARCH })
    }

    /// How well a wheel's platform tag fits: `None` not at all, else the higher the better.
    pub fn fit(self, platform: &str) -> Option<u32> {
        match self {
            _ if platform == "any" => Some(0),
            Self::Linux { arch } => {
                (platform.starts_with("manylinux") && platform.ends_with(&format!("_{arch}"))).then_some(1)
            }
            Self::Mac { major } => {
                let built_for: u32 = platform.strip_prefix("macosx_")?.split('_').next()?.parse().ok()?;
                (platform.ends_with("_arm64") && built_for <= major).then_some(built_for)
            }
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linux { arch } => write!(f, "Linux {arch}"),
            Self::Mac { major } => write!(f, "macOS {major} arm64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_macos_wheel_fits_better_up_to_the_os_itself() {
        let host = Host::Mac { major: 15 };
        assert!(host.fit("macosx_15_0_arm64") > host.fit("macosx_14_0_arm64"));
        assert_eq!(host.fit("macosx_26_0_arm64"), None);
        assert_eq!(host.fit("manylinux_2_35_aarch64"), None);
    }

    #[test]
    fn linux_takes_the_wheel_of_its_architecture() {
        let host = Host::Linux { arch: "aarch64" };
        assert!(host.fit("manylinux_2_35_aarch64").is_some());
        assert_eq!(host.fit("manylinux_2_35_x86_64"), None);
        assert_eq!(host.fit("macosx_14_0_arm64"), None);
    }
}
