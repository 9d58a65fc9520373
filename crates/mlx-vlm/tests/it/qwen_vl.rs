//! Qwen-VL against transformers.

use crate::conversations::Family;

#[test]
fn qwen2_vl_sees_what_transformers_sees() {
    Family::open("qwen2-vl").check();
}
