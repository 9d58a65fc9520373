//! Undoing the row order that GGUF's llama files have for interleaved rotary embeddings.

/// Moves whole rows so that the rotated pairs of a head lie half a head apart again.
///
/// The file has row `2i + s` of a head where Hugging Face has row `s * half + i`. The bytes of
/// a row stay together, so quantized rows move as they are. Returns `None` if the rows do not
/// divide into `heads` heads with an even number of rows.
pub(super) fn deinterleave(bytes: &[u8], rows: usize, heads: usize) -> Option<Vec<u8>> {
    let head_rows = rows.checked_div(heads)?;
    if head_rows * heads != rows || head_rows == 0 || head_rows % 2 != 0 {
        return None;
    }
    let row = bytes.len() / rows;
    let mut output = Vec::with_capacity(bytes.len());
    for head in bytes.chunks_exact(head_rows * row) {
        for side in 0..2 {
            head.chunks_exact(row).skip(side).step_by(2).for_each(|row| output.extend_from_slice(row));
        }
    }
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::deinterleave;

    #[test]
    fn pairs_move_half_a_head_apart() {
        let rows: Vec<u8> = (0..8).flat_map(|row| [row, 100 + row]).collect();
        let moved = deinterleave(&rows, 8, 2).unwrap();
        let expected = [0, 2, 1, 3, 4, 6, 5, 7].into_iter().flat_map(|row| [row, 100 + row]);
        assert_eq!(moved, expected.collect::<Vec<u8>>());
    }

    #[test]
    fn rows_that_do_not_divide_are_refused() {
        assert_eq!(deinterleave(&[0; 6], 6, 2), None);
        assert_eq!(deinterleave(&[0; 6], 6, 4), None);
        assert_eq!(deinterleave(&[0; 6], 6, 0), None);
    }
}
