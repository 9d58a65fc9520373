//! Where tokens stand that are not in a row.

use std::ops::Range;

use super::About;

/// What is shown, and which tokens it takes the place of.
#[derive(Clone, Debug)]
pub(crate) struct Span<'s> {
    /// All of them, with the text between them.
    pub(crate) tokens: Range<usize>,
    /// Without that: runs of placeholders.
    pub(crate) runs: Vec<Range<usize>>,
    pub(crate) about: &'s About,
}

/// Where the tokens of a prompt stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layout {
    /// In time, height and width, for each token; if there is none, tokens stand in a row.
    pub(crate) positions: Vec<[i32; 3]>,
    /// The position of the token behind the last.
    pub(crate) next: i32,
    /// Tokens that see all of each other.
    pub(crate) together: Vec<Range<i32>>,
}

impl Layout {
    /// Text goes on along all three axes, and what is shown spreads over them from there; what follows it is behind the
    /// last of these positions. Wang et al., "Qwen2-VL", section 2.1. Frames that text stands between are spread each by
    /// itself.
    pub(crate) fn spread(length: usize, spans: &[Span<'_>]) -> Self {
        let (mut positions, mut next) = (Vec::with_capacity(length), 0);
        for Span { tokens, runs, about } in spans {
            let [_, height, width] = about.grid;
            text(&mut positions, tokens.start, &mut next);
            for run in runs {
                text(&mut positions, run.start, &mut next);
                let time = i32::try_from(run.len()).unwrap_or(i32::MAX) / (height * width).max(1);
                let moment = |frame: i32| (f64::from(frame) * about.pace) as i32;
                for at in (0..time).map(|frame| next.saturating_add(moment(frame))) {
                    let rows = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
                    positions.extend(rows.map(|(row, column)| [at, next + row, next + column]));
                }
                next = next.saturating_add(height.max(width).max(moment(time - 1).saturating_add(1)));
            }
        }
        text(&mut positions, length, &mut next);
        Self { positions, next, together: Vec::new() }
    }
}

/// Puts text behind what is there, up to so many tokens.
fn text(positions: &mut Vec<[i32; 3]>, length: usize, next: &mut i32) {
    while positions.len() < length {
        positions.push([*next; 3]);
        *next = next.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(grid: [i32; 3], pace: f64) -> About {
        About { text: String::new(), tokens: grid.iter().product::<i32>() as usize, grid, pace }
    }

    fn span<'a>(runs: &[Range<usize>], about: &'a About) -> Span<'a> {
        let tokens = runs[0].start..runs[runs.len() - 1].end;
        Span { tokens, runs: runs.to_vec(), about }
    }

    #[test]
    fn text_goes_on_behind_the_longest_edge() {
        let wide = about([1, 1, 2], 1.0);
        let layout = Layout::spread(5, &[span(&[1..3], &wide)]);
        assert_eq!(layout.positions, [[0; 3], [1; 3], [1, 1, 2], [3; 3], [4; 3]]);
        assert_eq!(layout.next, 5);
    }

    #[test]
    fn frames_are_apart_by_their_pace() {
        let film = about([3, 1, 1], 2.5);
        let layout = Layout::spread(4, &[span(&[0..3], &film)]);
        assert_eq!(layout.positions, [[0, 0, 0], [2, 0, 0], [5, 0, 0], [6; 3]]);
    }
    #[test]
    fn frames_that_text_stands_between_are_spread_each_by_itself() {
        let film = about([2, 2, 1], 1.0);
        let layout = Layout::spread(7, &[span(&[1..3, 5..7], &film)]);
        let frame = |from: i32| [[from; 3], [from, from + 1, from]];
        assert_eq!(layout.positions[..3], [[[0; 3]].as_slice(), &frame(1)].concat());
        assert_eq!(layout.positions[3..], [[[3; 3], [4; 3]].as_slice(), &frame(5)].concat());
        assert_eq!(layout.next, 7);
    }
}
