//! Colours by an ICC profile to those of sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, ToneReprCurve, TransformOptions};

use super::samples::{Channels, Samples};

/// The samples in sRGB.
///
/// # Errors
/// The profile cannot be read, or is for other channels than the samples have.
pub(super) fn to_srgb(samples: Samples, icc: &[u8]) -> Result<Samples, String> {
    let profile = ColorProfile::new_from_slice(icc).map_err(|error| error.to_string())?;
    let srgb = ColorProfile::new_srgb();
    if let Some(shaper) = Shaper::of(&profile, &srgb) {
        return shaper.apply(samples);
    }
    let (from, to, channels) = match (samples.channels, profile.color_space) {
        (Channels::Rgb, DataColorSpace::Rgb) => (Layout::Rgb, Layout::Rgb, Channels::Rgb),
        (Channels::Rgba, DataColorSpace::Rgb) => (Layout::Rgba, Layout::Rgba, Channels::Rgba),
        // Four inks are laid out as four channels.
        (Channels::Cmyk, DataColorSpace::Cmyk) => (Layout::Rgba, Layout::Rgb, Channels::Rgb),
        (channels, space) => return Err(format!("is for {space:?}, and the image has {channels:?}")),
    };
    let options = TransformOptions {
        rendering_intent: RenderingIntent::Perceptual,
        allow_use_cicp_transfer: false,
        prefer_fixed_point: false,
        ..TransformOptions::default()
    };
    let transform = profile.create_transform_8bit(from, &srgb, to, options);
    let transform = transform.map_err(|error| error.to_string())?;
    let pixels = samples.values.len() / samples.channels.count();
    let mut values = vec![0; pixels * channels.count()];
    transform.transform(&samples.values, &mut values).map_err(|error| error.to_string())?;
    Ok(Samples { size: samples.size, channels, values })
}

/// A space of gray or of three primaries: each channel through a curve to light, and light through a matrix to that of
/// sRGB.
///
/// It is ours: moxcms takes the red curve for all three, and its power of 0 is not 0.
struct Shaper {
    curves: [Vec<f32>; 3],
    matrix: [[f32; 3]; 3],
    /// The levels of sRGB for light in steps of 1/65535.
    levels: Vec<u8>,
}

impl Shaper {
    /// The conversion of a profile that consists of curves and a matrix only.
    fn of(profile: &ColorProfile, srgb: &ColorProfile) -> Option<Self> {
        if profile.lut_a_to_b_perceptual.is_some() {
            return None;
        }
        let curves = match profile.color_space {
            DataColorSpace::Rgb => [&profile.red_trc, &profile.green_trc, &profile.blue_trc],
            DataColorSpace::Gray => [&profile.gray_trc; 3],
            _ => return None,
        };
        let [Some(red), Some(green), Some(blue)] = curves else { return None };
        let curves = [red, green, blue]
            .map(|curve| (0..=u8::MAX).map(|level| light(curve, f64::from(level) / 255.0) as f32).collect());
        let matrix = match profile.color_space {
            DataColorSpace::Gray => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            _ => profile.transform_matrix(srgb).v.map(|row| row.map(|factor| factor as f32)),
        };
        let levels = (0..=u16::MAX).map(|light| encoded(f32::from(light) / f32::from(u16::MAX))).collect();
        Some(Self { curves, matrix, levels })
    }

    fn apply(&self, samples: Samples) -> Result<Samples, String> {
        // Gray may have the profile of the colours that it was made from.
        let mut samples = match samples.channels {
            Channels::Gray | Channels::GrayAlpha => colored(&samples),
            Channels::Rgb | Channels::Rgba => samples,
            Channels::Cmyk => return Err("is for light, and the image has ink".to_owned()),
        };
        for pixel in samples.values.chunks_exact_mut(samples.channels.count()) {
            let mut light = [0.0; 3];
            for ((light, curve), &level) in light.iter_mut().zip(&self.curves).zip(pixel.iter()) {
                *light = curve.get(usize::from(level)).copied().unwrap_or_default();
            }
            for (level, row) in pixel.iter_mut().zip(&self.matrix) {
                let sum: f32 = row.iter().zip(light).map(|(factor, light)| factor * light).sum();
                let place = (sum * f32::from(u16::MAX)).round() as u16;
                *level = self.levels.get(usize::from(place)).copied().unwrap_or_default();
            }
        }
        Ok(samples)
    }
}

/// The amount of light for a value of a channel (ICC.1:2022, 10.6 and 10.18).
fn light(curve: &ToneReprCurve, value: f64) -> f64 {
    match curve {
        ToneReprCurve::Lut(table) => match table.as_slice() {
            [] => value,
            &[gamma] => value.powf(f64::from(gamma) / 256.0),
            table => {
                let place = value * (table.len() - 1) as f64;
                let at =
                    |place: f64| f64::from(table.get(place as usize).copied().unwrap_or_default()) / 65535.0;
                at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
            }
        },
        ToneReprCurve::Parametric(parameters) => {
            let parameters = parameters.iter().map(|&parameter| f64::from(parameter)).collect::<Vec<_>>();
            let power = |gamma: f64, a: f64, b: f64| (a * value + b).max(0.0).powf(gamma);
            match *parameters.as_slice() {
                [gamma] => value.powf(gamma),
                [gamma, a, b] if a * value + b >= 0.0 => power(gamma, a, b),
                [gamma, a, b, c] if a * value + b >= 0.0 => power(gamma, a, b) + c,
                [_, _, _, c] => c,
                [gamma, a, b, _, d] if value >= d => power(gamma, a, b),
                [_, _, _, c, _] => c * value,
                [gamma, a, b, _, d, e, _] if value >= d => power(gamma, a, b) + e,
                [_, _, _, c, _, _, f] => c * value + f,
                _ => 0.0,
            }
        }
    }
}

/// The level of sRGB for an amount of light (IEC 61966-2-1).
fn encoded(light: f32) -> u8 {
    let value = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (255.0 * value).round() as u8
}

/// Gray as equal channels.
fn colored(samples: &Samples) -> Samples {
    let (channels, values) = match samples.channels {
        Channels::GrayAlpha => {
            let (pixels, _) = samples.values.as_chunks::<2>();
            let pixel = |&[gray, alpha]: &[u8; 2]| [gray, gray, gray, alpha];
            (Channels::Rgba, pixels.iter().flat_map(pixel).collect())
        }
        _ => (Channels::Rgb, samples.values.iter().flat_map(|&gray| [gray; 3]).collect()),
    };
    Samples { size: samples.size, channels, values }
}
