//! The front end of NeMo: logarithms of mel spectra, each mel with mean 0 and deviation 1.

use super::config::FrontPlan;
use crate::Result;
use crate::dsp::{MelBank, MelOptions, Padding, Stft, logarithm, preemphasize};

/// What the encoder takes.
pub(super) struct Front {
    stft: Stft,
    bank: MelBank,
    preemphasis: f32,
    guard: f32,
    whole: bool,
}

/// What is added to deviations.
const EPS: f64 = 1e-5;

impl Front {
    pub(super) fn new(plan: &FrontPlan) -> Result<Self> {
        let window = plan.shape.symmetric(plan.window.min(plan.n_fft));
        Ok(Self {
            stft: Stft::new(plan.n_fft, plan.hop, &window, Padding::Zeros)?,
            bank: MelBank::new(&MelOptions::slaney(plan.rate, plan.n_fft, plan.mels))?,
            preemphasis: plan.preemphasis,
            guard: plan.guard,
            whole: plan.whole,
        })
    }

    /// Samples between two frames.
    pub(super) fn hop(&self) -> usize {
        self.stft.hop()
    }

    /// How many frames so many samples have.
    pub(super) fn count(&self, samples: usize) -> usize {
        if self.whole { samples / self.hop() } else { self.stft.frames(samples) }
    }

    /// The frames of sound, `[frames, mels]`.
    pub(super) fn frames(&self, samples: &[f32]) -> Vec<f32> {
        let mels = self.bank.mels();
        let mut samples = samples.to_vec();
        preemphasize(&mut samples, self.preemphasis);
        let count = self.count(samples.len());
        let mut frames = vec![0.0; count * mels];
        let mut power = vec![0.0; self.stft.bins()];
        let mut rows = frames.chunks_exact_mut(mels);
        self.stft.each(&samples, 0..count, |spectrum| {
            self.bank.apply_power(spectrum, &mut power, rows.next().unwrap_or_default());
        });
        frames.iter_mut().for_each(|value| *value = logarithm::ln(*value + self.guard));
        normalize(&mut frames, mels);
        frames
    }
}

/// Gives each mel mean 0 and deviation 1 over the frames; one frame becomes zeros.
fn normalize(frames: &mut [f32], mels: usize) {
    let count = (frames.len() / mels.max(1)) as f64;
    let (mut means, mut squares) = (vec![0.0_f64; mels], vec![0.0_f64; mels]);
    for row in frames.chunks_exact(mels) {
        means.iter_mut().zip(row).for_each(|(mean, &value)| *mean += f64::from(value) / count);
    }
    for row in frames.chunks_exact(mels) {
        for ((square, mean), &value) in squares.iter_mut().zip(&means).zip(row) {
            *square += (f64::from(value) - mean).powi(2);
        }
    }
    let others = (count - 1.0).max(1.0);
    let scales: Vec<f64> = squares.iter().map(|square| ((square / others).sqrt() + EPS).recip()).collect();
    for row in frames.chunks_exact_mut(mels) {
        for ((value, mean), scale) in row.iter_mut().zip(&means).zip(&scales) {
            *value = ((f64::from(*value) - mean) * scale) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use mlx_testkit::{Golden, relative_rms};

    use super::*;
    use crate::dsp::Window;

    fn plan() -> FrontPlan {
        FrontPlan {
            rate: 16_000,
            mels: 80,
            n_fft: 512,
            window: 400,
            shape: Window::Hann,
            hop: 160,
            preemphasis: 0.97,
            guard: 2.0_f32.powi(-24),
            whole: false,
        }
    }

    /// The tones of the script that wrote the golden data.
    fn sound(samples: usize) -> Vec<f32> {
        let turn = std::f64::consts::TAU;
        let tone = |at: usize| {
            let time = at as f64 / 16_000.0;
            let rising = 0.3 * (turn * (200.0 + 300.0 * time) * time).sin();
            let growing = 0.1 * time * (turn * 1250.0 * time).sin();
            let beating = 0.2 * (turn * 3.0 * time).sin() * (turn * 2700.0 * time).sin();
            (rising + growing + beating) as f32
        };
        (0..samples).map(tone).collect()
    }

    #[test]
    fn frames_are_those_of_mlx_audio() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/recognizer/nemo-tdt/expected.safetensors");
        let frames = Front::new(&plan()).unwrap().frames(&sound(20_000));
        let some: Vec<f32> = frames.chunks(80).step_by(10).flatten().copied().collect();
        let error = relative_rms(&some, &Golden::open(path).f32("mel.0"));
        println!("{error:e}");
        assert!(error < 1e-3, "{error:e}");
    }

    #[test]
    fn one_frame_has_no_deviation() {
        let front = Front::new(&plan()).unwrap();
        assert_eq!(front.frames(&[0.5]), [0.0; 80]);
        assert_eq!(front.count(0), 0);
        let whole = Front::new(&FrontPlan { whole: true, ..plan() }).unwrap();
        assert_eq!([whole.count(159), whole.count(320), front.count(320)], [0, 2, 3]);
    }
}
