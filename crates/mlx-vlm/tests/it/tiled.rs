//! Families that see images as tiles, against transformers.

use crate::conversations::Family;

#[test]
fn pixtral_sees_what_transformers_sees() {
    Family::open("pixtral").check();
}

#[test]
fn mistral3_sees_what_transformers_sees() {
    Family::open("mistral3").check();
}

#[test]
fn internvl_sees_what_transformers_sees() {
    Family::open("internvl").check();
}

#[test]
fn the_larger_tower_of_internvl_sees_what_transformers_sees() {
    Family::open("internvl-6b").check();
}

#[test]
fn llava_sees_what_transformers_sees() {
    Family::open("llava").check();
}

#[test]
fn llava_next_sees_what_transformers_sees() {
    Family::open("llava-next").check();
}

#[test]
fn llava_onevision_sees_what_transformers_sees() {
    Family::open("llava-onevision").check();
}

#[test]
fn fast_vlm_sees_what_transformers_sees() {
    Family::open("fast-vlm").check();
}

#[test]
fn idefics3_sees_what_transformers_sees() {
    Family::open("idefics3").check();
}

#[test]
fn smolvlm_sees_what_transformers_sees() {
    Family::open("smolvlm").check();
}

#[test]
fn lfm2_vl_sees_what_transformers_sees() {
    Family::open("lfm2-vl").check();
}
