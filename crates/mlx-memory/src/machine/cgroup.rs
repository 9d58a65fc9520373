//! The limits that control groups of Linux put on this process, of version 1 and 2.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Memory;
use crate::Bytes;

/// The names of one version's files.
struct Version {
    mount: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` about files in memory that nobody has used for a while.
    reclaimable: &'static str,
}

const V1: Version = Version {
    mount: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

const V2: Version = Version {
    mount: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    reclaimable: "inactive_file",
};

/// A group with a limit.
pub(super) struct Level {
    limit: Bytes,
    used: Bytes,
}

impl Level {
    /// What the group leaves of `memory`.
    pub(super) fn bound(&self, memory: Memory) -> Memory {
        Memory {
            total: memory.total.min(self.limit),
            available: memory.available.min(self.limit - self.used),
        }
    }
}

/// All groups with a limit that this process is in, as the files below `root` tell.
pub(super) fn levels(root: &Path) -> Vec<Level> {
    let list = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    list.lines().filter_map(entry).flat_map(|(version, group)| version.levels(root, group)).collect()
}

/// The version and the group of a line of `/proc/self/cgroup`, if it is about memory.
fn entry(line: &str) -> Option<(&'static Version, &str)> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
    match controllers {
        "" if number == "0" => Some((&V2, group)),
        _ if controllers.split(',').any(|controller| controller == "memory") => Some((&V1, group)),
        _ => None,
    }
}

impl Version {
    /// The groups from `group` up to the root of the mount, which is the group itself in a container.
    fn levels(&self, root: &Path, group: &str) -> Vec<Level> {
        let mount = root.join(self.mount);
        let below = inside(group);
        below.ancestors().filter_map(|group| self.level(&mount.join(group))).collect()
    }

    fn level(&self, folder: &Path) -> Option<Level> {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok();
        let limit = Bytes::new(number(self.limit)?);
        let used = Bytes::new(number(self.used).unwrap_or_default());
        Some(Level { limit, used: used - self.reclaimable(folder) })
    }

    fn reclaimable(&self, folder: &Path) -> Bytes {
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let value = stat.lines().find_map(|line| line.strip_prefix(self.reclaimable)?.strip_prefix(' '));
        Bytes::new(value.and_then(|value| value.trim().parse().ok()).unwrap_or_default())
    }
}

/// The path of a group below its mount; none for a group outside of what this process sees.
fn inside(group: &str) -> PathBuf {
    let group = Path::new(group.trim_start_matches('/'));
    let normal = group.components().all(|part| matches!(part, Component::Normal(_)));
    if normal { group.to_owned() } else { PathBuf::new() }
}
