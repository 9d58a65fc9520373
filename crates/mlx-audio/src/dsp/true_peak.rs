//! Peaks that lie between samples: ITU-R BS.1770-5, Annex 2.

/// Finds the largest value of the sound that samples stand for: of each sample, and of four places behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct TruePeak {
    /// The last samples, the newest first.
    seen: [f32; TAPS],
    peak: f32,
}

const TAPS: usize = 12;
/// The standard's filter, of which every fourth number makes one of the four places. The places are symmetrical, so the
/// other two have the same numbers backwards.
const FIRST: [f32; TAPS] = [
    0.001_708_984_4,
    0.010_986_328,
    -0.019_653_32,
    0.033_203_125,
    -0.059_448_242,
    0.137_329_1,
    0.972_167_97,
    -0.102_294_92,
    0.047_607_422,
    -0.026_611_328,
    0.014_892_578,
    -0.008_300_781,
];
const SECOND: [f32; TAPS] = [
    -0.029_174_805,
    0.029_296_875,
    -0.051_757_812,
    0.089_111_33,
    -0.166_503_9,
    0.465_087_9,
    0.779_785_16,
    -0.200_317_38,
    0.101_562_5,
    -0.058_227_54,
    0.033_081_055,
    -0.018_920_898,
];

impl TruePeak {
    pub(super) fn push(&mut self, sample: f32) {
        self.seen.rotate_right(1);
        if let Some(newest) = self.seen.first_mut() {
            *newest = sample;
        }
        let mut places = [0.0_f32; 4];
        let forwards = FIRST.iter().zip(&SECOND);
        let backwards = SECOND.iter().zip(&FIRST).rev();
        for ((sample, (first, second)), (third, fourth)) in self.seen.iter().zip(forwards).zip(backwards) {
            let taps = [first, second, third, fourth];
            places.iter_mut().zip(taps).for_each(|(place, tap)| *place += sample * tap);
        }
        self.peak = places.iter().fold(self.peak.max(sample.abs()), |peak, place| peak.max(place.abs()));
    }

    /// The largest value so far, as if silence came next.
    pub(super) fn peak(&self) -> f32 {
        let mut ended = self.clone();
        (1..TAPS).for_each(|_| ended.push(0.0));
        ended.peak
    }
}
