//! Short Fourier transforms of a few samples, as products with small matrices.

use std::f64::consts::TAU;

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::Module;

/// A transform with Hann's window, of frames whose middles are `hop` samples apart; the sound is mirrored at its ends.
#[derive(Module)]
pub(super) struct Spectrum {
    size: i32,
    hop: i32,
    /// `[size, 2 · bins]`: what makes the real parts, and then the imaginary ones.
    #[module(buffer)]
    forward: Array,
    /// `[2 · bins, size]`, with the window.
    #[module(buffer)]
    inverse: Array,
    #[module(skip)]
    window: Vec<f64>,
}

impl Spectrum {
    /// `hop` divides `size`, which is even.
    pub(super) fn new(size: i32, hop: i32) -> MlxResult<Self> {
        let bins = size / 2 + 1;
        let window: Vec<f64> = (0..size).map(|at| 0.5 - 0.5 * cosine(at, size)).collect();
        let mut forward = Vec::new();
        for (at, weight) in (0..size).zip(&window) {
            forward.extend((0..bins).map(|bin| (weight * cosine(at * bin, size)) as f32));
            forward.extend((0..bins).map(|bin| (-weight * sine(at * bin, size)) as f32));
        }
        let mut inverse = Vec::new();
        for imaginary in [false, true] {
            for bin in 0..bins {
                let twice = if bin == 0 || 2 * bin == size { 1.0 } else { 2.0 };
                let wave = |at| if imaginary { -sine(at * bin, size) } else { cosine(at * bin, size) };
                let scale = twice / f64::from(size);
                inverse.extend((0..size).zip(&window).map(|(at, weight)| (scale * wave(at) * weight) as f32));
            }
        }
        Ok(Self {
            size,
            hop,
            forward: Array::from_vec(forward, [size, 2 * bins])?,
            inverse: Array::from_vec(inverse, [2 * bins, size])?,
            window,
        })
    }

    pub(super) fn bins(&self) -> i32 {
        self.size / 2 + 1
    }

    /// Magnitudes, then phases: `[1, samples] -> [1, samples / hop + 1, 2 · bins]`, for a multiple of `hop` samples.
    pub(super) fn analyse(&self, samples: &Array) -> MlxResult<Array> {
        let (half, bins) = (self.size / 2, self.bins());
        let padded = samples.pad([(1, half, half)], mlx_core::PadMode::Reflect)?;
        let rows = padded.reshape([1, padded.dim(1)? / self.hop, self.hop])?;
        let (across, frames) = (self.size / self.hop, samples.dim(1)? / self.hop + 1);
        let parts = (0..across).map(|at| rows.index((.., at..at + frames)));
        let frames = concatenate(&parts.collect::<MlxResult<Vec<_>>>()?, -1)?;
        let both = frames.matmul(&self.forward)?;
        let (real, imaginary) = (both.index((.., .., ..bins))?, both.index((.., .., bins..))?);
        // The first frame is its own mirror image, whose imaginary parts are rounding errors: half a turn either way.
        let imaginary = imaginary.index((.., 1..))?.pad([(1, 1, 0)], 0)?;
        let magnitudes = (real.square()? + imaginary.square()?)?.sqrt()?;
        concatenate(&[magnitudes, imaginary.arctan2(&real)?], -1)
    }

    /// The sound of magnitudes and phases `[1, frames, bins]`: `[(frames - 1) · hop]`.
    pub(super) fn synthesise(&self, magnitudes: &Array, phases: &Array) -> MlxResult<Array> {
        let frames = magnitudes.dim(1)?;
        let both = concatenate(&[(magnitudes * phases.cos()?)?, (magnitudes * phases.sin()?)?], -1)?;
        let across = self.size / self.hop;
        let parts = both.matmul(&self.inverse)?.reshape([frames, across, self.hop])?;
        let shifted = |at: i32| parts.index((.., at))?.pad([(0, at, across - 1 - at)], 0);
        let mut sum = shifted(0)?;
        for at in 1..across {
            sum = (sum + shifted(at)?)?;
        }
        let half = self.size / 2;
        let sum = sum.reshape([(frames + across - 1) * self.hop])?;
        sum.index(half..half + (frames - 1) * self.hop)? / self.envelope(frames)?
    }

    /// The sum of the squares of all windows over each sample.
    fn envelope(&self, frames: i32) -> MlxResult<Array> {
        let (size, hop) = (self.size as usize, self.hop as usize);
        let frames = frames as usize;
        let mut sums = vec![0.0_f64; (frames + size / hop - 1) * hop];
        for frame in 0..frames {
            let squares = self.window.iter().map(|weight| weight * weight);
            sums.iter_mut().skip(frame * hop).zip(squares).for_each(|(sum, square)| *sum += square);
        }
        let kept = sums.iter().skip(size / 2).take((frames - 1) * hop);
        let kept: Vec<f32> = kept.map(|&sum| sum as f32).collect();
        let length = kept.len() as i32;
        Array::from_vec(kept, [length])
    }
}

/// The cosine of so many parts of a turn, exact at its quarters.
fn cosine(part: i32, of: i32) -> f64 {
    let part = part.rem_euclid(of);
    match 4 * i64::from(part) {
        quarters if quarters == i64::from(of) || quarters == 3 * i64::from(of) => 0.0,
        _ => (TAU * f64::from(part) / f64::from(of)).cos(),
    }
}

fn sine(part: i32, of: i32) -> f64 {
    let part = part.rem_euclid(of);
    if part == 0 || 2 * part == of { 0.0 } else { (TAU * f64::from(part) / f64::from(of)).sin() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_comes_back_from_its_magnitudes_and_phases() {
        let spectrum = Spectrum::new(20, 5).unwrap();
        let samples: Vec<f32> = (0..60).map(|at| (at as f32 * 0.7).sin() + 0.2).collect();
        let found = spectrum.analyse(&Array::from_slice(&samples, [1, 60]).unwrap()).unwrap();
        assert_eq!(found.shape(), [1, 13, 22]);
        let (magnitudes, phases) =
            (found.index((.., .., ..11)).unwrap(), found.index((.., .., 11..)).unwrap());
        let back = spectrum.synthesise(&magnitudes, &phases).unwrap().to_vec::<f32>().unwrap();
        assert!(back.iter().zip(&samples).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
        // A negative mean has the phase of half a turn, on the side where PyTorch has it.
        let low = spectrum.analyse(&Array::full([1, 20], -1.0, mlx_core::Dtype::Float32).unwrap()).unwrap();
        let phase = low.index((0, 2, 11)).unwrap().item::<f32>().unwrap();
        assert!((phase - std::f32::consts::PI).abs() < 1e-6, "{phase}");
    }
}
