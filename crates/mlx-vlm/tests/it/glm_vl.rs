//! GLM-4V and GLM-OCR against transformers.

use crate::conversations::Family;

#[test]
fn glm_4v_sees_what_transformers_sees() {
    Family::open("glm4v").check();
}

#[test]
fn glm_4v_with_experts_sees_what_transformers_sees() {
    Family::open("glm4v-moe").check();
}

#[test]
fn glm_ocr_sees_what_transformers_sees() {
    Family::open("glm-ocr").check();
}
