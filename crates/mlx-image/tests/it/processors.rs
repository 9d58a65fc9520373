//! What processors make of images is what those of transformers do.

use mlx_image::{PatchProcessor, Processor, Size};
use mlx_testkit::{Golden, cases};
use serde_json::{Value, json};

use crate::fixture::{golden, image};

#[test]
fn every_processor_gives_the_numbers_of_transformers() {
    let golden_file = Golden::open(golden("processors.safetensors"));
    let cases = cases(golden("processors.json"));
    assert_eq!(cases.len(), 33);
    for (at, case) in cases.iter().enumerate() {
        let config = &case["config"];
        let image = image(&golden_file, &format!("image.{}", case["image"]));
        let values = format!("{at}.values");
        let (shape, expected) = (golden_file.shape(&values), golden_file.f32(&values));
        if golden_file.contains(&format!("{at}.mask")) {
            let patches = PatchProcessor::from_json(config).unwrap().apply(&image).unwrap();
            let grid = golden_file.u32(&format!("{at}.grid"));
            assert_eq!([patches.grid.height, patches.grid.width], [grid[0] as usize, grid[1] as usize]);
            let (values, mask) = patches.padded(shape[0]).unwrap();
            let mask: Vec<_> = mask.into_iter().map(u32::from).collect();
            assert_eq!(mask, golden_file.u32(&format!("{at}.mask")), "{case}");
            assert_eq!(values, expected, "{case}");
        } else {
            let pixels = Processor::from_json(config).unwrap().apply(&image).unwrap();
            assert_eq!(pixels.size, Size { height: shape[0], width: shape[1] }, "{case}");
            assert_eq!(pixels.values, expected, "{case}");
        }
    }
}

#[test]
fn a_config_of_either_name_is_found_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, value: Value| std::fs::write(folder.path().join(name), value.to_string()).unwrap();
    let message = Processor::from_dir(folder.path()).unwrap_err().to_string();
    assert!(message.starts_with("preprocessor_config.json: is missing in "), "{message}");
    write(
        "processor_config.json",
        json!({"image_processor": {"image_processor_type": "ViTImageProcessorFast"}}),
    );
    let vit = Processor::from_json(&json!({"image_processor_type": "ViTFeatureExtractor"})).unwrap();
    assert_eq!(Processor::from_dir(folder.path()).unwrap(), vit);
    write("preprocessor_config.json", json!({"image_processor_type": "CLIPImageProcessor", "size": null}));
    let clip = json!({"image_processor_type": "CLIPImageProcessorPil", "size": {"shortest_edge": 224}});
    assert_eq!(Processor::from_dir(folder.path()).unwrap(), Processor::from_json(&clip).unwrap());
    std::fs::write(folder.path().join("preprocessor_config.json"), "{").unwrap();
    assert!(
        Processor::from_dir(folder.path()).unwrap_err().to_string().contains("preprocessor_config.json: EOF")
    );
}

#[test]
fn what_cannot_be_done_says_why() {
    let refused = |fields: Value| {
        let mut config = json!({"image_processor_type": "CLIPImageProcessor"});
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Processor::from_json(&config).unwrap_err().to_string()
    };
    let other = refused(json!({"image_processor_type": "Siglip2ImageProcessor"}));
    assert_eq!(
        other,
        "preprocessor_config.json: image_processor_type `Siglip2ImageProcessor` is not supported \
         (known: CLIPImageProcessor, SiglipImageProcessor, ViTImageProcessor, LlavaImageProcessor, \
         PixtralImageProcessor, FastVLMImageProcessor)"
    );
    for (fields, why) in [
        (json!({"resample": 9}), "resample is 9: it must be between 0 and 5"),
        (
            json!({"size": {"height": 3}}),
            "size has neither height and width nor shortest_edge or longest_edge",
        ),
        (json!({"size": "large"}), "a size is a whole number or an object of whole numbers"),
        (json!({"crop_size": {"shortest_edge": 3}}), "crop_size has no height and width"),
        (json!({"image_std": [1, 0, 1]}), "image_std is 0, which nothing can be divided by"),
        (json!({"image_mean": [1, 2]}), "a mean or deviation is a number or one for each of 3 channels"),
        (json!({"do_pad": true}), "do_pad is not supported"),
    ] {
        assert_eq!(refused(fields), format!("preprocessor_config.json: {why}"));
    }
    let patches = |fields: Value| {
        let mut config = json!({"image_processor_type": "Siglip2ImageProcessor"});
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        PatchProcessor::from_json(&config).map(|processor| (processor.patch(), processor.most()))
    };
    assert_eq!(patches(json!({})).unwrap(), (16, 256));
    let message = patches(json!({"patch_size": 0})).unwrap_err().to_string();
    assert!(message.contains("patch_size is 0: it must be between 1 and"), "{message}");
}
