//! Animations, frame by frame as Pillow shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use mlx_image::{Frames, Image, Opening};
use mlx_testkit::Golden;

use crate::fixture::{difference, golden, image};

fn durations() -> BTreeMap<String, Vec<u64>> {
    serde_json::from_slice(&std::fs::read(golden("animations/durations.json")).unwrap()).unwrap()
}

#[test]
fn every_frame_is_what_pillow_shows() {
    let expected = Golden::open(golden("animations/expected.safetensors"));
    let durations = durations();
    assert!(durations.len() >= 17);
    let mut wrong = Vec::new();
    for (name, durations) in &durations {
        let path = golden("animations").join(name);
        let frames = Frames::open(&path, &Opening::default()).unwrap();
        assert_eq!(frames.total(), durations.len(), "{name}");
        let mut count = 0;
        for frame in frames {
            let frame = frame.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(frame.index, count);
            let expected = image(&expected, &format!("{name}.{count}"));
            let difference = difference(&frame.image, &expected);
            if difference != Some(0) {
                wrong.push(format!("{name} {count}: {difference:?} {:?} {expected:?}", frame.image));
            }
            if count == 0 && Image::open(&path).unwrap() != frame.image {
                wrong.push(format!("{name}: the image is not the first frame"));
            }
            count += 1;
        }
        assert_eq!(count, durations.len(), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn frames_begin_when_those_before_them_end() {
    for (name, durations) in durations() {
        let frames = Frames::open(golden("animations").join(&name), &Opening::default()).unwrap();
        let total = Duration::from_millis(durations.iter().sum());
        if total.is_zero() {
            assert!((frames.rate() - Frames::ASSUMED_RATE).abs() < 1e-6, "{name}: {}", frames.rate());
            continue;
        }
        assert_eq!(frames.length(), total, "{name}");
        let mut start = 0;
        for (frame, duration) in frames.zip(durations) {
            assert_eq!(frame.unwrap().start, Duration::from_millis(start), "{name}");
            start += duration;
        }
    }
}
