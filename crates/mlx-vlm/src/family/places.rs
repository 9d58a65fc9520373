//! Which learned positions the patches of a tile have.

/// How the share of the whole that is before a place is rounded. Boundaries and places often are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shares {
    /// Each place is so many times the first: Idefics3.
    Multiplied,
    /// Each place is divided: MiniCPM-V.
    Divided,
}

/// For each patch of so many rows and columns the number of its position, in a square of `side` x `side`: the one that is as
/// far from the upper left corner as the patch, as a share of the whole.
pub(super) fn places([rows, columns]: [i32; 2], side: i32, shares: Shares) -> Vec<i32> {
    let line = |count: i32| (0..count).map(move |at| bucket(shares.of(at, count), side));
    let across: Vec<_> = line(columns).collect();
    line(rows).flat_map(|row| across.iter().map(move |column| row * side + column)).collect()
}

impl Shares {
    /// The share before the place `at` of `count`.
    fn of(self, at: i32, count: i32) -> f32 {
        match self {
            Self::Multiplied => at as f32 * (1.0 / count as f32),
            Self::Divided => at as f32 / count as f32,
        }
    }
}

/// How many of the `side - 1` inner boundaries of a line are before a share of it. Numbers are rounded where torch rounds
/// them.
fn bucket(share: f32, side: i32) -> i32 {
    let share = share.min(1.0 - 1e-6);
    let step = 1.0 / f64::from(side);
    (1..side).filter(|number| (step + f64::from(number - 1) * step) as f32 <= share).count() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_the_whole_square_have_all_positions() {
        for side in [1, 2, 3, 4, 8, 16, 32, 64] {
            let all: Vec<i32> = (0..side * side).collect();
            let found = places([side; 2], side, Shares::Multiplied);
            assert_eq!(found.len(), all.len());
            assert!(side.count_ones() != 1 || found == all, "{side}");
            assert!(side.count_ones() != 1 || places([side; 2], side, Shares::Divided) == all, "{side}");
        }
    }

    #[test]
    fn fewer_patches_are_spread_over_the_square() {
        assert_eq!(places([1, 2], 4, Shares::Divided), [0, 2]);
        assert_eq!(places([2, 1], 4, Shares::Multiplied), [0, 8]);
    }
}
