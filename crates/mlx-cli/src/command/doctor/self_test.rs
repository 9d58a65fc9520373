//! Small sums that are known, computed as models compute.

use std::thread;
use std::time::Instant;

use mlx_core::{Array, Device, Quantization, Quantized, Result};

use super::report::{Report, Section};

/// The largest error, relative to the size of results, that the rounding of sums explains. GPUs may round factors of a
/// product to 11 bits.
fn tolerance() -> f64 {
    if Device::current().is_cpu() { 1e-5 } else { 5e-3 }
}

/// Computes and compares.
pub(super) fn examine(report: &mut Report) {
    let section = report.section("self-test");
    let results = [
        ("matmul", product(section)),
        ("quantized matmul", quantized(section)),
        ("threads", threads(section)),
        ("speed", speed(section)),
    ];
    for (name, result) in results {
        let way_out =
            "compare with MLX_CPU_KERNELS=0 and MLX_CPU_LEVEL=baseline, and tell us which of them differ";
        match result {
            Ok(true) => {}
            Ok(false) => report.wrong(format!("{name} gives wrong numbers"), way_out),
            Err(error) => report.wrong(format!("{name} failed: {error}"), way_out),
        }
    }
}

/// A product of `[ROWS, INNER]` and `[COLUMNS, INNER]`, transposed.
const ROWS: usize = 37;
const INNER: usize = 192;
const COLUMNS: usize = 75;

fn product(section: &mut Section) -> Result<bool> {
    let (x, w) = (numbers(ROWS * INNER, 1), numbers(COLUMNS * INNER, 2));
    let found = matrix(&x, ROWS)?.matmul(&matrix(&w, COLUMNS)?.t()?)?;
    judge(section, "matmul", &found.to_vec::<f32>()?, &expected(&x, &w))
}

/// With four bits for each number, which a plain loop unpacks.
fn quantized(section: &mut Section) -> Result<bool> {
    let (x, w) = (numbers(ROWS * INNER, 3), numbers(COLUMNS * INNER, 4));
    let packed = Quantized::of(&matrix(&w, COLUMNS)?, Quantization::affine(4, 64))?;
    let found = matrix(&x, ROWS)?.quantized_matmul(&packed)?.to_vec::<f32>()?;
    let (words, scales) = (packed.weight.to_vec::<u32>()?, packed.scales.to_vec::<f32>()?);
    let biases = packed.biases.as_ref().map(Array::to_vec::<f32>).transpose()?.unwrap_or_default();
    let codes = words.iter().flat_map(|word| (0..8).map(move |at| word >> (4 * at) & 15));
    let groups = scales.iter().zip(&biases).flat_map(|group| std::iter::repeat_n(group, 64));
    let unpacked: Vec<f32> =
        codes.zip(groups).map(|(code, (scale, bias))| scale * code as f32 + bias).collect();
    let is_near =
        unpacked.len() == w.len() && unpacked.iter().zip(&w).all(|(one, other)| (one - other).abs() < 0.15);
    Ok(judge(section, "quantized matmul", &found, &expected(&x, &unpacked))? && is_near)
}

/// The same product on several threads at once, which give the same bits.
fn threads(section: &mut Section) -> Result<bool> {
    let compute = || -> Result<Vec<f32>> {
        let (x, w) = (numbers(ROWS * INNER, 5), numbers(COLUMNS * INNER, 6));
        matrix(&x, ROWS)?.matmul(&matrix(&w, COLUMNS)?.t()?)?.to_vec()
    };
    let alone = compute()?;
    let together = thread::scope(|scope| {
        let begun: Vec<_> = (0..4).map(|_| scope.spawn(compute)).collect();
        begun
            .into_iter()
            .map(|thread| thread.join().is_ok_and(|found| found.is_ok_and(|found| found == alone)))
            .collect()
    });
    let together: Vec<bool> = together;
    let is_same = together.iter().all(|same| *same);
    section.fact("4 threads at once", if is_same { "the same" } else { "not the same" });
    Ok(is_same)
}

/// How fast a product of squares is, the best of three.
fn speed(section: &mut Section) -> Result<bool> {
    const EDGE: usize = 512;
    let x = matrix(&numbers(EDGE * EDGE, 7), EDGE)?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        x.matmul(&x)?.eval()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    let operations = 2.0 * (EDGE as f64).powi(3);
    section.fact(format!("GFLOP/s at {EDGE}"), operations / best / 1e9);
    Ok(best.is_finite())
}

/// Numbers from -1 to 1 that are the same each time.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn matrix(numbers: &[f32], rows: usize) -> Result<Array> {
    Array::from_slice(numbers, [rows as i32, (numbers.len() / rows.max(1)) as i32])
}

/// The product by a plain loop, in doubles.
fn expected(x: &[f32], w: &[f32]) -> Vec<f64> {
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
    x.chunks(INNER).flat_map(|x| w.chunks(INNER).map(move |w| dot(x, w))).collect()
}

/// Tells the error, relative to the size of results, and whether it is small.
fn judge(section: &mut Section, name: &str, found: &[f32], expected: &[f64]) -> Result<bool> {
    let squares =
        |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>().sqrt();
    let error =
        squares(&mut found.iter().zip(expected).map(|(found, expected)| f64::from(*found) - expected))
            / squares(&mut expected.iter().copied());
    let is_right = found.len() == expected.len() && error < tolerance();
    section.fact(name, format!("{}, error {error:.0e}", if is_right { "right" } else { "wrong" }));
    Ok(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_here_is_right_and_what_is_not_is_seen() {
        let mut report = Report::default();
        examine(&mut report);
        assert!(!report.is_wrong(), "{}", report.object());
        let section = report.section("self-test");
        assert!(!judge(section, "x", &[1.0, 2.0], &[1.0, 2.1]).unwrap());
        assert!(!judge(section, "x", &[1.0], &[1.0, 2.0]).unwrap());
        assert!(judge(section, "x", &[1.0, 2.0], &[1.0, 2.0]).unwrap());
    }
}
