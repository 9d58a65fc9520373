//! Which learned positions the patches of a tile have.

/// For each patch of so many rows and columns the number of its position, in a square of `side` x `side`: the one that is as
/// far from the upper left corner as the patch, as a share of the whole.
pub(super) fn places([rows, columns]: [i32; 2], side: i32) -> Vec<i32> {
    let across: Vec<_> = (0..columns).map(|at| bucket(at, columns, side)).collect();
    (0..rows).flat_map(|at| across.iter().map(move |column| bucket(at, rows, side) * side + column)).collect()
}

/// How many of the `side - 1` inner boundaries of a line are before the place `at` of `count`. Numbers are rounded where torch
/// rounds them, as boundaries and places often are the same.
fn bucket(at: i32, count: i32, side: i32) -> i32 {
    let share = (at as f32 * (1.0 / count as f32)).min(1.0 - 1e-6);
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
            let found = places([side; 2], side);
            assert_eq!(found.len(), all.len());
            assert!(side.count_ones() != 1 || found == all, "{side}");
        }
    }

    #[test]
    fn fewer_patches_are_spread_over_the_square() {
        assert_eq!(places([1, 2], 4), [0, 2]);
        assert_eq!(places([2, 1], 4), [0, 8]);
    }
}
