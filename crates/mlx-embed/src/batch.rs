//! Which texts run together.

/// The numbers of texts of these `lengths` in the order of these, as many together as have `most` tokens, but at least
/// one. Empty texts are in no batch.
pub(crate) fn batches(lengths: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<_> = lengths.iter().copied().enumerate().filter(|&(_, length)| length > 0).collect();
    order.sort_by_key(|&(_, length)| length);
    let (mut all, mut batch, mut sum) = (Vec::new(), Vec::new(), 0);
    for (number, length) in order {
        if sum + length > most && !batch.is_empty() {
            all.push(std::mem::take(&mut batch));
            sum = 0;
        }
        batch.push(number);
        sum += length;
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_run_by_their_length_up_to_a_number_of_tokens() {
        assert_eq!(batches(&[4, 0, 2, 3, 9], 6), [vec![2, 3], vec![0], vec![4]]);
        assert_eq!(batches(&[2, 4], 6), [[0, 1]]);
        assert_eq!(batches(&[3, 4], 6), [[0], [1]]);
        assert!(batches(&[0, 0], 6).is_empty());
        assert_eq!(batches(&[1, 1], 0), [[0], [1]]);
    }
}
