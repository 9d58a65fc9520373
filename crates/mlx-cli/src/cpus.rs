//! How many processors this program uses.

/// Uses `count` processors at most, in all threads that start after this.
#[cfg(target_os = "linux")]
pub(crate) fn limit(count: usize) -> Result<(), String> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let about = |error: rustix::io::Errno| format!("--threads {count}: {error}");
    let allowed = sched_getaffinity(None).map_err(about)?;
    let mut chosen = CpuSet::new();
    for cpu in (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).take(count) {
        chosen.set(cpu);
    }
    sched_setaffinity(None, &chosen).map_err(about)
}

/// Only Linux lets a program choose.
#[cfg(not(target_os = "linux"))]
pub(crate) fn limit(count: usize) -> Result<(), String> {
    Err(format!("--threads {count}: this system does not let a program choose its processors: leave it out"))
}
