//! Drafts without a model: what followed the last tokens when they stood before.

/// Up to `count` tokens that may follow `text`: those after the latest earlier place of its last `max_ngram` tokens, or
/// of fewer where these stood nowhere. Tokens that reach the end of the text go on with themselves.
pub(super) fn continuation(text: &[u32], max_ngram: usize, count: usize) -> Vec<u32> {
    let Some(start) = (1..=max_ngram).rev().find_map(|length| after_earlier(text, length)) else {
        return Vec::new();
    };
    let known = text.get(start..).unwrap_or_default();
    known.iter().cycle().take(count).copied().collect()
}

/// Where the tokens begin that follow the latest earlier place of the last `length`.
fn after_earlier(text: &[u32], length: usize) -> Option<usize> {
    let last = text.get(text.len().checked_sub(length)?..)?;
    let before = text.get(..text.len().checked_sub(1)?)?;
    Some(before.windows(length).rposition(|window| window == last)? + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_place_of_the_longest_ending_counts() {
        let text = [1, 2, 3, 7, 7, 9, 2, 3, 8, 8, 1, 2, 3];
        assert_eq!(continuation(&text, 3, 2), [7, 7]);
        assert_eq!(continuation(&text, 2, 2), [8, 8]);
        assert_eq!(continuation(&text, 9, 4), [7, 7, 9, 2]);
    }

    #[test]
    fn fewer_last_tokens_are_looked_for_where_more_stood_nowhere() {
        assert_eq!(continuation(&[5, 6, 1, 5], 3, 2), [6, 1]);
        assert!(continuation(&[1, 2, 3], 3, 2).is_empty());
        assert!(continuation(&[1], 3, 2).is_empty());
        assert!(continuation(&[], 3, 2).is_empty());
    }

    #[test]
    fn a_text_that_repeats_itself_goes_on_so() {
        assert_eq!(continuation(&[4, 4, 4], 2, 3), [4, 4, 4]);
        assert_eq!(continuation(&[1, 2, 1, 2, 1], 3, 5), [2, 1, 2, 1, 2]);
    }
}
