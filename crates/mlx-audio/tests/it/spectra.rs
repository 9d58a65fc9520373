//! Windows, spectra and filters are those of scipy, librosa and torch.

use mlx_audio::dsp::{Complex32, MelBank, MelOptions, MelScale, Padding, Stft, Window};

use crate::sounds::{assert_near, golden, noise};

/// Real and imaginary parts side by side.
fn pairs(spectra: &[Complex32]) -> Vec<f32> {
    spectra.iter().flat_map(|value| [value.re, value.im]).collect()
}

fn complex(pairs: &[f32]) -> Vec<Complex32> {
    pairs.chunks_exact(2).map(|pair| Complex32::new(pair[0], pair[1])).collect()
}

#[test]
fn windows_are_those_of_scipy() {
    let golden = golden("spectra");
    let windows = [
        ("hann", Window::Hann),
        ("hamming", Window::Hamming),
        ("blackman", Window::Blackman),
        ("bartlett", Window::Bartlett),
    ];
    for (name, window) in windows {
        for length in [10, 11] {
            let expected = golden.f32(&format!("window.{name}.{length}"));
            assert_near(&window.periodic(length), &expected, 1e-6);
            let expected = golden.f32(&format!("window.{name}.{length}.symmetric"));
            assert_near(&window.symmetric(length), &expected, 1e-6);
        }
        assert_near(&window.symmetric(1), &[1.0], 1e-6);
        assert!(window.symmetric(0).is_empty());
    }
    assert_near(&Window::Povey.symmetric(3), &[0.0, 1.0, 0.0], 1e-6);
}

#[test]
fn spectra_are_those_of_librosa() {
    let golden = golden("spectra");
    let sound = &golden.f32("sound")[..600];
    for (n_fft, hop, length, padding) in
        [(64, 16, 64, Padding::Reflect), (60, 25, 40, Padding::Zeros), (63, 20, 63, Padding::Reflect)]
    {
        let stft = Stft::new(n_fft, hop, &Window::Hann.periodic(length), padding).unwrap();
        let spectra = stft.complex(sound);
        assert_near(&pairs(&spectra), &golden.f32(&format!("stft.{n_fft}")), 1e-4);
        assert_eq!(spectra.len(), stft.frames(600) * stft.bins());
        let power: Vec<f32> = spectra.iter().map(|value| value.re * value.re + value.im * value.im).collect();
        assert_near(&stft.power(sound), &power, 0.0);
        let magnitude: Vec<f32> = power.iter().map(|power| power.sqrt()).collect();
        assert_near(&stft.magnitude(sound), &magnitude, 0.0);
    }
    let stft = Stft::new(64, 30, &Window::Hann.periodic(64), Padding::None).unwrap();
    assert_near(&pairs(&stft.complex(sound)), &golden.f32("stft.uncentred"), 1e-4);
}

#[test]
fn spectra_of_no_sound_are_added_up_as_torch_does() {
    let golden = golden("spectra");
    let stft = Stft::new(64, 16, &Window::Hann.periodic(64), Padding::Reflect).unwrap();
    let sound = stft.sound(&complex(&golden.f32("changed")), 600).unwrap();
    assert_near(&sound, &golden.f32("changed.sound"), 1e-4);
}

#[test]
fn sound_comes_back_from_its_spectra() {
    let sound = noise(1000, 5);
    for (n_fft, hop, padding) in [
        (64, 16, Padding::Reflect),
        (63, 31, Padding::Zeros),
        (50, 10, Padding::Zeros),
        (400, 160, Padding::Reflect),
    ] {
        let stft = Stft::new(n_fft, hop, &Window::Hamming.periodic(n_fft), padding).unwrap();
        let back = stft.sound(&stft.complex(&sound), 1000).unwrap();
        let reach = (stft.frames(1000) - 1) * hop;
        assert_near(&back[..reach], &sound[..reach], 1e-5);
        assert_eq!(back.len(), 1000);
    }
    let stft = Stft::new(50, 25, &Window::Rectangular.periodic(50), Padding::None).unwrap();
    assert_near(&stft.sound(&stft.complex(&sound), 1000).unwrap(), &sound, 1e-5);
}

#[test]
fn sound_shorter_than_its_edge_has_spectra() {
    for padding in [Padding::Zeros, Padding::Reflect] {
        let stft = Stft::new(16, 4, &Window::Hann.periodic(16), padding).unwrap();
        for length in [1, 2, 3] {
            assert_eq!(stft.power(&vec![1.0; length]).len(), stft.bins());
        }
        assert!(stft.power(&[]).is_empty());
        // All of the sound is the same, and so is what a mirror shows of it.
        let first = stft.power(&[1.0])[0];
        assert!((first.sqrt() - if padding == Padding::Reflect { 8.0 } else { 1.0 }).abs() < 1e-5, "{first}");
    }
    let stft = Stft::new(16, 4, &Window::Hann.periodic(16), Padding::None).unwrap();
    assert_eq!((stft.frames(15), stft.frames(16), stft.frames(20)), (0, 1, 2));
}

#[test]
fn spectra_that_cannot_be_are_refused() {
    for (n_fft, hop, window) in [(0, 1, 0), (8, 0, 8), (8, 4, 9)] {
        assert!(Stft::new(n_fft, hop, &vec![1.0; window], Padding::None).is_err());
    }
    let stft = Stft::new(8, 4, &[1.0; 8], Padding::None).unwrap();
    let message = stft.sound(&[Complex32::default(); 6], 3).unwrap_err().to_string();
    assert_eq!(message, "the number of values is 6: it must be a multiple of the 5 bins");
}

#[test]
fn filters_are_those_of_librosa() {
    let golden = golden("spectra");
    let slaney = MelOptions::slaney(16_000, 200, 16);
    let narrow = MelOptions { f_min: 80.0, f_max: Some(7600.0), ..MelOptions::slaney(22_050, 256, 20) };
    let even = MelOptions { f_min: 20.0, even: true, ..MelOptions::htk(8000, 128, 12) };
    for (name, options) in [
        ("slaney", slaney),
        ("narrow", narrow),
        ("htk", MelOptions::htk(16_000, 200, 16)),
        ("htk-even", even),
    ] {
        let bank = MelBank::new(&options).unwrap();
        let name = format!("mel.{name}");
        assert_eq!(golden.shape(&name), [bank.mels(), bank.bins()]);
        assert_near(&bank.matrix(), &golden.f32(&name), 1e-7);
        let spectrum = noise(bank.bins(), 6);
        let mut found = vec![0.0; bank.mels()];
        bank.apply(&spectrum, &mut found);
        let row = |row: &[f32]| row.iter().zip(&spectrum).map(|(weight, bin)| weight * bin).sum();
        let expected: Vec<f32> = bank.matrix().chunks_exact(bank.bins()).map(row).collect();
        assert_near(&found, &expected, 1e-6);
    }
}

#[test]
fn filters_that_cannot_be_are_refused() {
    let options = MelOptions::htk(8000, 128, 12);
    for wrong in [
        MelOptions { mels: 0, ..options.clone() },
        MelOptions { n_fft: 0, ..options.clone() },
        MelOptions { rate: 0, ..options.clone() },
        MelOptions { f_min: 4000.0, ..options.clone() },
        MelOptions { f_min: f64::NAN, ..options.clone() },
        MelOptions { f_max: Some(f64::INFINITY), ..options.clone() },
    ] {
        assert!(MelBank::new(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn mels_and_hertz_are_inverse() {
    for scale in [MelScale::Htk, MelScale::Slaney, MelScale::Kaldi] {
        for hertz in [0.0, 20.0, 999.0, 1000.0, 1001.0, 7999.0] {
            assert!((scale.hertz(scale.mels(hertz)) - hertz).abs() < 1e-9);
        }
    }
    assert!((MelScale::Htk.mels(1000.0) - 1000.0).abs() < 0.02);
    assert!((MelScale::Slaney.mels(1000.0) - 15.0).abs() < 1e-12);
}
