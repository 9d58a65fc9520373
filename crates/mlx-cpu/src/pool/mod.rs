//! One team of threads for the process.
//!
//! The thread that calls does its share, and never waits for a helper that has not started: work is handed out in small
//! parts, and a helper that comes late finds none left. Idle helpers spin for a moment, then sleep.

mod parts;
mod team;

use std::array;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use parts::{Columns, each_columns, each_columns_of, each_part, each_part_of_two};
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
    let stripes = Stripes::new(count, grain, team().len());
    let arrived = AtomicUsize::new(0);
    team().run(&|| {
        let own = arrived.fetch_add(1, Ordering::Relaxed);
        while let Some(range) = stripes.take(own) {
            work(range);
        }
    });
}

/// Most threads that begin at places of their own.
const STRIPES: usize = 16;

/// A range in as many parts as there are threads. Each thread goes through one of its own first, as memory that is read in
/// order is read fastest, and then helps with those of others.
struct Stripes {
    next: [Line; STRIPES],
    ends: [usize; STRIPES],
    count: usize,
    grain: usize,
}

/// A counter with a line of the cache to itself.
#[repr(align(64))]
struct Line(AtomicUsize);

impl Stripes {
    fn new(count: usize, grain: usize, threads: usize) -> Self {
        let stripes = threads.clamp(1, STRIPES);
        let grains = count.div_ceil(grain);
        let end = |stripe: usize| (grains * stripe / stripes * grain).min(count);
        let next = array::from_fn(|stripe| Line(AtomicUsize::new(end(stripe.min(stripes)))));
        Self { next, ends: array::from_fn(|stripe| end((stripe + 1).min(stripes))), count: stripes, grain }
    }

    /// The next grain for the thread that arrived as number `own`.
    fn take(&self, own: usize) -> Option<Range<usize>> {
        let stripes = self.next.iter().zip(&self.ends).take(self.count).cycle();
        stripes.skip(own % self.count).take(self.count).find_map(|(next, &end)| {
            let first = next.0.fetch_add(self.grain, Ordering::Relaxed);
            (first < end).then(|| first..end.min(first + self.grain))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stripes;

    #[test]
    fn stripes_give_out_each_number_once() {
        for (count, grain, threads) in [(100, 7, 2), (100, 7, 3), (5, 2, 40), (1000, 1, 16), (33, 32, 2)] {
            let stripes = Stripes::new(count, grain, threads);
            let mut all: Vec<_> = std::iter::from_fn(|| stripes.take(1)).flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn threads_begin_apart() {
        let stripes = Stripes::new(100, 10, 2);
        assert_eq!(
            [0, 1, 0, 1].map(|own| stripes.take(own)),
            [Some(0..10), Some(50..60), Some(10..20), Some(60..70)]
        );
    }
}
