//! Tubelets of images and videos are those of transformers.

use mlx_image::{Image, Size, TubeletProcessor};
use mlx_testkit::cases;
use serde_json::{Value, json};

use crate::fixture::golden;
use crate::picture::{assert_numbers, picture, plans, size};

fn image(fields: Value) -> TubeletProcessor {
    TubeletProcessor::from_json(&fields).unwrap()
}

#[test]
fn every_processor_gives_the_tubelets_of_transformers() {
    let cases = cases(golden("tubelets.json"));
    assert!(cases.len() > 40);
    for case in cases.iter().filter(|case| case.get("plans").is_none()) {
        let size = size(case, "size");
        let tubelets = match case["frames"].as_u64() {
            None => {
                let processor = TubeletProcessor::from_json(&case["config"]).unwrap();
                let tubelets = processor.apply(&picture(size, 0)).unwrap();
                assert_eq!(processor.grid(size).unwrap(), tubelets.grid);
                tubelets
            }
            Some(count) => {
                let processor = TubeletProcessor::video_from_json(&case["config"]).unwrap();
                let frames: Vec<_> = (0..count as usize).map(|seed| picture(size, seed)).collect();
                let tubelets = processor.apply_frames(&frames).unwrap();
                assert_eq!(processor.video_grid(size, frames.len()).unwrap(), tubelets.grid);
                tubelets
            }
        };
        assert_eq!(json!(tubelets.grid.shape), case["grid"], "{case}");
        assert_numbers(case, &tubelets.values);
    }
}

#[test]
fn every_size_is_fitted_or_refused_as_in_transformers() {
    let cases = cases(golden("tubelets.json"));
    let cases = cases.iter().filter(|case| case.get("plans").is_some());
    assert_eq!(cases.clone().count(), 6);
    for case in cases {
        for [source, fitted] in plans(case) {
            let grid = match case["frames"].as_u64() {
                Some(0) => image(case["config"].clone()).grid(source),
                frames => {
                    let processor = TubeletProcessor::video_from_json(&case["config"]).unwrap();
                    processor.video_grid(source, frames.unwrap() as usize)
                }
            };
            let found = grid.as_ref().map_or(Size::square(0), |grid| grid.view.size);
            assert_eq!(found, fitted, "{source}: {}", case["config"]);
            let Ok(grid) = grid else { continue };
            assert_eq!(grid.tokens(), grid.shape[0] * found.height * found.width / (28 * 28));
            let corner = grid.view.to_source(grid.view.at([1.0, 1.0]));
            assert_eq!(corner, [source.width as f64, source.height as f64]);
        }
    }
}

#[test]
fn frames_that_come_one_by_one_give_the_same() {
    let config = json!({"video_processor_type": "Qwen3VLVideoProcessor", "size": {"shortest_edge": 2048, "longest_edge": 9000}});
    let processor = TubeletProcessor::video_from_json(&config).unwrap();
    let source = Size { height: 40, width: 70 };
    let frames: Vec<Image> = (0..3).map(|seed| picture(source, seed)).collect();
    let mut video = processor.video(source, 3).unwrap();
    frames.iter().for_each(|frame| video.push(frame).unwrap());
    let other = video.clone().push(&frames[0]).unwrap_err().to_string();
    assert_eq!(other, "add a frame of to 40 x 70: the video was said to have 3 frames of 40 x 70 pixels");
    assert_eq!(video.finish().unwrap(), processor.apply_frames(&frames).unwrap());
    let few = processor.apply_frames(&frames[..1]).unwrap_err().to_string();
    assert_eq!(few, "cut a video to 40 x 70: 1 frames are fewer than a tubelet has, which is 2");
    assert!(processor.video(source, 4).unwrap().finish().is_err());
    assert!(processor.apply_frames(&[]).is_err());
}

#[test]
fn what_cannot_be_done_says_why() {
    let refused = |fields: Value| {
        let mut config = json!({"image_processor_type": "Qwen2VLImageProcessorFast"});
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = TubeletProcessor::from_json(&config).unwrap_err().to_string();
        refused.strip_prefix("preprocessor_config.json: ").unwrap().to_owned()
    };
    assert_eq!(
        refused(json!({"image_processor_type": "CLIPImageProcessor"})),
        "image_processor_type `CLIPImageProcessor` is not supported (known: Qwen2VLImageProcessor, \
         Glm4vImageProcessor, Glm46VImageProcessor, PaddleOCRVLImageProcessor)"
    );
    assert_eq!(
        refused(json!({"size": {"shortest_edge": 3}})),
        "size has no shortest_edge and longest_edge of 1 or more pixels"
    );
    assert!(refused(json!({"size": {"height": 3}})).starts_with("unknown field `height`"));
    assert_eq!(refused(json!({"merge_size": 0})), "merge_size is 0: it must be between 1 and 65536");
    let kept = image(json!({"image_processor_type": "Qwen2VLImageProcessor", "do_resize": false}));
    let message = kept.apply(&picture(Size { height: 28, width: 30 }, 0)).unwrap_err().to_string();
    assert_eq!(message, "cut an image to 28 x 30: it does not consist of blocks of 28 pixels");
}

#[test]
fn a_folder_says_of_videos_what_it_says_of_images_if_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, value: Value| std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    write(
        "preprocessor_config.json",
        json!({"image_processor_type": "Qwen2VLImageProcessor", "max_pixels": 9000}),
    );
    assert_eq!(TubeletProcessor::from_dir(folder.path()).unwrap().depth(), 2);
    let older = TubeletProcessor::video_from_dir(folder.path()).unwrap();
    let part = json!({"video_processor_type": "Qwen3VLVideoProcessor"});
    write("processor_config.json", json!({"video_processor": part}));
    let newer = TubeletProcessor::video_from_dir(folder.path()).unwrap();
    assert_eq!((older.patch(), newer.patch()), (14, 16));
    write("video_preprocessor_config.json", json!({"video_processor_type": "Glm4vVideoProcessor"}));
    assert_eq!(TubeletProcessor::video_from_dir(folder.path()).unwrap().patch(), 14);
}
