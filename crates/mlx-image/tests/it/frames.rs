//! Frames in order: of folders, and only those that are wanted.

use std::fs;
use std::time::Duration;

use mlx_image::{Frames, Image, Opening, Sampling, Size, Spread};
use mlx_testkit::cases;

use crate::fixture::{bmp, golden};

fn pixel(level: u8) -> Vec<u8> {
    bmp(Size::square(1), level)
}

fn level(image: &Image) -> u8 {
    assert_eq!(image.size(), Size::square(1));
    image.pixels()[0]
}

#[test]
fn a_folder_is_read_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    for (name, level) in [("10.bmp", 10), ("9.BMP", 9), ("1.bmp", 1), ("text.txt", 0), (".2.bmp", 2)] {
        fs::write(folder.path().join(name), pixel(level)).unwrap();
    }
    fs::create_dir(folder.path().join("3.png")).unwrap();
    let open = || Frames::open(folder.path(), &Opening::default()).unwrap();
    let levels = open().map(|frame| level(&frame.unwrap().image)).collect::<Vec<_>>();
    assert_eq!(levels, [1, 9, 10]);
    let starts = open().with_rate(2.0).unwrap().map(|frame| frame.unwrap().start);
    assert_eq!(starts.collect::<Vec<_>>(), [0, 500, 1000].map(Duration::from_millis));
    assert!((open().rate() - 24.0).abs() < 1e-6);
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
        let message = open().with_rate(rate).unwrap_err().to_string();
        assert!(message.ends_with(&format!("its frames cannot be shown at {rate} a second")), "{message}");
    }
}

#[test]
fn a_folder_without_images_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let message = Frames::open(folder.path(), &Opening::default()).unwrap_err().to_string();
    assert_eq!(message, format!("{}: is a folder without images", folder.path().display()));
}

#[test]
fn a_damaged_image_of_a_folder_is_named_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("1.bmp", pixel(1)), ("2.bmp", pixel(2)[..40].to_vec()), ("3.bmp", pixel(3))] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut frames = Frames::open(folder.path(), &Opening::default()).unwrap();
    assert!(frames.next().unwrap().is_ok());
    let message = frames.next().unwrap().unwrap_err().to_string();
    assert!(message.contains("2.bmp: "), "{message}");
    assert!(frames.next().is_none());
    // What is not wanted is not read.
    let frames = Frames::open(folder.path(), &Opening::default()).unwrap().pick(vec![0, 2]).unwrap();
    assert_eq!(frames.map(|frame| level(&frame.unwrap().image)).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn frames_are_picked_in_order_and_as_often_as_they_are_named() {
    let open = || Frames::open(golden("animations/removal-2-clear.gif"), &Opening::default()).unwrap();
    let all = open().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(all.len(), 6);
    let picked = open().pick(vec![1, 1, 4, 4, 4, 5]).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(picked, [1, 1, 4, 4, 4, 5].map(|at: usize| all[at].clone()));
    assert_eq!(open().pick(vec![]).unwrap().count(), 0);
    for indices in [vec![6], vec![2, 1]] {
        let message = open().pick(indices).unwrap_err().to_string();
        assert!(message.ends_with("its frames are picked in order, from 0 to 5"), "{message}");
    }
    let mut begun = open();
    begun.next();
    let message = begun.pick(vec![0]).unwrap_err().to_string();
    assert!(message.ends_with("from 1 to 5"), "{message}");
}

#[test]
fn one_image_is_one_frame() {
    let frames = Frames::open(golden("decode/rgb.png"), &Opening::default()).unwrap();
    let all = frames.map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].image, Image::open(golden("decode/rgb.png")).unwrap());
}

#[test]
fn the_frames_are_those_that_transformers_takes() {
    let cases = cases(golden("sampling.json"));
    assert!(cases.len() > 80);
    for case in cases {
        let (total, rate) = (case["total"].as_u64().unwrap() as usize, case["rate"].as_f64().unwrap());
        let expected =
            case["indices"].as_array().unwrap().iter().map(|index| index.as_u64().unwrap() as usize);
        let plain = Sampling {
            at_least: 1,
            at_most: usize::MAX,
            multiple: 1,
            spread: Spread::Starts,
            ..Sampling::default()
        };
        let kind = match case["kind"].as_str().unwrap() {
            "qwen2" => Sampling { at_most: 96, spread: Spread::Starts, ..Sampling::default() },
            "qwen3" => Sampling { at_most: 96, multiple: 1, ..Sampling::default() },
            _ => plain,
        };
        let fps = case["fps"].as_f64().unwrap_or_default();
        let sampling = Sampling { fps, count: case["count"].as_u64().map(|count| count as usize), ..kind };
        assert_eq!(sampling.indices(total, rate).unwrap(), expected.collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn what_cannot_be_sampled_says_why() {
    let message = |sampling: Sampling, total| sampling.indices(total, 10.0).unwrap_err();
    assert_eq!(
        message(Sampling::count(9), 7),
        "8 frames were to be taken of its 7: take another number, or a multiple of 1"
    );
    assert!(message(Sampling::default(), 1).starts_with("0 frames were to be taken of its 1"));
    for fps in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(message(Sampling::fps(fps), 5), format!("{fps} frames a second cannot be taken"));
    }
    // A rate beyond all numbers takes all frames.
    assert_eq!(Sampling::fps(1e300).indices(5, 10.0).unwrap(), [0, 1, 3, 4]);
    let frames = Frames::open(golden("decode/rgb.png"), &Opening::default()).unwrap();
    let message = frames.sample(&Sampling::fps(2.0)).unwrap_err().to_string();
    assert!(message.contains("rgb.png: 0 frames were to be taken of its 1"), "{message}");
}

#[cfg(not(feature = "video"))]
#[test]
fn a_video_without_its_feature_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mov");
    fs::write(&path, b"\0\0\0\x14ftypqt  \0\0\0\0qt  ").unwrap();
    let message = Frames::open(&path, &Opening::default()).unwrap_err().to_string();
    assert!(
        message.ends_with("(feature `video` of mlx-image): extract its frames into a folder"),
        "{message}"
    );
}
