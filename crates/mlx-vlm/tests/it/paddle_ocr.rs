//! PaddleOCR-VL against transformers.

use std::time::Duration;

use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Turn, Video};

use crate::conversations::{Family, picture};

#[test]
fn paddle_ocr_vl_sees_what_transformers_sees() {
    Family::open("paddleocr-vl").check();
}

#[test]
fn paddle_ocr_vl_says_that_it_takes_no_videos() {
    let video = Video { frames: vec![picture(Size::square(32), 0)], interval: Duration::from_secs(1) };
    let error = Family::open("paddleocr-vl").model.chat(&[Turn::user("Read.").with(video)]).unwrap_err();
    assert!(error.to_string().contains("takes no videos"), "{error}");
}
