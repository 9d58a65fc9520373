//! Products with the matrices of a stack.

use mlx_cpu::quantized::{self, Coding};
use mlx_cpu::{Level, Numbers, NumbersMut, Pairs};

use super::case::{CODINGS, Case, error};
use crate::random::Random;

const ROWS: usize = 24;
const COLUMNS: usize = 256;

/// The products of each pair by themselves.
fn expected(case: &Case, x: &[f32], pairs: Pairs<'_>) -> Vec<(f64, f64)> {
    let length = pairs.rows * COLUMNS;
    let of_pair = |(&left, &right): (&u32, &u32)| {
        let all = case.expected(&x[left as usize * length..][..length], true);
        let rows = all.chunks(case.rows).map(|row| row[right as usize * ROWS..][..ROWS].to_vec());
        rows.collect::<Vec<_>>().concat()
    };
    pairs.left.iter().zip(pairs.right).map(of_pair).collect::<Vec<_>>().concat()
}

#[test]
fn each_pair_gets_its_matrix() {
    let mut random = Random::new(7);
    // One matrix of rows for all, each its own, and any; few products with a matrix, and many.
    for (count, lefts, rows, stack) in
        [(4, 1, 1, 6), (9, 9, 1, 4), (70, 10, 1, 3), (12, 5, 3, 2), (0, 1, 1, 2)]
    {
        let left: Vec<u32> = (0..count).map(|_| random.word() % lefts).collect();
        let right: Vec<u32> = (0..count).map(|_| random.word() % stack).collect();
        let pairs = Pairs { left: &left, right: &right, rows, stack: stack as usize };
        for coding in [CODINGS[5], CODINGS[3], CODINGS[12], CODINGS[13]] {
            let case = Case::new(coding, [stack as usize * ROWS, COLUMNS]);
            let x = random.numbers(lefts as usize * rows * COLUMNS);
            let expected = expected(&case, &x, pairs);
            for level in Level::available() {
                let mut out = vec![f32::NAN; left.len() * rows * ROWS];
                let (x, to) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
                assert!(quantized::gather(level, x, &case.matrix(), pairs, to));
                let error = error(&out, &expected);
                assert!(error < 2e-6, "{level}, {coding:?}, {pairs:?}: {error:e}");
            }
        }
    }
}

#[test]
fn pairs_outside_of_the_stack_are_refused() {
    let case = Case::new((Coding::Affine(4), 4, 64), [2 * ROWS, COLUMNS]);
    let gather = |left: &[u32], right: &[u32], stack, products: usize| {
        let (x, mut out) = ([0.0; 3 * COLUMNS], vec![0.0; products * ROWS]);
        let pairs = Pairs { left, right, rows: 1, stack };
        let (x, out) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
        quantized::gather(Level::best(), x, &case.matrix(), pairs, out)
    };
    assert!(gather(&[0, 2], &[1, 0], 2, 2));
    assert!(!gather(&[0, 3], &[1, 0], 2, 2));
    assert!(!gather(&[0, 2], &[2, 0], 2, 2));
    assert!(!gather(&[0], &[1, 0], 2, 2));
    assert!(!gather(&[0, 2], &[1, 0], 2, 1));
    assert!(!gather(&[0, 2], &[1, 0], 5, 2));
    assert!(!gather(&[0, 2], &[1, 0], 0, 2));
}
