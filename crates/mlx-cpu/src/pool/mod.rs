//! One team of threads for the process.
//!
//! The thread that calls does its share, and never waits for a helper that has not started: work is handed out in small
//! parts, and a helper that comes late finds none left. Idle helpers spin for a moment, then sleep.

mod parts;
mod team;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use parts::{Columns, each_columns, each_part, each_part_of_two};
use team::Team;

/// How many threads share the work: as many as the processor runs at once, or as `MLX_NUM_THREADS` says.
pub fn threads() -> usize {
    team().len()
}

fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(|| {
        let wanted = std::env::var("MLX_NUM_THREADS").ok().and_then(|text| text.trim().parse().ok());
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        Team::new(wanted.unwrap_or(most).clamp(1, 1024))
    })
}

/// Calls `work` for ranges of `grain` numbers that together are `0..count`, on all threads.
pub(crate) fn each_range(count: usize, grain: usize, work: impl Fn(Range<usize>) + Sync) {
    let grain = grain.max(1);
    if count <= grain {
        if count > 0 {
            work(0..count);
        }
        return;
    }
    let next = AtomicUsize::new(0);
    team().run(&|| {
        loop {
            let first = next.fetch_add(grain, Ordering::Relaxed);
            if first >= count {
                break;
            }
            work(first..count.min(first + grain));
        }
    });
}
