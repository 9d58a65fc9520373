//! PaddleOCR-VL against transformers.

use crate::conversations::Family;

#[test]
fn paddle_ocr_vl_sees_what_transformers_sees() {
    Family::open("paddleocr-vl").check();
}
