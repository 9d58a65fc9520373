//! In which order a tower takes patches, and which of them see each other.

use mlx_core::{Array, Result as MlxResult};

use crate::family::tubelets::list;

/// Squares of patches, ordered so that those of a window follow each other.
#[derive(Debug, PartialEq)]
pub(super) struct Windows {
    /// The places of squares as they come, in the order in which they are taken.
    squares: Vec<i32>,
    /// How many squares each window has.
    sizes: Vec<i32>,
}

impl Windows {
    /// Windows of `edge` x `edge` squares, fewer at the end of rows and columns, of a grid of squares in time, height and
    /// width. Windows of one size are together within a frame.
    pub(super) fn new([time, height, width]: [i32; 3], edge: i32) -> Self {
        let starts = |length: i32| (0..length).step_by(edge.max(1).unsigned_abs() as usize);
        let mut windows: Vec<_> = starts(height)
            .flat_map(|top| starts(width).map(move |left| [top, left]))
            .map(|[top, left]| [top, left, edge.min(height - top), edge.min(width - left)])
            .collect();
        windows.sort_by_key(|[.., rows, columns]| [-rows, -columns]);
        let (mut squares, mut sizes) = (Vec::new(), Vec::new());
        for frame in 0..time {
            for &[top, left, rows, columns] in &windows {
                let places = (top..top + rows)
                    .flat_map(|row| (left..left + columns).map(move |column| row * width + column));
                squares.extend(places.map(|place| frame * height * width + place));
                sizes.push(rows * columns);
            }
        }
        Self { squares, sizes }
    }

    /// How many patches each window has, of which a square has so many.
    pub(super) fn groups(&self, square: i32) -> Vec<i32> {
        self.sizes.iter().map(|size| size * square).collect()
    }

    /// What belongs to the patches, in this order.
    pub(super) fn ordered<T: Copy>(&self, patches: &[T], square: i32) -> Vec<T> {
        let square = square.unsigned_abs() as usize;
        let squares: Vec<_> = patches.chunks(square.max(1)).collect();
        let taken = self.squares.iter().filter_map(|place| squares.get(place.unsigned_abs() as usize));
        taken.copied().flatten().copied().collect()
    }

    /// Patches `[patches, numbers]` in this order.
    pub(super) fn take(&self, patches: &Array, square: i32) -> MlxResult<Array> {
        let [count, numbers] = patches.dims()?;
        let squares = patches.reshape([count / square.max(1), square, numbers])?;
        squares.take(&list(&self.squares)?, 0)?.reshape([count, numbers])
    }

    /// What squares became, `[squares, hidden]`, in the order in which they came.
    pub(super) fn put_back(&self, squares: &Array) -> MlxResult<Array> {
        squares.take(&list(&self.squares)?.argsort(-1)?, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_whole_first_and_then_what_is_left_at_the_edges() {
        let windows = Windows::new([2, 3, 3], 2);
        assert_eq!(windows.squares[..9], [0, 1, 3, 4, 2, 5, 6, 7, 8]);
        assert_eq!(windows.squares[9..13], [9, 10, 12, 13]);
        assert_eq!(windows.sizes, [4, 2, 2, 1, 4, 2, 2, 1]);
        assert_eq!(windows.groups(4)[..2], [16, 8]);
    }

    #[test]
    fn squares_that_were_ordered_come_back_to_their_places() {
        let windows = Windows::new([1, 3, 5], 2);
        let patches: Vec<f32> = (0..15).map(|place| place as f32).collect();
        let array = Array::from_slice(&patches, [15, 1]).unwrap();
        let taken = windows.take(&array, 1).unwrap();
        assert_eq!(taken.to_vec::<f32>().unwrap(), windows.ordered(&patches, 1));
        assert_ne!(taken.to_vec::<f32>().unwrap(), patches);
        assert_eq!(windows.put_back(&taken).unwrap().to_vec::<f32>().unwrap(), patches);
    }
}
