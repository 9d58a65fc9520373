//! When each token was spoken.
//!
//! As OpenAI's Whisper, `timing.py`: the attention of some heads to the sound, smoothed, and the path through it that sees
//! the most.

use mlx_core::{Array, Dtype};

use super::decoder::{Decoder, Heard};
use super::vocabulary::Vocabulary;
use crate::Result;

/// When tokens are spoken, and how likely they are.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// Seconds from the beginning of the window at which each token begins; one more at the end of the last.
    pub(super) starts: Vec<f64>,
    pub(super) probabilities: Vec<f32>,
}

/// Places of the sound that are smoothed together.
const SMOOTHED: usize = 7;

impl Alignment {
    /// Aligns `text` behind `beginning` with the first `frames` places of the sound in `heard`.
    pub(super) fn of(
        decoder: &Decoder,
        vocabulary: &Vocabulary,
        heard: &Heard,
        heads: &[[i32; 2]],
        (beginning, text): (&[u32], &[u32]),
        frames: i32,
    ) -> Result<Self> {
        let tokens = [beginning, &[vocabulary.no_timestamps], text, &[vocabulary.end]].concat();
        let tokens = Array::from_slice(&tokens, [1, i32::try_from(tokens.len()).unwrap_or(i32::MAX)])?;
        let (states, scores) = decoder.attend(&tokens, heard, heads)?;
        let first = i32::try_from(beginning.len()).unwrap_or(i32::MAX);
        let weights = mlx_core::stack(&scores, 0)?.index((.., .., ..frames))?.astype(Dtype::Float32)?;
        let weights = weights.softmax(-1)?;
        let mean = weights.mean(-2)?.expand_dims(-2)?;
        let spread = weights.std(-2, 0)?.expand_dims(-2)?;
        let weights = ((weights - mean)? / spread)?;
        let [heads, length, frames] = weights.dims()?;
        let smoothed = smooth(&weights.to_vec::<f32>()?, frames.unsigned_abs() as usize);
        let smoothed = Array::from_vec(smoothed, [heads, length, frames])?.mean(0)?;
        let matrix = smoothed.index(first..length - 1)?;
        let rows = matrix.dim(0)?;
        let places = path(&matrix.to_vec::<f32>()?, rows.unsigned_abs() as usize);
        let scores = decoder.scores(&states.index((0, first..length - 2))?)?;
        Ok(Self {
            starts: places.into_iter().map(|place| place as f64 * SECONDS).collect(),
            probabilities: probabilities(&scores, text, vocabulary.end)?,
        })
    }
}

/// Seconds between two places of the sound.
const SECONDS: f64 = 0.02;

/// How likely each token of a text is, among tokens of text, by the scores before it.
fn probabilities(scores: &Array, text: &[u32], end: u32) -> Result<Vec<f32>> {
    let end = i32::try_from(end).unwrap_or(i32::MAX);
    let all = scores.index((.., ..end))?.astype(Dtype::Float32)?.softmax(-1)?;
    let text: Vec<i32> = text.iter().filter_map(|&token| i32::try_from(token).ok()).collect();
    let places = Array::from_slice(&text, [i32::try_from(text.len()).unwrap_or(i32::MAX), 1])?;
    Ok(all.take_along_axis(&places, -1)?.to_vec()?)
}

/// Rows of `length`, in which each number is the median of those around it. The edges are mirrored.
fn smooth(rows: &[f32], length: usize) -> Vec<f32> {
    let reach = SMOOTHED / 2;
    if length <= reach {
        return rows.to_vec();
    }
    let mut smoothed = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(length) {
        let mirrored = |at: usize| {
            let at = at.abs_diff(reach);
            if at < length { at } else { 2 * (length - 1) - at }
        };
        let padded: Vec<f32> =
            (0..length + 2 * reach).filter_map(|at| row.get(mirrored(at)).copied()).collect();
        smoothed.extend(padded.windows(SMOOTHED).map(|around| {
            let mut around: [f32; SMOOTHED] = around.try_into().unwrap_or_default();
            around.sort_by(f32::total_cmp);
            let [_, _, _, middle, ..] = around;
            middle
        }));
    }
    smoothed
}

/// The place of the first column of each of `rows` rows on the path from the first corner to the last that sees the most,
/// and of the last column.
///
/// Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition". Ties go to the diagonal, then
/// to the next row.
#[expect(clippy::indexing_slicing, reason = "both tables have a row and a column more than the matrix")]
fn path(matrix: &[f32], rows: usize) -> Vec<usize> {
    let columns = matrix.len() / rows.max(1);
    if columns == 0 {
        return Vec::new();
    }
    let width = columns + 1;
    let mut cost = vec![f32::INFINITY; (rows + 1) * width];
    let mut step = vec![Step::Diagonal; (rows + 1) * width];
    cost[0] = 0.0;
    for row in 1..=rows {
        for column in 1..=columns {
            let at = row * width + column;
            let diagonal = cost[at - width - 1];
            let down = cost[at - width];
            let right = cost[at - 1];
            let (least, how) = if diagonal < down && diagonal < right {
                (diagonal, Step::Diagonal)
            } else if down < diagonal && down < right {
                (down, Step::Down)
            } else {
                (right, Step::Right)
            };
            cost[at] = least - matrix[(row - 1) * columns + column - 1];
            step[at] = how;
        }
    }
    let mut starts = vec![0; rows];
    let (mut row, mut column) = (rows, columns);
    while row > 0 && column > 0 {
        starts[row - 1] = column - 1;
        match step[row * width + column] {
            Step::Diagonal => (row, column) = (row - 1, column - 1),
            Step::Down => row -= 1,
            Step::Right => column -= 1,
        }
    }
    starts
}

#[derive(Clone, Copy)]
enum Step {
    Diagonal,
    Down,
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_goes_where_the_numbers_are_large() {
        let matrix = [
            9.0, 9.0, -1.0, -1.0, -1.0, //
            -1.0, -1.0, 9.0, -1.0, -1.0, //
            -1.0, -1.0, -1.0, 9.0, 9.0,
        ];
        assert_eq!(path(&matrix, 3), [0, 2, 3]);
        assert_eq!(path(&[1.0, 1.0], 2), [0, 0]);
        assert!(path(&[], 0).is_empty());
    }

    #[test]
    fn a_median_leaves_edges_and_drops_single_peaks() {
        let mut row = [0.0; 12];
        row[5] = 1.0;
        row[8..].fill(1.0);
        let smoothed = smooth(&row, 12);
        assert_eq!(smoothed[..7], [0.0; 7]);
        assert_eq!(smoothed[9..], [1.0; 3]);
        assert_eq!(smooth(&row[4..7], 3), row[4..7]);
    }
}
