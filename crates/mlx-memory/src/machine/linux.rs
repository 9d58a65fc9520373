//! The memory of Linux: what the kernel has, bounded by the control groups of this process.

use std::fs;
use std::path::Path;

use super::{Memory, cgroup};
use crate::{Bytes, Error, Result};

/// Reads the files below `root`, which is `/` outside tests. Beside the memory, gives what control groups make of its
/// size, where they make it smaller.
pub(super) fn read(root: &Path) -> Result<(Memory, Option<Bytes>)> {
    let path = root.join("proc/meminfo");
    let refuse = |why: &str| Error::Machine(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| refuse(&error.to_string()))?;
    let memory = meminfo(&text).map_err(|field| refuse(&format!("there is no {field}")))?;
    let bounded = cgroup::levels(root).into_iter().fold(memory, |memory, level| level.bound(memory));
    Ok((bounded, (bounded.total < memory.total).then_some(bounded.total)))
}

/// The two numbers of `/proc/meminfo`, or the one that is missing. Kernels before 3.14 tell only what is unused.
fn meminfo(text: &str) -> Result<Memory, &'static str> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
        Some(Bytes::kib(kib))
    };
    let total = field("MemTotal").ok_or("MemTotal")?;
    let available = field("MemAvailable").or_else(|| field("MemFree")).ok_or("MemAvailable")?;
    Ok(Memory { total, available: available.min(total) })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MEMINFO: &str = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\n\
                           MemAvailable:    8388608 kB\nBuffers:          100000 kB\n";

    /// A root folder with these files, and with 16 GiB of which 8 are available.
    fn root(files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files.iter().chain(&[("proc/meminfo", MEMINFO)]) {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    /// Total and available in MiB.
    fn mib(files: &[(&str, &str)]) -> (u64, u64) {
        let (Memory { total, available }, limit) = read(root(files).path()).unwrap();
        assert_eq!(limit, (total < Bytes::gib(16)).then_some(total));
        (total.get() >> 20, available.get() >> 20)
    }

    const GIB: &str = "1073741824";
    const HALF: &str = "536870912";

    #[test]
    fn without_control_groups_it_is_what_the_kernel_says() {
        assert_eq!(mib(&[]), (16384, 8192));
        assert_eq!(mib(&[("proc/self/cgroup", "0::/\n")]), (16384, 8192));
    }

    #[test]
    fn a_limit_of_version_2_bounds_total_and_available() {
        let files = [
            ("proc/self/cgroup", "0::/app\n"),
            ("sys/fs/cgroup/app/memory.max", GIB),
            ("sys/fs/cgroup/app/memory.current", HALF),
        ];
        assert_eq!(mib(&files), (1024, 512));
    }

    #[test]
    fn cached_files_that_can_be_dropped_are_not_used() {
        let files = [
            ("proc/self/cgroup", "0::/app\n"),
            ("sys/fs/cgroup/app/memory.max", GIB),
            ("sys/fs/cgroup/app/memory.current", HALF),
            ("sys/fs/cgroup/app/memory.stat", "anon 268435456\ninactive_file 268435456\nactive_file 7\n"),
        ];
        assert_eq!(mib(&files), (1024, 768));
    }

    #[test]
    fn the_tightest_of_nested_groups_counts() {
        let files = [
            ("proc/self/cgroup", "0::/slice/app\n"),
            ("sys/fs/cgroup/slice/app/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/app/memory.current", "4096\n"),
            ("sys/fs/cgroup/slice/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/slice/memory.current", "1073741824\n"),
        ];
        assert_eq!(mib(&files), (2048, 1024));
    }

    #[test]
    fn a_group_without_a_limit_bounds_nothing() {
        let files = [("proc/self/cgroup", "0::/app\n"), ("sys/fs/cgroup/app/memory.max", "max\n")];
        assert_eq!(mib(&files), (16384, 8192));
    }

    #[test]
    fn a_container_whose_path_is_not_mounted_reads_the_root_of_the_mount() {
        let files = [
            ("proc/self/cgroup", "0::/system.slice/docker-12.scope\n"),
            ("sys/fs/cgroup/memory.max", GIB),
            ("sys/fs/cgroup/memory.current", "0\n"),
        ];
        assert_eq!(mib(&files), (1024, 1024));
        let outside = [("proc/self/cgroup", "0::/../../other\n"), ("sys/fs/cgroup/memory.max", GIB)];
        assert_eq!(mib(&outside), (1024, 1024));
    }

    #[test]
    fn version_1_has_its_own_names_and_an_unlimited_number() {
        let list = ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/12\n0::/\n");
        let limited = [
            list,
            ("sys/fs/cgroup/memory/docker/12/memory.limit_in_bytes", GIB),
            ("sys/fs/cgroup/memory/docker/12/memory.usage_in_bytes", HALF),
            (
                "sys/fs/cgroup/memory/docker/12/memory.stat",
                "inactive_file 1\ntotal_inactive_file 268435456\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(mib(&limited), (1024, 768));
        let unlimited = [list, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(mib(&unlimited), (16384, 8192));
    }

    #[test]
    fn a_limit_above_what_the_machine_has_changes_nothing() {
        let files = [("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "1099511627776\n")];
        assert_eq!(mib(&files), (16384, 8192));
    }

    #[test]
    fn more_in_use_than_the_limit_leaves_nothing() {
        let files = [
            ("proc/self/cgroup", "0::/a\n"),
            ("sys/fs/cgroup/a/memory.max", HALF),
            ("sys/fs/cgroup/a/memory.current", GIB),
        ];
        assert_eq!(mib(&files), (512, 0));
    }

    #[test]
    fn numbers_that_are_none_bound_nothing() {
        let files = [("proc/self/cgroup", "0::/a\nnonsense\n"), ("sys/fs/cgroup/a/memory.max", "a lot\n")];
        assert_eq!(mib(&files), (16384, 8192));
    }

    #[test]
    fn an_old_kernel_tells_what_is_unused() {
        let memory = meminfo("MemTotal: 200 kB\nMemFree: 50 kB\n").unwrap();
        assert_eq!(memory, Memory { total: Bytes::kib(200), available: Bytes::kib(50) });
    }

    #[test]
    fn a_missing_file_or_field_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("proc/meminfo"), "{message}");
        assert_eq!(meminfo("MemFree: 50 kB\n"), Err("MemTotal"));
        assert_eq!(meminfo("MemTotal: 50 kB\nMemFree: many\n"), Err("MemAvailable"));
    }
}
