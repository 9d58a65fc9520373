//! Kaldi's filter banks, cepstral coefficients and pre-emphasis are those of torchaudio and librosa.

use mlx_audio::dsp::{Fbank, FbankOptions, MelOptions, Mfcc, MfccOptions, Padding, Window, preemphasize};

use crate::sounds::{assert_near, golden};

#[test]
fn filter_banks_are_those_of_torchaudio() {
    let golden = golden("features");
    let sound = golden.f32("sound");
    let options = FbankOptions::new(16_000, 24);
    let hamming =
        FbankOptions { window: Window::Hamming, f_max: Some(7600.0), scale: 32_768.0, ..options.clone() };
    let edges = FbankOptions { snip_edges: false, preemphasis: 0.9, ..options.clone() };
    let linear = FbankOptions { power: false, logarithm: false, frame_ms: 20.0, ..options.clone() };
    for (name, options) in
        [("fbank", options), ("fbank.hamming", hamming), ("fbank.edges", edges), ("fbank.linear", linear)]
    {
        let fbank = Fbank::new(options).unwrap();
        assert_eq!(golden.shape(name), [fbank.count(sound.len()), 24]);
        assert_near(&fbank.frames(&sound), &golden.f32(name), 1e-4);
        for length in [0, 1, 399] {
            assert_eq!(fbank.frames(&sound[..length]).len(), 24 * fbank.count(length));
        }
    }
}

#[test]
fn cepstral_coefficients_are_those_of_librosa() {
    let golden = golden("features");
    let sound = golden.f32("sound");
    let options = MfccOptions::new(16_000);
    let mel = MelOptions::slaney(16_000, 400, 40);
    let narrow = MfccOptions { coefficients: 13, hop: 160, mel, ..options.clone() };
    for (name, options) in [("mfcc", options), ("mfcc.narrow", narrow)] {
        let found = Mfcc::new(&options).unwrap().frames(&sound);
        // These are sums of decibels, up to hundreds.
        assert_near(&found, &golden.f32(name), 1e-3);
    }
}

#[test]
fn the_range_of_coefficients_is_an_option() {
    let sound: Vec<f32> = golden("features").f32("sound");
    let mel = MelOptions::slaney(16_000, 400, 40);
    let options = MfccOptions { hop: 160, mel, ..MfccOptions::new(16_000) };
    let limited = Mfcc::new(&options).unwrap().frames(&sound);
    let whole = Mfcc::new(&MfccOptions { range_db: None, ..options.clone() }).unwrap().frames(&sound);
    assert_ne!(limited, whole);
    let reflected = MfccOptions { padding: Padding::Reflect, ..options.clone() };
    assert_ne!(Mfcc::new(&reflected).unwrap().frames(&sound), limited);
    assert!(Mfcc::new(&MfccOptions { coefficients: 41, ..options.clone() }).is_err());
    assert!(Mfcc::new(&MfccOptions { coefficients: 0, ..options }).is_err());
}

#[test]
fn preemphasis_is_that_of_torchaudio() {
    let golden = golden("features");
    let mut sound = golden.f32("sound")[..500].to_vec();
    preemphasize(&mut sound, 0.97);
    assert_near(&sound, &golden.f32("preemphasis"), 1e-6);
}

#[test]
fn front_ends_that_cannot_be_are_refused() {
    let options = FbankOptions::new(16_000, 24);
    for wrong in [
        FbankOptions { frame_ms: 0.0, ..options.clone() },
        FbankOptions { frame_ms: f64::NAN, ..options.clone() },
        FbankOptions { frame_ms: 1e9, ..options.clone() },
        FbankOptions { hop_ms: 0.0, ..options.clone() },
        FbankOptions { mels: 0, ..options.clone() },
        FbankOptions { f_min: 9000.0, ..options.clone() },
    ] {
        assert!(Fbank::new(wrong.clone()).is_err(), "{wrong:?}");
    }
}
