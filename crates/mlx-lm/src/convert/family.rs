//! What mlx-lm's families ask of a conversion.

use mlx_core::Quantization;

/// Layers that choose experts: few numbers, on which much depends.
const ROUTERS: &[(&str, &[&str])] = &[
    ("gemma4_text", &["router.proj"]),
    ("gpt_oss", &["router"]),
    ("lfm2_moe", &["feed_forward.gate"]),
    ("qwen3_5", &["mlp.gate", "shared_expert_gate"]),
    ("qwen3_5_moe", &["mlp.gate", "shared_expert_gate"]),
    ("qwen3_5_moe_text", &["mlp.gate", "shared_expert_gate"]),
    ("qwen3_moe", &["mlp.gate"]),
    ("qwen3_next", &["mlp.gate", "shared_expert_gate"]),
];

/// Families whose routers mlx-lm cannot read quantized.
const DENSE_ROUTERS: &[&str] = &["deepseek_v2", "deepseek_v3", "glm4_moe", "joyai_llm_flash", "kimi_k2"];

/// How the layer at `path` is quantized where others are by `scheme`.
pub(super) fn scheme(family: &str, path: &str, scheme: Quantization) -> Option<Quantization> {
    if DENSE_ROUTERS.contains(&family) && path.ends_with("mlp.gate") {
        return None;
    }
    let routers = ROUTERS.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, routers)| routers);
    let routes = routers.iter().any(|router| path.ends_with(router));
    Some(if routes { Quantization::affine(8, 64) } else { scheme })
}

/// Whether the array at `path` keeps its type: sums and decays whose small steps count.
pub(super) fn keeps_dtype(path: &str) -> bool {
    ["e_score_correction_bias", "expert_bias", "A_log"].iter().any(|name| path.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_have_eight_bits_where_the_family_asks_for_it() {
        let (four, eight) = (Quantization::affine(4, 32), Quantization::affine(8, 64));
        let of = |family, path| scheme(family, path, four);
        assert_eq!(of("qwen3_moe", "model.layers.0.mlp.gate"), Some(eight));
        assert_eq!(of("qwen3_moe", "model.layers.0.mlp.switch_mlp.gate_proj"), Some(four));
        assert_eq!(of("qwen3", "model.layers.0.mlp.gate"), Some(four));
        assert_eq!(of("gpt_oss", "model.layers.0.mlp.router"), Some(eight));
        assert_eq!(of("glm4_moe", "model.layers.1.mlp.gate"), None);
    }

    #[test]
    fn a_bias_of_experts_keeps_its_type() {
        assert!(keeps_dtype("model.layers.3.mlp.gate.e_score_correction_bias"));
        assert!(!keeps_dtype("model.layers.3.self_attn.q_proj.bias"));
    }
}
