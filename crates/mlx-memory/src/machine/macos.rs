//! The memory of macOS, as the system's own programs print it.

use std::process::Command;

use super::Memory;
use crate::{Bytes, Error, Result};

/// Runs `sysctl` and `vm_stat`.
pub(super) fn read() -> Result<Memory> {
    let total = output("/usr/sbin/sysctl", &["-n", "hw.memsize"])?;
    let pages = output("/usr/bin/vm_stat", &[])?;
    memory(&total, &pages).ok_or_else(|| {
        Error::Machine(format!("sysctl and vm_stat printed no sizes: `{}`, `{}`", total.trim(), pages.trim()))
    })
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| Error::Machine(format!("{program}: {error}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The size that `sysctl` printed, and the pages of `vm_stat` that hold nothing or can be dropped.
fn memory(total: &str, pages: &str) -> Option<Memory> {
    let total = Bytes::new(total.trim().parse().ok()?);
    let (_, size) = pages.split_once("page size of ")?;
    let size = Bytes::new(size.split_once(' ')?.0.parse().ok()?);
    let count = |name: &str| {
        let line = pages.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches('.').parse::<u64>().ok()
    };
    let free = count("Pages free")?;
    let droppable = ["Pages inactive", "Pages speculative"].map(|name| count(name).unwrap_or_default());
    let available = size * droppable.iter().fold(free, |sum, &pages| sum.saturating_add(pages));
    Some(Memory { total, available: available.min(total) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VM_STAT: &str = "\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               65536.
Pages active:                            500000.
Pages inactive:                          131072.
Pages speculative:                        65536.
Pages wired down:                        200000.
";

    #[test]
    fn free_inactive_and_speculative_pages_are_available() {
        let expected = Memory { total: Bytes::gib(16), available: Bytes::gib(4) };
        assert_eq!(memory("17179869184\n", VM_STAT), Some(expected));
    }

    #[test]
    fn texts_without_sizes_are_refused() {
        assert_eq!(memory("", VM_STAT), None);
        assert_eq!(memory("17179869184\n", "vm_stat: not here"), None);
    }
}
