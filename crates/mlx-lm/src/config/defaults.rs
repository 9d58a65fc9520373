//! What a family's configs leave out, as transformers and mlx-lm fill it in.

use serde_json::{Map, Value, json};

/// The values of fields that a config of `model_type` need not have.
pub(super) fn of(model_type: &str) -> Map<String, Value> {
    let defaults = match model_type {
        "qwen2" => json!({"rope_theta": 1e6, "max_position_embeddings": 32768}),
        "phi3" => json!({"max_position_embeddings": 131_072, "original_max_position_embeddings": 4096}),
        "glm4" => json!({"max_position_embeddings": 32768, "rope_traditional": true}),
        "lfm2" => json!({"rope_theta": 1e6, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}),
        "moondream2" => json!({
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "vocab_size": 51200,
            "max_position_embeddings": 2048,
            "partial_rotary_factor": 0.5,
            "rms_norm_eps": 1e-5,
            "eos_token_id": 0,
        }),
        "moondream3" => json!({
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "vocab_size": 51200,
            "max_position_embeddings": 4096,
            "rope_theta": 1.5e6,
            "partial_rotary_factor": 0.5,
            "rms_norm_eps": 1e-5,
            "num_experts": 64,
            "num_experts_per_tok": 8,
            "moe_intermediate_size": 1024,
            "moe_start_layer": 4,
            "eos_token_id": 0,
        }),
        "qwen3_5_text" => json!({"rope_theta": 1e5, "partial_rotary_factor": 0.25}),
        family if family.starts_with("gemma") => gemma(family),
        family => mixture(family),
    };
    match defaults {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The values of fields that a decoder need not have within a larger model, where they are others than by itself.
pub(super) fn within(model_type: &str) -> Map<String, Value> {
    let defaults = match model_type {
        "glm4v_moe_text" => json!({"attention_bias": true, "partial_rotary_factor": 0.5}),
        "glm4v_text" => json!({"attention_bias": true}),
        "paddleocr_vl_text" => json!({"rope_theta": 5e5}),
        "qwen3_vl_moe_text" => json!({"norm_topk_prob": true, "rope_theta": 5e5}),
        "qwen3_vl_text" => json!({"rope_theta": 5e5}),
        _ => Value::Null,
    };
    match defaults {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The sizes of a decoder within a larger model, whose config leaves out what is as transformers has it.
pub(super) fn sizes_within(model_type: &str) -> Map<String, Value> {
    let defaults = match model_type {
        "llama" => json!({"intermediate_size": 11008, "rms_norm_eps": 1e-6, "max_position_embeddings": 2048}),
        "mistral" => json!({
            "intermediate_size": 14336,
            "num_key_value_heads": 8,
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 131_072,
        }),
        _ => Value::Null,
    };
    let Value::Object(mut fields) = defaults else { return Map::new() };
    for (name, value) in
        [("hidden_size", 4096), ("num_attention_heads", 32), ("num_hidden_layers", 32), ("vocab_size", 32000)]
    {
        fields.insert(name.to_owned(), value.into());
    }
    fields
}

/// Those of a Gemma.
fn gemma(model_type: &str) -> Value {
    match model_type {
        "gemma" => json!({"hidden_act": "gelu_pytorch_tanh", "head_dim": 256, "rms_norm_eps": 1e-6}),
        "gemma2" => json!({
            "hidden_act": "gelu_pytorch_tanh",
            "num_attention_heads": 8,
            "head_dim": 256,
            "rms_norm_eps": 1e-6,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            "query_pre_attn_scalar": 144.0,
        }),
        "gemma3_text" => json!({
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": 1152,
            "intermediate_size": 6912,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "vocab_size": 262_208,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "rope_local_base_freq": 1e4,
            "query_pre_attn_scalar": 256.0,
            "sliding_window": 512,
            "sliding_window_pattern": 6,
            "max_position_embeddings": 32768,
        }),
        "gemma3n_text" => json!({
            "hidden_act": "gelu_pytorch_tanh",
            "rope_theta": 1e6,
            "rope_local_base_freq": 1e4,
        }),
        "gemma4_text" | "gemma4_unified_text" => json!({
            "hidden_act": "gelu_pytorch_tanh",
            "global_head_dim": 512,
            "hidden_size_per_layer_input": 256,
        }),
        _ => Value::Null,
    }
}

/// Those of families with experts.
fn mixture(model_type: &str) -> Value {
    match model_type {
        "deepseek_v2" => json!({"rms_norm_eps": 1e-6, "rope_theta": 1e4}),
        "deepseek_v3" | "kimi_k2" | "joyai_llm_flash" => json!({
            "rope_interleave": true,
            "kv_lora_rank": 512,
            "q_lora_rank": 1536,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "v_head_dim": 128,
        }),
        "gpt_oss" => json!({
            "attention_bias": true,
            "head_dim": 64,
            "rope_theta": 150_000.0,
            "sliding_window": 128,
            "swiglu_limit": 7.0,
        }),
        "mixtral" => {
            json!({"rope_theta": 1e6, "num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2})
        }
        "qwen2_moe" => json!({"rope_theta": 1e6}),
        // None of its layers is dense, so that the width of those is not used.
        "qwen3_5_moe_text" => {
            json!({"rope_theta": 1e5, "partial_rotary_factor": 0.25, "intermediate_size": 1})
        }
        _ => Value::Null,
    }
}

/// The decoder's type in a model of `whole`, whose `text_config` does not say it.
pub(super) fn part_of(whole: &str) -> &str {
    match whole {
        "deepseek_vl_v2" | "deepseekocr" => "deepseek_v2",
        "gemma3" => "gemma3_text",
        "gemma3n" => "gemma3n_text",
        "gemma4" | "gemma4_unified" => "gemma4_text",
        "glm46v" | "glm4v" => "glm4v_text",
        "glm4v_moe" => "glm4v_moe_text",
        "glm_ocr" => "glm_ocr_text",
        "idefics3" | "llava_next" | "smolvlm" => "llama",
        "fast_vlm" | "internvl" | "llava_onevision" | "llava_qwen2" => "qwen2",
        "kimi_k25" => "kimi_k2",
        "lfm2_vl" => "lfm2",
        "minicpmv4_6" => "qwen3_5_text",
        "mistral3" | "llava" => "mistral",
        "moondream1" => "moondream2",
        "paddleocr_vl" => "paddleocr_vl_text",
        "paligemma" => "gemma",
        "phi3_v" => "phi3",
        "qwen2_vl" | "qwen2_5_vl" => "qwen2",
        "qwen3_vl" => "qwen3_vl_text",
        "qwen3_vl_moe" => "qwen3_vl_moe_text",
        "qwen3_5" => "qwen3_5_text",
        "qwen3_5_moe" => "qwen3_5_moe_text",
        _ => whole,
    }
}
