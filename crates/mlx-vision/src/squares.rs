//! Squares of patches that become one vector.

use mlx_core::{Array, Result};

/// `[images, rows, columns, width]` to `[images, rows / edge · columns / edge, edge² · width]`: the vectors of a square
/// side by side, row by row. Others call it pixel shuffle, or pixel unshuffle.
///
/// # Errors
/// Rows or columns are not a multiple of `edge`.
pub fn squares(x: &Array, edge: i32) -> Result<Array> {
    let [images, rows, columns, width] = x.dims()?;
    if edge < 1 || rows % edge != 0 || columns % edge != 0 {
        let problem = format!("{rows} x {columns} patches do not consist of squares of {edge}");
        return Err(mlx_core::Error::custom("squares", problem));
    }
    let (down, across) = (rows / edge, columns / edge);
    let apart = x.reshape([images, down, edge, across, edge, width])?.transpose([0, 1, 3, 2, 4, 5])?;
    apart.reshape([images, down * across, edge * edge * width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_a_square_are_side_by_side() {
        let x = Array::from_slice(&(0..16).collect::<Vec<i32>>(), [1, 2, 4, 2]).unwrap();
        let found = squares(&x, 2).unwrap();
        assert_eq!(found.shape(), [1, 2, 8]);
        let expected = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15];
        assert_eq!(found.to_vec::<i32>().unwrap(), expected);
        assert!(squares(&x, 3).is_err());
    }
}
