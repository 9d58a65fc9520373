//! Products with the matrices of a stack, as mixtures of experts have them.

use crate::scratch::Scratch;

/// Which matrices of rows are multiplied with which matrices of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// The number of the left one, for each product.
    pub left: &'a [u32],
    /// The number of the right one, for each product.
    pub right: &'a [u32],
    /// Rows of a matrix on the left.
    pub rows: usize,
    /// Matrices in the stack.
    pub stack: usize,
}

impl Pairs<'_> {
    /// Whether `left` elements in rows of `depth` have all the matrices, and the products are `out` elements in rows of
    /// `columns`.
    pub(crate) fn fit(&self, [left, depth, columns]: [usize; 3], out: usize) -> bool {
        let within = |numbers: &[u32], count| numbers.iter().all(|&number| (number as usize) < count);
        let of_one = self.rows * depth;
        self.left.len() == self.right.len()
            && left.is_multiple_of(of_one.max(1))
            && within(self.left, left.checked_div(of_one).unwrap_or(0))
            && within(self.right, self.stack)
            && self.left.len() * self.rows * columns == out
    }

    /// Multiplies the rows of `x` that meet the same matrix at once, with `multiply`, which gets the number of the matrix,
    /// rows of `depth` and room for as many of `columns`.
    pub(crate) fn each_matrix(
        &self,
        [depth, columns]: [usize; 2],
        x: &[f32],
        out: &mut [f32],
        mut multiply: impl FnMut(usize, &[f32], &mut [f32]),
    ) {
        let (from, to) = (self.rows * depth, self.rows * columns);
        let mut pairs: Vec<_> = self.right.iter().zip(self.left).zip(0..).collect();
        pairs.sort_by_key(|&((right, _), _)| right);
        for pairs in pairs.chunk_by(|((one, _), _), ((other, _), _)| one == other) {
            let Some(&((&matrix, _), _)) = pairs.first() else { continue };
            let mut left = Scratch::new(pairs.len() * from);
            for (&((_, &number), _), left) in pairs.iter().zip(left.chunks_exact_mut(from.max(1))) {
                left.copy_from_slice(part(x, number as usize, from));
            }
            let mut products = Scratch::new(pairs.len() * to);
            multiply(matrix as usize, &left, &mut products);
            for (&(_, place), products) in pairs.iter().zip(products.chunks_exact(to.max(1))) {
                out.get_mut(place * to..(place + 1) * to).unwrap_or_default().copy_from_slice(products);
            }
        }
    }
}

/// Part number `number` of parts of `length`.
fn part(all: &[f32], number: usize, length: usize) -> &[f32] {
    all.get(number * length..(number + 1) * length).unwrap_or_default()
}
