//! Loudness as people hear it: EBU R 128, by ITU-R BS.1770-5 and EBU Tech 3342.

use std::f64::consts::PI;

use super::true_peak::TruePeak;
use crate::{Error, Result};

/// How loud sound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// The loudness of the whole in LUFS, without what is silent or much softer than the rest; none for silence or less
    /// than 0.4 s.
    pub integrated: Option<f64>,
    /// The loudest 0.4 s in LUFS; none for silence or less than that.
    pub momentary: Option<f64>,
    /// The loudest 3 s in LUFS; none for silence or less than that.
    pub short_term: Option<f64>,
    /// How far apart loud and soft parts of 3 s are, in LU, without the softest tenth and the loudest twentieth (EBU Tech
    /// 3342); none for silence or less than 3 s.
    pub range: Option<f64>,
    /// The largest sample, without its sign.
    pub peak: f32,
    /// The largest value of the sound between samples, too, without its sign: 20 log10 of it is in dBTP.
    pub true_peak: f32,
}

impl Loudness {
    /// The loudness of samples, those of all channels side by side.
    ///
    /// # Errors
    /// As [`Meter::new`].
    pub fn of(samples: &[f32], channels: usize, rate: u32) -> Result<Self> {
        let mut meter = Meter::new(channels, rate)?;
        meter.push(samples);
        Ok(meter.loudness())
    }

    /// What to multiply samples by so that they are as loud as `target`, in LUFS; 1 where there is no loudness.
    pub fn gain(&self, target: f64) -> f32 {
        self.integrated.map_or(1.0, |now| 10.0_f64.powf((target - now) / 20.0) as f32)
    }
}

/// Measures the loudness of sound that comes in pieces. It keeps a number for each 0.1 s.
#[derive(Clone, Debug)]
pub struct Meter {
    channels: Vec<Channel>,
    /// Which channel the next sample belongs to.
    next: usize,
    /// Frames in a tenth of a second.
    step: usize,
    /// Frames since the last whole step.
    frames: usize,
    /// The weighted energy of the step that is not whole.
    energy: f64,
    /// The mean energy of each whole step.
    steps: Vec<f64>,
    peak: f32,
}

/// Steps in a block.
const BLOCK: usize = 4;
/// Steps in a part for the range, and from the beginning of one to that of the next.
const PART: usize = 30;
const PART_STEP: usize = 10;
/// Blocks at or below this are silence, in LUFS.
const SILENCE: f64 = -70.0;
/// Blocks that are so much softer than the mean of all others do not count, in LU.
const SOFTER: f64 = -10.0;
/// The same for parts.
const SOFTER_PART: f64 = -20.0;

impl Meter {
    /// A meter for sound of up to 5 channels, in the order left, right, centre, left and right behind. If there are 6, the
    /// fourth is for low frequencies and does not count.
    ///
    /// # Errors
    /// There is no channel or more than 6, or there are less than 10 or more than 2^24 frames a second.
    pub fn new(channels: usize, rate: u32) -> Result<Self> {
        if !(1..=6).contains(&channels) {
            return Err(Error::option("channels", channels, "loudness is of 1 to 6 channels"));
        }
        if !(10..=1 << 24).contains(&rate) {
            return Err(Error::option("rate", rate, "loudness is of 10 to 16777216 frames a second"));
        }
        let weights: &[f64] = match channels {
            4 => &[1.0, 1.0, 1.41, 1.41],
            6 => &[1.0, 1.0, 1.0, 0.0, 1.41, 1.41],
            _ => &[1.0, 1.0, 1.0, 1.41, 1.41],
        };
        let channel = |&weight: &f64| Channel {
            weight,
            stages: [Biquad::shelf(rate), Biquad::high_pass(rate)],
            true_peak: TruePeak::default(),
        };
        Ok(Self {
            channels: weights.iter().take(channels).map(channel).collect(),
            next: 0,
            step: (rate as usize + 5) / 10,
            frames: 0,
            energy: 0.0,
            steps: Vec::new(),
            peak: 0.0,
        })
    }

    /// Takes the next samples, those of all channels side by side.
    pub fn push(&mut self, samples: &[f32]) {
        for &sample in samples {
            self.peak = self.peak.max(sample.abs());
            if let Some(channel) = self.channels.get_mut(self.next) {
                self.energy += channel.energy(sample);
            }
            self.next += 1;
            if self.next == self.channels.len() {
                self.next = 0;
                self.frames += 1;
                self.end_step();
            }
        }
    }

    fn end_step(&mut self) {
        if self.frames == self.step {
            self.steps.push(self.energy / self.step as f64);
            (self.frames, self.energy) = (0, 0.0);
        }
    }

    /// The loudness of all samples so far.
    pub fn loudness(&self) -> Loudness {
        let heard = || self.heard(BLOCK, 1);
        let integrated = mean(heard()).and_then(|all| {
            let gate = decibels(all) + SOFTER;
            mean(heard().filter(|&energy| decibels(energy) > gate)).map(decibels)
        });
        Loudness {
            integrated,
            momentary: heard().map(decibels).reduce(f64::max),
            short_term: self.heard(PART, 1).map(decibels).reduce(f64::max),
            range: self.range(),
            peak: self.peak,
            true_peak: self.channels.iter().map(|channel| channel.true_peak.peak()).fold(0.0, f32::max),
        }
    }

    /// The mean energies of so many steps, of beginnings so many steps apart, that are not silence.
    fn heard(&self, length: usize, apart: usize) -> impl Iterator<Item = f64> + '_ {
        let windows = self.steps.windows(length).step_by(apart);
        let energies = windows.map(move |steps| steps.iter().sum::<f64>() / length as f64);
        energies.filter(|&energy| decibels(energy) > SILENCE)
    }

    fn range(&self) -> Option<f64> {
        let gate = mean(self.heard(PART, PART_STEP)).map(decibels)? + SOFTER_PART;
        let parts = self.heard(PART, PART_STEP).map(decibels);
        let mut kept: Vec<f64> = parts.filter(|&loudness| loudness >= gate).collect();
        kept.sort_by(f64::total_cmp);
        let last = kept.len().saturating_sub(1) as f64;
        let at = |part: f64| kept.get((last * part).round() as usize).copied();
        Some(at(0.95)? - at(0.1)?)
    }
}

fn decibels(energy: f64) -> f64 {
    -0.691 + 10.0 * energy.log10()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[derive(Clone, Debug)]
struct Channel {
    weight: f64,
    stages: [Biquad; 2],
    true_peak: TruePeak,
}

impl Channel {
    fn energy(&mut self, sample: f32) -> f64 {
        // One bad number would stay in the filters for ever.
        let sample = if sample.is_finite() { sample } else { 0.0 };
        self.true_peak.push(sample);
        let heard = self.stages.iter_mut().fold(f64::from(sample), |sample, stage| stage.next(sample));
        self.weight * heard * heard
    }
}

/// A filter of second order, whose first coefficient below is 1.
#[derive(Clone, Debug)]
struct Biquad {
    above: [f64; 3],
    below: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    /// The shelf of BS.1770's first stage: 4 dB above about 1.7 kHz. Its analogue parameters, for any rate, are those that
    /// give the standard's coefficients at 48 kHz (De Man, Evaluation of implementations of the EBU R128 loudness).
    fn shelf(rate: u32) -> Self {
        let (frequency, gain, quality) =
            (1_681.974_450_955_533_f64, 3.999_843_853_97_f64, 0.707_175_236_955_419_6);
        let turn = (PI * frequency / f64::from(rate)).tan();
        let high = 10.0_f64.powf(gain / 20.0);
        let middle = high.powf(0.499_666_774_154_541_6);
        let first = 1.0 + turn / quality + turn * turn;
        let above = [
            high + middle * turn / quality + turn * turn,
            2.0 * (turn * turn - high),
            high - middle * turn / quality + turn * turn,
        ];
        let below = [2.0 * (turn * turn - 1.0), 1.0 - turn / quality + turn * turn];
        Self {
            above: above.map(|value| value / first),
            below: below.map(|value| value / first),
            state: [0.0; 2],
        }
    }

    /// The high pass of BS.1770's second stage, from about 38 Hz.
    fn high_pass(rate: u32) -> Self {
        let (frequency, quality) = (38.135_470_876_024_44_f64, 0.500_327_037_323_877_3);
        let turn = (PI * frequency / f64::from(rate)).tan();
        let first = 1.0 + turn / quality + turn * turn;
        let below = [2.0 * (turn * turn - 1.0), 1.0 - turn / quality + turn * turn];
        Self { above: [1.0, -2.0, 1.0], below: below.map(|value| value / first), state: [0.0; 2] }
    }

    fn next(&mut self, sample: f64) -> f64 {
        let ([above, one, two], [below_one, below_two], [first, second]) =
            (self.above, self.below, self.state);
        let filtered = above * sample + first;
        self.state = [one * sample - below_one * filtered + second, two * sample - below_two * filtered];
        filtered
    }
}
