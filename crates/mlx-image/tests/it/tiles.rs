//! Tiles, patches and wholes of images are those of transformers.

use mlx_image::{Image, PatchProcessor, Patches, Pixels, Processor, Result, Size, TileProcessor, Tiles};
use mlx_testkit::{Tolerance, assert_close, cases};
use serde_json::{Value, json};

use crate::fixture::golden;
use crate::picture::{assert_numbers, picture, plans, size};

/// Sizes that are hard to cut.
const HARD: [Size; 4] = [
    Size { height: 1, width: 1 },
    Size { height: 1, width: 20_000 },
    Size { height: 20_000, width: 1 },
    Size { height: 11_000, width: 12_000 },
];

/// The cases that have a field.
fn with(field: &str) -> Vec<Value> {
    let files = ["tiles.json", "parts.json"];
    let cases = files.into_iter().flat_map(|file| cases(golden(file)));
    let cases: Vec<_> = cases.filter(|case| case.get(field).is_some()).collect();
    assert!(cases.len() >= 4, "{field}");
    cases
}

fn processor(case: &Value) -> TileProcessor {
    let config = &case["config"];
    let processor = match config.get("video_processor_type") {
        Some(_) => TileProcessor::video_from_json(config).unwrap(),
        None => TileProcessor::from_json(config).unwrap(),
    };
    match case["cuts"].as_bool() {
        Some(cuts) => processor.cutting(cuts),
        None => processor,
    }
}

/// The tiles of a case, whose layout is what was said before.
fn tiles(case: &Value, image: &Image) -> Tiles {
    let processor = processor(case);
    let tiles = processor.apply(image).unwrap();
    assert_eq!(processor.layout(image.size()).unwrap(), tiles.layout, "{case}");
    let sizes: Vec<_> = tiles.layout.views.iter().map(|view| view.size).collect();
    assert_eq!(sizes, tiles.pixels.iter().map(|tile| tile.size).collect::<Vec<_>>(), "{case}");
    tiles
}

fn numbers(pixels: &[Pixels]) -> Vec<f32> {
    pixels.iter().flat_map(|pixels| pixels.values.iter().copied()).collect()
}

#[test]
fn every_processor_gives_the_tiles_of_the_reference() {
    for case in with("tiles") {
        let tiles = tiles(&case, &picture(size(&case, "size"), 0));
        assert_eq!(case["tiles"], tiles.pixels.len(), "{case}");
        let tile = size(&case, "tile");
        assert!(tiles.pixels.iter().all(|pixels| pixels.size == tile), "{case}");
        if let Some(grid) = case.get("grid") {
            assert_eq!(json!([tiles.layout.grid.height, tiles.layout.grid.width]), *grid, "{case}");
        }
        assert_numbers(&case, &numbers(&tiles.pixels));
    }
}

#[test]
fn tiles_of_some_models_are_patches_of_their_own_shapes() {
    for case in with("patches") {
        let tiles = tiles(&case, &picture(size(&case, "size"), 0));
        let patch = processor(&case).patch().unwrap();
        let patches: Vec<_> = tiles.pixels.iter().map(|tile| Patches::cut(tile, patch).unwrap()).collect();
        let shapes: Vec<_> =
            patches.iter().map(|patches| [patches.grid.height, patches.grid.width]).collect();
        assert_eq!(json!(shapes), case["patches"], "{case}");
        let grid = tiles.layout.grid;
        // An image that is not cut has one tile to LFM2-VL, and none to MiniCPM-V.
        let least = if case["config"]["image_processor_type"] == "Lfm2VlImageProcessor" { 1 } else { 0 };
        assert_eq!(json!([grid.height.max(least), grid.width.max(least)]), case["grid"], "{case}");
        assert_numbers(&case, &patches.into_iter().flat_map(|patches| patches.values).collect::<Vec<_>>());
    }
}

#[test]
fn tiles_of_deepseek_ocr_are_smaller_than_the_whole() {
    for case in with("sizes") {
        let tiles = tiles(&case, &picture(size(&case, "size"), 0));
        let sizes: Vec<_> = tiles.pixels.iter().map(|tile| [tile.size.height, tile.size.width]).collect();
        assert_eq!(json!(sizes), case["sizes"], "{case}");
        assert_eq!(json!([tiles.layout.grid.height, tiles.layout.grid.width]), case["grid"], "{case}");
        assert_numbers(&case, &numbers(&tiles.pixels));
    }
}

#[test]
fn tiles_of_phi_3_are_those_of_its_authors() {
    for case in with("squares") {
        let tiles = tiles(&case, &picture(size(&case, "size"), 0));
        assert_eq!(json!([tiles.layout.grid.height, tiles.layout.grid.width]), case["squares"], "{case}");
        let (whole, rest) = tiles.pixels.split_first().unwrap();
        assert_numbers(&case, &numbers(rest));
        assert_eq!(whole.size, Size::square(336));
        let seen: Vec<f32> = serde_json::from_value(case["seen"].clone()).unwrap();
        let step = case["step"].as_u64().unwrap() as usize;
        let found: Vec<_> = whole.values.iter().step_by(step).copied().collect();
        assert_close(&found, &seen, Tolerance::F32);
    }
}

#[test]
fn every_processor_gives_the_wholes_of_the_reference() {
    for case in with("whole") {
        let source = size(&case, "size");
        let processor = Processor::from_json(&case["config"]).unwrap();
        let pixels = processor.apply(&picture(source, 0)).unwrap();
        assert_eq!(pixels.size, size(&case, "whole"), "{case}");
        assert_eq!(processor.view(source).unwrap().size, pixels.size);
        assert_numbers(&case, &pixels.values);
    }
}

#[test]
fn soft_tokens_of_gemma_4_are_those_of_transformers() {
    for case in with("tokens") {
        let source = size(&case, "size");
        let processor = match case["config"].get("video_processor_type") {
            Some(_) => PatchProcessor::video_from_json(&case["config"]).unwrap(),
            None => PatchProcessor::from_json(&case["config"]).unwrap(),
        };
        let patches = processor.apply(&picture(source, 0)).unwrap();
        assert_eq!(case["tokens"], processor.tokens(source).unwrap(), "{case}");
        assert_eq!(patches.count(), processor.tokens(source).unwrap() * processor.pool() * processor.pool());
        assert_numbers(&case, &patches.values);
    }
}

/// What a processor says of an image: its size or its grid of tiles.
fn planned(config: &Value, source: Size) -> Result<Size> {
    match config["image_processor_type"].as_str().unwrap() {
        "Gemma4ImageProcessor" => Ok(PatchProcessor::from_json(config).unwrap().view(source)?.size),
        "PixtralImageProcessor" => Ok(Processor::from_json(config).unwrap().view(source)?.size),
        _ => Ok(TileProcessor::from_json(config).unwrap().layout(source)?.grid),
    }
}

#[test]
fn every_size_is_cut_or_refused_as_in_transformers() {
    for case in with("plans") {
        let features = case["unpadded"].as_u64();
        for [source, expected] in plans(&case) {
            if let Some(tile) = features {
                let layout = processor(&case).layout(source).unwrap();
                let found = layout.unpadded(tile as usize);
                // Of no rows there are no columns to know.
                let found = if found.height == 0 { Size::square(0) } else { found };
                assert_eq!(found, expected, "{source}: {}", case["config"]);
                continue;
            }
            let found = planned(&case["config"], source).unwrap_or(Size::square(0));
            assert_eq!(found, expected, "{source}: {}", case["config"]);
        }
    }
}

#[test]
fn any_size_has_a_layout_or_one_error() {
    let names = [
        "Gemma3",
        "Idefics3",
        "SmolVLM",
        "Lfm2Vl",
        "LlavaNext",
        "LlavaOnevision",
        "GotOcr2",
        "MiniCPMV",
        "MiniCPMV4_6",
        "Phi3V",
        "Moondream",
        "DeepseekVLV2",
    ];
    for name in names {
        let class = if name == "DeepseekVLV2" { "Processor" } else { "ImageProcessor" };
        let mut config = json!({"processor_class": format!("{name}{class}")});
        if name == "LlavaNext" {
            config["size"] = json!(336);
            config["crop_size"] = json!(336);
        }
        let processor = TileProcessor::from_json(&config).unwrap();
        for (source, cuts) in HARD.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let layout = match processor.clone().cutting(cuts).layout(source) {
                Ok(layout) => layout,
                Err(error) => {
                    assert_eq!(error.to_string().lines().count(), 1);
                    continue;
                }
            };
            assert!(layout.views.len() <= 200, "{name}: {} tiles of {source}", layout.views.len());
            assert!(layout.views.iter().any(mlx_image::View::is_whole), "{name} of {source}: {layout:?}");
            for view in &layout.views {
                let [left, top, right, bottom] = view.box_to_source([0.0, 0.0, f64::MAX, f64::MAX]);
                assert!(0.0 <= left && left <= right && right <= source.width as f64, "{name}: {view:?}");
                assert!(0.0 <= top && top <= bottom && bottom <= source.height as f64, "{name}: {view:?}");
            }
        }
    }
}

#[test]
fn points_in_tiles_lead_to_the_source() {
    let config = json!({"image_processor_type": "LlavaNextImageProcessor", "size": 24, "crop_size": 24,
        "image_grid_pinpoints": [[48, 48]]});
    let layout = TileProcessor::from_json(&config).unwrap().layout(Size { height: 24, width: 48 }).unwrap();
    assert_eq!(layout.grid, Size::square(2));
    // The image is seen in the middle of 48 x 48 pixels, with 12 rows of room above it.
    let [whole, first, .., last] = &layout.views[..] else { panic!("{layout:?}") };
    assert_eq!(whole.to_source([12.0, 12.0]), [24.0, 12.0]);
    assert_eq!((first.to_source([0.0, 0.0]), first.to_source([24.0, 24.0])), ([0.0, 0.0], [24.0, 12.0]));
    assert_eq!(last.box_to_source([0.0, 0.0, 12.0, 6.0]), [24.0, 12.0, 36.0, 18.0]);
    assert_eq!(last.of_source([36.0, 18.0]), [12.0, 6.0]);
    // The same on its side.
    let layout = TileProcessor::from_json(&config).unwrap().layout(Size { height: 48, width: 24 }).unwrap();
    assert_eq!(layout.views[1].to_source([24.0, 24.0]), [12.0, 24.0]);
    assert_eq!(layout.views[4].box_to_source([0.0, 0.0, 6.0, 12.0]), [12.0, 24.0, 18.0, 36.0]);
}

#[test]
fn a_config_that_cannot_be_says_why() {
    let refused = |class: &str, fields: Value| {
        let mut config = json!({"image_processor_type": format!("{class}ImageProcessor")});
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = TileProcessor::from_json(&config).unwrap_err().to_string();
        refused.strip_prefix("preprocessor_config.json: ").unwrap().to_owned()
    };
    for (class, fields, why) in [
        ("Gemma3", json!({"size": {"shortest_edge": 3}}), "size has no height and width"),
        ("Idefics3", json!({"size": {"shortest_edge": 3}}), "size has no longest_edge, or more than that"),
        (
            "GotOcr2",
            json!({"max_patches": 300}),
            "there are 1 tiles at least and 300 at most: these are not up to 256",
        ),
        ("LlavaNext", json!({"crop_size": 3}), "crop_size is not that of size, 224: tiles cannot be cropped"),
        (
            "LlavaNext",
            json!({"image_grid_pinpoints": []}),
            "image_grid_pinpoints are not 1 to 1024 resolutions",
        ),
        (
            "LlavaOnevision",
            json!({"image_grid_pinpoints": [[384, 400]]}),
            "image_grid_pinpoints has 384 x 400, which is not of tiles of 384",
        ),
        ("Lfm2Vl", json!({"tile_size": 40}), "tile_size 40 is not a multiple of encoder_patch_size"),
    ] {
        assert_eq!(refused(class, fields), why);
    }
    let soft = json!({"image_processor_type": "Gemma4ImageProcessor", "max_soft_tokens": 100});
    let message = PatchProcessor::from_json(&soft).unwrap_err().to_string();
    assert!(
        message.ends_with("max_soft_tokens is 100: it must be one of [70, 140, 280, 560, 1120]"),
        "{message}"
    );
}

#[test]
fn images_of_mistral_3_are_whole_blocks_of_patches() {
    let config = json!({"image_processor_type": "PixtralImageProcessor", "size": {"longest_edge": 100}, "patch_size": 8});
    let processor = Processor::from_json(&config).unwrap().in_blocks(16).unwrap();
    assert_eq!(processor.view(Size { height: 50, width: 17 }).unwrap().size, Size { height: 64, width: 32 });
    assert!(Processor::from_json(&config).unwrap().in_blocks(0).is_err());
}

#[test]
fn fast_vlm_makes_images_square_with_black_beside_them() {
    let config = json!({"image_processor_type": "FastVLMImageProcessor", "size": 6, "crop_size": 6});
    let fast = Processor::from_json(&config).unwrap();
    let image = picture(Size { height: 2, width: 6 }, 0);
    let pixels = fast.apply(&image).unwrap();
    let expected = [vec![0; 36], image.pixels().to_vec(), vec![0; 36]].concat();
    let found: Vec<_> = pixels.values.iter().map(|value| (value * 255.0).round() as u8).collect();
    assert_eq!((pixels.size, found), (Size::square(6), expected));
    assert_eq!(fast.view(image.size()).unwrap().to_source([3.0, 3.0]), [3.0, 1.0]);
    let clip = json!({"image_processor_type": "CLIPImageProcessor", "size": 6, "do_center_crop": false,
        "image_mean": [0, 0, 0], "image_std": [1, 1, 1]});
    let squared = Processor::from_json(&clip).unwrap().squaring(true);
    assert_eq!(squared.apply(&image).unwrap(), pixels);
}
