//! The order that people give to names with numbers in them.

use std::cmp::Ordering;

/// Compares names: numbers in them by their value, the rest letter by letter.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let parts = parts(left).map(Part::of).cmp(self::parts(right).map(Part::of));
    // `01` and `1` are equal numbers and other names.
    parts.then_with(|| left.cmp(right))
}

/// A run of digits, or of what is none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// Without leading zeros, the longer number is larger.
    Number(usize, &'a str),
    Text(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let digits = text.trim_start_matches('0');
            Self::Number(digits.len(), digits)
        } else {
            Self::Text(text)
        }
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|next: char| next.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_their_value() {
        let mut names =
            ["b1", "a10", "a2", "a02", "a2b", "10", "9", "a", "", "a99999999999999999999999", "a1-12"];
        names.sort_by(|left, right| compare(left, right));
        let sorted =
            ["", "9", "10", "a", "a1-12", "a02", "a2", "a2b", "a10", "a99999999999999999999999", "b1"];
        assert_eq!(names, sorted);
    }
}
