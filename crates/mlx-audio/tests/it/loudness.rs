//! Loudness by the cases of EBU Tech 3341 and 3342.

use mlx_audio::dsp::{Loudness, Meter};

use crate::sounds::{noise, tone};

/// A tone of 1 kHz at a peak in decibels, on both of two channels.
fn stereo(seconds: f64, decibels: f64, rate: u32) -> Vec<f32> {
    let samples = (seconds * f64::from(rate)) as usize;
    let gain = 2.0 * 10.0_f64.powf(decibels / 20.0) as f32;
    tone(samples, 1000.0, f64::from(rate)).into_iter().flat_map(|sample| [gain * sample; 2]).collect()
}

#[track_caller]
fn assert_loudness(samples: &[f32], rate: u32, expected: f64) {
    let found = Loudness::of(samples, 2, rate).unwrap().integrated.unwrap();
    assert!((found - expected).abs() < 0.1, "{found} LUFS instead of {expected}");
}

#[test]
fn tones_are_as_loud_as_tech_3341_says() {
    for rate in [44_100, 48_000, 96_000] {
        assert_loudness(&stereo(20.0, -23.0, rate), rate, -23.0);
        assert_loudness(&stereo(20.0, -33.0, rate), rate, -33.0);
    }
}

#[test]
fn what_is_much_softer_does_not_count() {
    let parts = |levels: &[(f64, f64)]| -> Vec<f32> {
        levels.iter().flat_map(|&(seconds, level)| stereo(seconds, level, 48_000)).collect()
    };
    assert_loudness(&parts(&[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)]), 48_000, -23.0);
    let steps = [(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)];
    assert_loudness(&parts(&steps), 48_000, -23.0);
    assert_loudness(&parts(&[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)]), 48_000, -23.0);
}

#[test]
fn low_tones_are_softer_and_high_ones_louder() {
    let loudness = |hertz| {
        let tone = tone(48_000 * 2, hertz, 48_000.0);
        Loudness::of(&tone, 1, 48_000).unwrap().integrated.unwrap()
    };
    // The standard's filters in decibels at these frequencies, by its own coefficients.
    let middle = loudness(1000.0);
    for (hertz, expected) in [(50.0, -4.632), (200.0, -0.963), (4000.0, 3.270)] {
        let found = loudness(hertz) - middle;
        assert!((found - expected).abs() < 0.02, "{hertz} Hz: {found} instead of {expected}");
    }
}

#[test]
fn silence_and_what_is_short_has_no_loudness() {
    let silent = Loudness::of(&[0.0; 96_000], 2, 48_000).unwrap();
    let nothing = Loudness {
        integrated: None,
        momentary: None,
        short_term: None,
        range: None,
        peak: 0.0,
        true_peak: 0.0,
    };
    assert_eq!(silent, nothing);
    assert_eq!(silent.gain(-23.0), 1.0);
    let short = Loudness::of(&noise(1000, 1), 1, 48_000).unwrap();
    assert!(short.integrated.is_none() && short.peak > 0.4);
    let bad = Loudness::of(&[f32::NAN; 48_000], 1, 48_000).unwrap();
    assert!(bad.integrated.is_none());
    assert!(Meter::new(0, 48_000).is_err() && Meter::new(7, 48_000).is_err() && Meter::new(1, 9).is_err());
}

#[test]
fn the_gain_brings_sound_to_its_target() {
    let mut sound = stereo(3.0, -30.0, 48_000);
    let gain = Loudness::of(&sound, 2, 48_000).unwrap().gain(-16.0);
    sound.iter_mut().for_each(|sample| *sample *= gain);
    assert_loudness(&sound, 48_000, -16.0);
}

#[test]
fn pieces_are_as_loud_as_the_whole() {
    let sound = noise(100_001, 2);
    let mut meter = Meter::new(2, 44_100).unwrap();
    sound.chunks(333).for_each(|piece| meter.push(piece));
    assert_eq!(meter.loudness(), Loudness::of(&sound, 2, 44_100).unwrap());
}

#[test]
fn the_range_is_that_of_tech_3342() {
    for (levels, expected) in [
        (&[-20.0, -30.0][..], 10.0),
        (&[-20.0, -15.0], 5.0),
        (&[-40.0, -20.0], 20.0),
        (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
    ] {
        let sound: Vec<f32> = levels.iter().flat_map(|&level| stereo(20.0, level, 48_000)).collect();
        let range = Loudness::of(&sound, 2, 48_000).unwrap().range.unwrap();
        // The standard allows 1 LU; the parts that hold both levels make less of a difference.
        assert!((range - expected).abs() < 0.1, "{range} LU instead of {expected}");
    }
}

#[test]
fn the_range_leaves_out_a_tenth_below_and_a_twentieth_above() {
    let sound: Vec<f32> = (0..20).flat_map(|at| stereo(10.0, -40.0 + f64::from(at), 8000)).collect();
    let loudness = Loudness::of(&sound, 2, 8000).unwrap();
    // A part begins each second: 8 are of one level, then 2 of that and the next. Of these 198, sorted, number 20 of 197 is
    // the first of the third level, and number 187 is of the nineteenth.
    let range = loudness.range.unwrap();
    assert!((range - 16.0).abs() < 0.01, "{range}");
    let loudest = loudness.short_term.unwrap();
    assert!(
        (loudest + 21.0).abs() < 0.3 && (loudness.momentary.unwrap() - loudest).abs() < 0.01,
        "{loudest}"
    );
}

#[test]
fn peaks_between_samples_are_found() {
    use std::f64::consts::TAU;
    // The cases 15 to 19 of EBU Tech 3341: a part of the rate, a phase in degrees, an amplitude.
    for (part, phase, amplitude) in
        [(4.0, 0.0, 0.5), (4.0, 45.0, 0.5), (6.0, 60.0, 0.5), (8.0, 67.5, 0.5), (4.0, 45.0, 1.41)]
    {
        let angle = |at: usize| TAU * (at as f64 / part + phase / 360.0);
        // Without a jump at its ends.
        let fade = |at: usize| (at.min(4799 - at) as f64 / 500.0).min(1.0);
        let sound: Vec<f32> = (0..4800).map(|at| (amplitude * fade(at) * angle(at).sin()) as f32).collect();
        let found = Loudness::of(&sound, 1, 48_000).unwrap();
        let decibels = 20.0 * (f64::from(found.true_peak) / amplitude).log10();
        assert!((-0.4..=0.2).contains(&decibels), "a {part}th at {phase}: {decibels} dB");
        assert!(found.true_peak >= found.peak);
    }
}

#[test]
fn a_peak_at_the_very_end_and_on_any_channel_is_found() {
    let mut sound = vec![0.0; 2 * 1000];
    // Between two equal samples with nothing around there is more: the sum of the filter's two largest numbers.
    (sound[1997], sound[1999]) = (0.5, 0.5);
    let found = Loudness::of(&sound, 2, 48_000).unwrap();
    assert!((found.true_peak - 0.5 * (0.779_785 + 0.465_088)).abs() < 1e-4, "{}", found.true_peak);
    assert_eq!(found.peak, 0.5);
}

#[test]
fn a_recording_has_the_same_peaks_backwards() {
    for seed in 0..8 {
        let mut sound = noise(200, seed);
        let peak = |sound: &[f32]| Loudness::of(sound, 1, 48_000).unwrap().true_peak;
        let forwards = peak(&sound);
        sound.reverse();
        assert!((peak(&sound) - forwards).abs() < 1e-6 && forwards > 0.5, "{forwards}");
    }
}
