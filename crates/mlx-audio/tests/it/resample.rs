//! Resampled sound is that of scipy with the filter of resampy's `kaiser_best`.

use mlx_audio::{Audio, Resampler, resample};

use crate::sounds::{assert_near, golden, noise, tone};

const RATES: [(u32, u32); 7] = [
    (48_000, 16_000),
    (44_100, 16_000),
    (16_000, 24_000),
    (8000, 16_000),
    (22_050, 16_000),
    (16_000, 44_100),
    (44_101, 16_000),
];

#[test]
fn new_samples_are_those_of_scipy() {
    let golden = golden("resample");
    for (from, to) in RATES {
        let sound = golden.f32(&from.to_string());
        assert_near(&resample(&sound, from, to).unwrap(), &golden.f32(&format!("{from}.{to}")), 1e-5);
    }
}

#[test]
fn pieces_make_the_samples_of_the_whole() {
    for (from, to) in RATES.into_iter().chain([(16_000, 16_000), (16_001, 16_000), (1, 200), (200, 1)]) {
        for length in [0, 1, 2, 333, 2000] {
            let sound = noise(length, 7);
            let whole = resample(&sound, from, to).unwrap();
            let expected = (length as u64 * u64::from(to)).div_ceil(u64::from(from));
            assert_eq!(whole.len() as u64, expected, "{length} from {from} to {to}");
            for piece in [1, 10, 501] {
                let (mut resampler, mut pieces) = (Resampler::new(from, to).unwrap(), Vec::new());
                sound.chunks(piece).for_each(|piece| resampler.push(piece, &mut pieces));
                resampler.end(&mut pieces);
                assert_eq!(pieces, whole, "{length} from {from} to {to} in pieces of {piece}");
            }
        }
    }
}

#[test]
fn the_same_rate_changes_nothing() {
    let sound = noise(1000, 8);
    assert_eq!(resample(&sound, 44_100, 44_100).unwrap(), sound);
}

/// The root mean square of what is not in the middle half of `found` as in `expected`, in decibels.
fn difference(found: &[f32], expected: &[f32]) -> f64 {
    let middle = found.len() / 4..found.len() * 3 / 4;
    let squares = found[middle.clone()].iter().zip(&expected[middle]);
    let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), (found, expected)| {
        (sum + (f64::from(*found) - f64::from(*expected)).powi(2), count + 1.0)
    });
    10.0 * (sum / count).log10()
}

#[test]
fn tones_below_the_cut_stay_and_those_above_go() {
    for (from, to) in
        [(48_000, 16_000), (44_100, 16_000), (16_000, 48_000), (44_100, 48_000), (44_101, 16_000)]
    {
        let (old, new) = (f64::from(from), f64::from(to));
        let lower = old.min(new) / 2.0;
        for part in [0.01, 0.2, 0.5, 0.8, 0.87] {
            let hertz = part * lower;
            let found = resample(&tone(from as usize / 4, hertz, old), from, to).unwrap();
            let difference = difference(&found, &tone(found.len(), hertz, new));
            assert!(difference < -105.0, "{hertz} Hz from {from} to {to}: {difference} dB");
        }
        for part in [1.025, 1.1, 1.5, 2.0].into_iter().filter(|part| part * lower < old / 2.0) {
            let hertz = part * lower;
            let found = resample(&tone(from as usize / 4, hertz, old), from, to).unwrap();
            let left = difference(&found, &vec![0.0; found.len()]);
            assert!(left < -105.0, "{hertz} Hz from {from} to {to}: {left} dB");
        }
    }
}

#[test]
fn each_channel_is_resampled_alone() {
    let (left, right) = (noise(500, 9), noise(500, 10));
    let both = left.iter().zip(&right).flat_map(|(&left, &right)| [left, right]).collect();
    let audio = Audio::new(both, 2, 48_000).unwrap().resampled(16_000).unwrap();
    assert_eq!((audio.rate(), audio.channels(), audio.frames()), (16_000, 2, 167));
    let channel = |at| audio.samples().iter().copied().skip(at).step_by(2).collect::<Vec<_>>();
    assert_eq!(channel(0), resample(&left, 48_000, 16_000).unwrap());
    assert_eq!(channel(1), resample(&right, 48_000, 16_000).unwrap());
}

#[test]
fn rates_too_far_apart_are_refused() {
    let message = Resampler::new(16_000, 0).unwrap_err().to_string();
    assert_eq!(message, "to is 0: rates are above 0 and at most 256 times apart");
    assert!(Resampler::new(0, 16_000).is_err() && Resampler::new(0, 0).is_err());
    assert!(Resampler::new(257, 1).is_err() && Resampler::new(1, 257).is_err());
    assert!(Resampler::new(256, 1).is_ok() && Resampler::new(1, 256).is_ok());
    assert!(Resampler::new(u32::MAX, u32::MAX - 1).is_ok());
}
