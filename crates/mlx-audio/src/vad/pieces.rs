//! Speech in as few pieces as fit.

use std::ops::Range;

/// Ranges in order, those that follow each other joined as long as they and what lies between are at most `most` long.
///
/// A range that is longer alone is cut into equal parts.
pub fn merged(ranges: &[Range<usize>], most: usize) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for range in ranges.iter().flat_map(|range| parts(range, most.max(1))) {
        match pieces.last_mut() {
            Some(last) if range.end.saturating_sub(last.start) <= most => last.end = last.end.max(range.end),
            _ => pieces.push(range),
        }
    }
    pieces
}

fn parts(range: &Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, length) = (range.start, range.len());
    let count = length.div_ceil(most);
    let end = move |at: usize| start + (length as u128 * at as u128 / count as u128) as usize;
    (0..count).map(move |at| end(at)..end(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_up_to_the_most_and_no_further() {
        assert_eq!(merged(&[0..4, 5..9, 10..12, 20..21], 10), [0..9, 10..12, 20..21]);
        assert_eq!(merged(&[0..4, 5..10, 10..20], 10), [0..10, 10..20]);
        assert!(merged(&[], 10).is_empty());
    }

    #[test]
    fn a_range_that_is_too_long_is_cut_into_equal_parts() {
        assert_eq!(merged(&[5..30, 40..41], 10), [5..13, 13..21, 21..30, 40..41]);
        assert_eq!(merged(&[0..3, 3..4], 0), [0..1, 1..2, 2..3, 3..4]);
    }
}
