//! GGUF files of families that differ from Llama.

use mlx_hub::gguf::Gguf;
use serde_json::json;

use crate::gguf_file::GgufFile;

fn metadata(architecture: &str) -> GgufFile {
    let key = |suffix| format!("{architecture}.{suffix}");
    GgufFile::new()
        .text("general.architecture", architecture)
        .u32(&key("block_count"), 1)
        .u32(&key("context_length"), 64)
        .u32(&key("embedding_length"), 8)
        .u32(&key("feed_forward_length"), 4)
        .u32(&key("attention.head_count"), 1)
        .u32(&key("attention.sliding_window"), 16)
        .f32(&key("attention.layer_norm_rms_epsilon"), 1e-5)
        .f32_tensor("token_embd.weight", &[8, 3], &[0.0; 24])
}

fn open(file: &GgufFile) -> Gguf {
    Gguf::open(file.write().path()).unwrap()
}

#[test]
fn gemma_norms_lose_the_one_that_the_file_adds() {
    let file = metadata("gemma3")
        .u32("gemma3.attention.key_length", 4)
        .f32_tensor("blk.0.post_ffw_norm.weight", &[8], &[1.5; 8])
        .f32_tensor("blk.0.ffn_norm.weight", &[8], &[0.25; 8]);
    let gguf = open(&file);
    let name = |part| format!("model.layers.0.{part}.weight");
    let norm = |part| gguf.load(&name(part)).unwrap().to_f32();
    assert_eq!(norm("post_feedforward_layernorm"), [0.5; 8]);
    assert_eq!(norm("pre_feedforward_layernorm"), [-0.75; 8]);
    let config = gguf.config().unwrap();
    assert_eq!((&config["model_type"], &config["sliding_window"]), (&json!("gemma3_text"), &json!(16)));
    assert_eq!(config["query_pre_attn_scalar"], 4);
    assert_eq!(config["hidden_act"], "gelu_pytorch_tanh");
}

#[test]
fn gemma_2_has_its_caps() {
    let file = metadata("gemma2")
        .f32("gemma2.attn_logit_softcapping", 50.0)
        .f32("gemma2.final_logit_softcapping", 30.0);
    let config = open(&file).config().unwrap();
    assert_eq!(config["attn_logit_softcapping"], 50.0);
    assert_eq!(config["final_logit_softcapping"], 30.0);
    assert_eq!(config["query_pre_attn_scalar"], 8);
}

#[test]
fn phi_factors_are_a_setting_and_its_heads_turn_in_part() {
    let file = metadata("phi3")
        .u32("phi3.rope.dimension_count", 4)
        .u32("phi3.rope.scaling.original_context_length", 32)
        .f32_tensor("rope_factors_long.weight", &[2], &[1.0, 2.0])
        .f32_tensor("rope_factors_short.weight", &[2], &[1.0, 1.5])
        .f32_tensor("blk.0.attn_qkv.weight", &[8, 24], &[0.0; 192])
        .f32_tensor("blk.0.ffn_up.weight", &[8, 8], &[0.0; 64]);
    let gguf = open(&file);
    let config = gguf.config().unwrap();
    assert_eq!((&config["head_dim"], &config["partial_rotary_factor"]), (&json!(8), &json!(0.5)));
    assert_eq!(config["rope_scaling"]["long_factor"], json!([1.0, 2.0]));
    assert_eq!(config["rope_scaling"]["original_max_position_embeddings"], 32);
    let names: Vec<_> = gguf.tensors().collect();
    let expected = [
        "model.embed_tokens.weight",
        "model.layers.0.mlp.gate_up_proj.weight",
        "model.layers.0.self_attn.qkv_proj.weight",
    ];
    assert_eq!(names, expected);
}
