//! Settings that may not be passed over.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Settings that change what a decoder computes, unless they are off.
const CHANGES: &[&str] = &[
    "activation_sparsity_pattern",
    "alibi",
    "altup_num_inputs",
    "attention_bias",
    "attention_chunk_size",
    "attention_factor",
    "attention_k_eq_v",
    "attention_multiplier",
    "attention_out_bias",
    "attn_logit_softcapping",
    "clip_qkv",
    "conv_L_cache",
    "embedding_multiplier",
    "enable_moe_block",
    "final_logit_softcapping",
    "hidden_act",
    "hidden_size_per_layer_input",
    "intermediate_sizes",
    "kv_lora_rank",
    "laurel_rank",
    "layer_types",
    "linear_num_value_heads",
    "llama_4_scaling_beta",
    "lm_head_bias",
    "logit_scale",
    "logits_scaling",
    "long_mscale",
    "mlp_bias",
    "mlp_only_layers",
    "n_routed_experts",
    "n_shared_experts",
    "no_rope_layers",
    "num_experts",
    "num_kv_shared_layers",
    "num_local_experts",
    "partial_rotary_factor",
    "per_layer_config",
    "qk_layernorm",
    "q_lora_rank",
    "qkv_bias",
    "query_pre_attn_scalar",
    "residual_multiplier",
    "rope_interleave",
    "rope_layers",
    "rope_scaling",
    "rope_theta",
    "rope_traditional",
    "routed_scaling_factor",
    "scale_depth",
    "scale_emb",
    "shared_expert_intermediate_size",
    "short_mscale",
    "swiglu_limit",
    "use_bias",
    "use_bidirectional_attention",
    "use_double_wide_mlp",
    "use_parallel_residual",
    "use_qk_norm",
    "use_qkv_bias",
    "use_sliding_window",
];

/// Settings that are off when they are 1.
const FACTORS: &[&str] = &[
    "embedding_multiplier",
    "logit_scale",
    "logits_scaling",
    "partial_rotary_factor",
    "residual_multiplier",
    "routed_scaling_factor",
];

/// The settings that change numbers and are not among those `read`.
pub(super) fn passed_over(fields: &Map<String, Value>, read: &BTreeSet<&str>) -> Vec<&'static str> {
    let on = |name: &&&str| fields.get(**name).is_some_and(|value| !is_off(name, value));
    CHANGES.iter().filter(|name| !read.contains(**name)).filter(on).copied().collect()
}

fn is_off(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => {
            let off = if FACTORS.contains(&name) { 1.0 } else { 0.0 };
            number.as_f64() == Some(off)
        }
        Value::Array(items) => items.iter().all(|item| item == "full_attention"),
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| matches!(name.as_str(), "type" | "rope_type") && value == "default"),
        Value::Bool(true) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(config: &Value) -> Vec<&'static str> {
        passed_over(config.as_object().unwrap(), &BTreeSet::from(["hidden_act"]))
    }

    #[test]
    fn settings_that_are_off_may_be_passed_over() {
        let off = json!({
            "attention_bias": false, "partial_rotary_factor": 1.0, "final_logit_softcapping": 0.0,
            "layer_types": ["full_attention"], "rope_scaling": {"rope_type": "default"}, "hidden_act": "relu",
            "transformers_version": "5.0.0",
        });
        assert!(found(&off).is_empty());
    }

    #[test]
    fn settings_that_are_on_may_not() {
        let on = json!({"logits_scaling": 8.0, "layer_types": ["sliding_attention"], "use_qk_norm": true});
        assert_eq!(found(&on), ["layer_types", "logits_scaling", "use_qk_norm"]);
    }
}
