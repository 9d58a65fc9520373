//! Where tokens stand that are not in a row.

use std::ops::Range;

use super::About;

/// What is shown, and which tokens it takes the place of.
#[derive(Clone, Debug)]
pub(crate) struct Span<'s> {
    pub(crate) tokens: Range<usize>,
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
    /// last of these positions. Wang et al., "Qwen2-VL", section 2.1.
    pub(crate) fn spread(length: usize, spans: &[Span<'_>]) -> Self {
        let (mut positions, mut next) = (Vec::with_capacity(length), 0);
        for Span { tokens, about } in spans {
            text(&mut positions, tokens.start, &mut next);
            let [time, height, width] = about.grid;
            let moment = |frame: i32| (f64::from(frame) * about.pace) as i32;
            for at in (0..time).map(|frame| next + moment(frame)) {
                let rows = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
                positions.extend(rows.map(|(row, column)| [at, next + row, next + column]));
            }
            next += height.max(width).max(moment(time - 1) + 1);
        }
        text(&mut positions, length, &mut next);
        Self { positions, next, together: Vec::new() }
    }
}

/// Puts text behind what is there, up to so many tokens.
fn text(positions: &mut Vec<[i32; 3]>, length: usize, next: &mut i32) {
    while positions.len() < length {
        positions.push([*next; 3]);
        *next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(grid: [i32; 3], pace: f64) -> About {
        About { text: String::new(), tokens: grid.iter().product::<i32>() as usize, grid, pace }
    }

    #[test]
    fn text_goes_on_behind_the_longest_edge() {
        let wide = about([1, 1, 2], 1.0);
        let layout = Layout::spread(5, &[Span { tokens: 1..3, about: &wide }]);
        assert_eq!(layout.positions, [[0; 3], [1; 3], [1, 1, 2], [3; 3], [4; 3]]);
        assert_eq!(layout.next, 5);
    }

    #[test]
    fn frames_are_apart_by_their_pace() {
        let film = about([3, 1, 1], 2.5);
        let layout = Layout::spread(4, &[Span { tokens: 0..3, about: &film }]);
        assert_eq!(layout.positions, [[0, 0, 0], [2, 0, 0], [5, 0, 0], [6; 3]]);
    }
}
