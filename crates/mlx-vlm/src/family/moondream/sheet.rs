//! What is seen of parts of an image, put together, and as many vectors of it as of one part.

use mlx_core::{Array, Result, concatenate};

/// Vectors `[side, side, width]` of parts that overlap by a margin on each side, side by side.
pub(super) fn joined(parts: &[Array], [rows, columns]: [i32; 2], margin: i32) -> Result<Array> {
    let inner = |at: i32, count: i32, side: i32| {
        let from = if at == 0 { 0 } else { margin };
        from..if at + 1 == count { side } else { side - margin }
    };
    let mut sheet = Vec::new();
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    for (part, (row, column)) in parts.iter().zip(places) {
        let [height, width, _] = part.dims()?;
        sheet.push(part.index((inner(row, rows, height), inner(column, columns, width)))?);
    }
    let rows = sheet.chunks(columns.max(1).unsigned_abs() as usize).map(|row| concatenate(row, 1));
    concatenate(&rows.collect::<Result<Vec<_>>>()?, 0)
}

/// Means of vectors `[rows, columns, width]`: `[side, side, width]`. Where their numbers do not divide, means share vectors,
/// as by torch's `adaptive_avg_pool2d`.
pub(super) fn pooled(sheet: &Array, side: i32) -> Result<Array> {
    let [rows, columns, width] = sheet.dims()?;
    let down = shares(rows, side)?.astype(sheet.dtype())?.matmul(&sheet.reshape([rows, columns * width])?)?;
    let across = shares(columns, side)?.astype(sheet.dtype())?;
    across.matmul(&down.reshape([side, columns, width])?)
}

/// How much each of `length` places in a line gives to each of `count` means, `[count, length]`.
fn shares(length: i32, count: i32) -> Result<Array> {
    let row = |at: i32| {
        let from = at * length / count.max(1);
        let to = ((at + 1) * length + count - 1) / count.max(1);
        (0..length).map(move |place| if (from..to).contains(&place) { 1.0 / (to - from) as f32 } else { 0.0 })
    };
    let all: Vec<f32> = (0..count).flat_map(row).collect();
    Array::from_vec(all, [count, length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_share_what_does_not_divide() {
        let shares = shares(3, 2).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(shares, [0.5, 0.5, 0.0, 0.0, 0.5, 0.5]);
    }

    #[test]
    fn parts_lose_what_others_have() {
        let part = |from: i32| {
            let numbers: Vec<i32> = (0..16).map(|at| from + at).collect();
            Array::from_slice(&numbers, [4, 4, 1]).unwrap()
        };
        let sheet = joined(&[part(0), part(100)], [1, 2], 1).unwrap();
        assert_eq!(sheet.shape(), [4, 6, 1]);
        assert_eq!(sheet.index(0).unwrap().to_vec::<i32>().unwrap(), [0, 1, 2, 101, 102, 103]);
    }
}
