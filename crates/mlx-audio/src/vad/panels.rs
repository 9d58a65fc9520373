//! Products with a matrix that is laid out for vectors.

/// Rows that are multiplied together, so that each weight is read once for all of them.
const ROWS: usize = 4;

/// A matrix `[columns, depth]` and a bias, in panels of `LANES` columns: those of one depth side by side.
///
/// A result is the bias and the products in order of depth, whatever is multiplied beside it: the same bits for one row
/// and for many.
pub(super) struct Panels<const LANES: usize> {
    depth: usize,
    columns: usize,
    panels: Vec<Panel<LANES>>,
}

struct Panel<const LANES: usize> {
    bias: [f32; LANES],
    weights: Vec<[f32; LANES]>,
}

impl<const LANES: usize> Panels<LANES> {
    /// The matrix of rows of `depth` weights, a bias for each.
    pub(super) fn new(weights: &[f32], bias: &[f32], depth: usize) -> Self {
        let rows: Vec<&[f32]> = weights.chunks_exact(depth.max(1)).collect();
        let lanes = |rows: &[&[f32]], at: usize| {
            std::array::from_fn(|lane| {
                rows.get(lane).and_then(|row| row.get(at)).copied().unwrap_or_default()
            })
        };
        let panels = rows.chunks(LANES).zip(bias.chunks(LANES)).map(|(rows, bias)| Panel {
            bias: std::array::from_fn(|lane| bias.get(lane).copied().unwrap_or_default()),
            weights: (0..depth).map(|at| lanes(rows, at)).collect(),
        });
        Self { depth, columns: bias.len(), panels: panels.collect() }
    }

    /// The products with `count` rows of `x`, each `step` numbers behind the last: `[count, columns]`.
    pub(super) fn multiply(&self, x: &[f32], step: usize, count: usize, out: &mut Vec<f32>) {
        out.clear();
        out.resize(count * self.columns, 0.0);
        let rows: Vec<&[f32]> = x.windows(self.depth).step_by(step).take(count).collect();
        let outs = out.chunks_mut(ROWS * self.columns);
        for (rows, out) in rows.chunks(ROWS).zip(outs) {
            match <[&[f32]; ROWS]>::try_from(rows) {
                Ok(rows) => self.block(rows, out),
                Err(_) => {
                    rows.iter().zip(out.chunks_mut(self.columns)).for_each(|(row, out)| self.row(row, out))
                }
            }
        }
    }

    /// The products with a row.
    pub(super) fn row(&self, row: &[f32], out: &mut [f32]) {
        self.block([row], out);
    }

    fn block<const N: usize>(&self, rows: [&[f32]; N], out: &mut [f32]) {
        let mut outs: Vec<_> = out.chunks_mut(self.columns).map(|row| row.chunks_mut(LANES)).collect();
        let mut sides = rows.map(|row| row.iter());
        let side = || sides.each_mut().map(|side| side.next().copied().unwrap_or_default());
        let x: Vec<[f32; N]> = std::iter::repeat_with(side).take(self.depth).collect();
        for panel in &self.panels {
            for (sums, out) in panel.sums(&x).iter().zip(&mut outs) {
                out.next().into_iter().flatten().zip(sums).for_each(|(out, sum)| *out = *sum);
            }
        }
    }
}

impl<const LANES: usize> Panel<LANES> {
    fn sums<const N: usize>(&self, x: &[[f32; N]]) -> [[f32; LANES]; N] {
        let mut sums = [self.bias; N];
        for (weights, x) in self.weights.iter().zip(x) {
            for (sums, x) in sums.iter_mut().zip(x) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = fused(*weight, *x, *sum);
                }
            }
        }
        sums
    }
}

/// `a · b + c`, in one step where the processor is known to have one: elsewhere that would be a call.
fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_that_of_the_matrix_and_the_same_for_one_row_and_for_many() {
        let (depth, columns, count, step) = (7, 11, 6, 3);
        let number = |at: usize| ((at * 37 + 11) % 23) as f32 - 11.0;
        let weights: Vec<f32> = (0..depth * columns).map(number).collect();
        let bias: Vec<f32> = (0..columns).map(|at| number(at + 5)).collect();
        let x: Vec<f32> = (0..depth + step * (count - 1)).map(|at| number(3 * at + 1)).collect();
        let panels = Panels::<4>::new(&weights, &bias, depth);
        let mut all = Vec::new();
        panels.multiply(&x, step, count, &mut all);
        for row in 0..count {
            let x = &x[row * step..][..depth];
            let mut alone = vec![0.0; columns];
            panels.row(x, &mut alone);
            assert_eq!(all[row * columns..][..columns], alone);
            for (column, value) in alone.iter().enumerate() {
                let products = weights[column * depth..][..depth].iter().zip(x).map(|(w, x)| w * x);
                assert_eq!(*value, bias[column] + products.sum::<f32>());
            }
        }
    }
}
