//! Qwen-VL against transformers.

use crate::conversations::Family;

#[test]
fn qwen2_vl_sees_what_transformers_sees() {
    Family::open("qwen2-vl").check();
}

#[test]
fn qwen2_5_vl_sees_windows_and_tells_time_as_transformers() {
    Family::open("qwen2.5-vl").check();
}

#[test]
fn qwen3_vl_sees_what_transformers_sees() {
    Family::open("qwen3-vl").check();
}

#[test]
fn qwen3_vl_with_experts_sees_what_transformers_sees() {
    Family::open("qwen3-vl-moe").check();
}

#[test]
fn qwen3_5_vl_sees_what_transformers_sees() {
    Family::open("qwen3.5-vl").check();
}

#[test]
fn qwen3_5_vl_with_experts_sees_what_transformers_sees() {
    Family::open("qwen3.5-vl-moe").check();
}
