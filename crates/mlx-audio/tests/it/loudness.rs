//! Loudness by the cases of EBU Tech 3341 and by ffmpeg.

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
    assert_eq!(silent, Loudness { integrated: None, momentary: None, peak: 0.0 });
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
