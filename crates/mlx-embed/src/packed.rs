//! Texts side by side, without padding.

use std::ops::Range;

use mlx_core::{Array, Result, concatenate};
use mlx_text::Pair;

/// Tokens of several texts, one behind the other. Those of one length stand together, so that they attend at once.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    tokens: Vec<u32>,
    /// The segment of each token, where any is not the first.
    kinds: Vec<u32>,
    groups: Vec<Group>,
}

/// Texts of one length that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many texts.
    pub count: i32,
    /// Tokens of each.
    pub length: i32,
    /// How many of them, from the first on, the others see.
    pub seen: i32,
}

impl Packed {
    /// Texts in this order. Those of one length should be neighbours; empty ones have no place.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut packed = Self::default();
        texts.into_iter().for_each(|text| packed.push(text, text.len()));
        packed
    }

    /// Pairs of texts in this order, each as one text.
    pub fn pairs<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> Self {
        let mut packed = Self::default();
        for pair in pairs {
            packed.push(&pair.ids, pair.ids.len());
            packed.kinds.extend(&pair.kinds);
        }
        packed
    }

    /// Texts in this order, each with how many of its tokens, from the first on, the others see.
    pub fn partly_seen<'a>(texts: impl IntoIterator<Item = (&'a [u32], usize)>) -> Self {
        let mut packed = Self::default();
        texts.into_iter().for_each(|(text, seen)| packed.push(text, seen));
        packed
    }

    fn push(&mut self, text: &[u32], seen: usize) {
        let size = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let (length, seen) = (size(text.len()), size(seen.clamp(1, text.len().max(1))));
        match self.groups.last_mut() {
            Some(group) if (group.length, group.seen) == (length, seen) => group.count += 1,
            _ => self.groups.push(Group { count: 1, length, seen }),
        }
        self.tokens.extend(text);
    }

    /// The texts' groups, in order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Token ids `[tokens]`.
    pub fn tokens(&self) -> Result<Array> {
        Array::from_slice(&self.tokens, [self.len()])
    }

    /// The segment of each token, `[tokens]`; none if all are in the first.
    pub fn kinds(&self) -> Result<Option<Array>> {
        if self.kinds.iter().all(|&kind| kind == 0) {
            return Ok(None);
        }
        Array::from_slice(&self.kinds, [self.len()]).map(Some)
    }

    /// The place of each token in its text, from `first` on: `[tokens]`.
    pub fn places(&self, first: i32) -> Result<Array> {
        let texts = self.groups.iter().flat_map(|group| (0..group.count).map(move |_| group.length));
        let places: Vec<_> = texts.flat_map(|length| first..first + length).collect();
        Array::from_slice(&places, [self.len()])
    }

    /// The groups with their places among the tokens.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (Group, Range<i32>)> + '_ {
        self.groups.iter().scan(0_i32, |end, &group| {
            let start = *end;
            *end = end.saturating_add(group.count.saturating_mul(group.length));
            Some((group, start..*end))
        })
    }

    /// The rows of a group of `x` `[tokens, width]`, as `[count, length, width]`.
    pub(crate) fn rows(&self, x: &Array, (group, range): (Group, Range<i32>)) -> Result<Array> {
        let rows = if self.groups.len() == 1 { x.clone() } else { x.index(range)? };
        rows.reshape([group.count, group.length, -1])
    }

    /// What `pool` makes of the rows of each group of `x` `[tokens, width]`, which are `[count, length, width]` there, one
    /// behind the other: `[texts, ..]` if it gives a row for each text.
    pub(crate) fn each_group(&self, x: &Array, pool: impl Fn(&Array) -> Result<Array>) -> Result<Array> {
        let pooled = self.ranges().map(|part| pool(&self.rows(x, part)?)).collect::<Result<Vec<_>>>()?;
        concatenate(&pooled, 0)
    }

    fn len(&self) -> i32 {
        i32::try_from(self.tokens.len()).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_length_are_a_group() {
        let packed = Packed::new([&[1, 2][..], &[3, 4], &[5, 6, 7], &[8]]);
        let group = |count, length| Group { count, length, seen: length };
        assert_eq!(packed.groups(), [group(2, 2), group(1, 3), group(1, 1)]);
        assert_eq!(packed.places(2).unwrap().to_vec::<i32>().unwrap(), [2, 3, 2, 3, 2, 3, 4, 2]);
        let ranges: Vec<_> = packed.ranges().map(|(_, range)| range).collect();
        assert_eq!(ranges, [0..4, 4..7, 7..8]);
    }
}
