//! Pictures by a formula, and numbers by a sum over them: those of `xtask/golden/pictures.py`.

use mlx_image::{Image, Size};
use serde_json::Value;

/// How far numbers may be from those of the reference, whose steps are rounded otherwise.
const CLOSE: f32 = 1e-6;

/// Waves that differ in each channel.
pub(crate) fn picture(size: Size, seed: usize) -> Image {
    let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
    let wave = |(y, x)| (7 * y * y + 3 * x * x + 5 * x * y + 31 * x + 17 * y + 40 * seed) / 4;
    let pixels = rows.flat_map(|at| [0, 85, 170].map(|channel| (wave(at) + channel) as u8));
    Image::new(size, pixels.collect()).unwrap()
}

/// The size `[height, width]` of a case.
pub(crate) fn size(case: &Value, name: &str) -> Size {
    let [height, width] = serde_json::from_value(case[name].clone()).unwrap();
    Size { height, width }
}

/// Stops the test unless numbers are those of a case.
#[track_caller]
pub(crate) fn assert_numbers(case: &Value, values: &[f32]) {
    assert_eq!(case["count"], values.len(), "{case}");
    for (at, expected) in case["some"].as_array().unwrap().iter().enumerate() {
        let (found, expected) = (values[values.len() * at / 8 + at], expected.as_f64().unwrap() as f32);
        assert!(
            (found - expected).abs() <= CLOSE * expected.abs().max(1.0),
            "{found}, not {expected}: {case}"
        );
    }
    let scale = case["scale"].as_f64().unwrap();
    let add = |(sum, weight): (u64, u64), value: &f32| {
        let rounded = (f64::from(*value) * scale).round_ties_even() as i64 as u64;
        (sum.wrapping_add(rounded.wrapping_mul(weight)), weight.wrapping_add(6_364_136_223_846_793_005))
    };
    let (sum, _) = values.iter().fold((0, 1_442_695_040_888_963_407), add);
    assert_eq!(case["sum"], format!("{sum:016x}"), "{case}");
}

/// The sizes of images that a case plans, and what it says first of each: a size, 0 x 0 where it refuses.
pub(crate) fn plans(case: &Value) -> impl Iterator<Item = [Size; 2]> {
    let plans: Vec<Vec<usize>> = serde_json::from_value(case["plans"].clone()).unwrap();
    let size = |numbers: &[usize]| match numbers {
        &[height, width, ..] => Size { height, width },
        _ => Size::square(0),
    };
    plans.into_iter().map(move |plan| [size(&plan), size(&plan[2..])])
}
