//! The model families whose GGUF names are known, one table row each.

/// How one family's GGUF files map to the Hugging Face layout.
#[derive(Debug)]
pub(super) struct Architecture {
    /// The value of `general.architecture`, and the prefix of its metadata keys.
    pub(super) name: &'static str,
    pub(super) model_type: &'static str,
    /// The class in a Hugging Face `config.json`.
    pub(super) class: &'static str,
    /// Whether query and key rows are ordered for interleaved rotary embeddings.
    pub(super) interleaved: bool,
    /// The `hidden_act` of its gated layers.
    pub(super) activation: &'static str,
    /// Whether norms hold 1 more than in a Hugging Face checkpoint.
    pub(super) norms_from_one: bool,
    /// Parts of a layer: GGUF's name and Hugging Face's.
    layer: &'static [(&'static str, &'static str)],
}

const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "llama",
        model_type: "llama",
        class: "LlamaForCausalLM",
        interleaved: true,
        activation: "silu",
        norms_from_one: false,
        layer: PRE_NORM,
    },
    Architecture {
        name: "qwen2",
        model_type: "qwen2",
        class: "Qwen2ForCausalLM",
        interleaved: false,
        activation: "silu",
        norms_from_one: false,
        layer: PRE_NORM,
    },
    Architecture {
        name: "qwen3",
        model_type: "qwen3",
        class: "Qwen3ForCausalLM",
        interleaved: false,
        activation: "silu",
        norms_from_one: false,
        layer: PRE_NORM,
    },
    Architecture {
        name: "phi3",
        model_type: "phi3",
        class: "Phi3ForCausalLM",
        interleaved: false,
        activation: "silu",
        norms_from_one: false,
        layer: FUSED,
    },
    Architecture {
        name: "gemma2",
        model_type: "gemma2",
        class: "Gemma2ForCausalLM",
        interleaved: false,
        activation: "gelu_pytorch_tanh",
        norms_from_one: true,
        layer: SANDWICH,
    },
    Architecture {
        name: "gemma3",
        model_type: "gemma3_text",
        class: "Gemma3ForCausalLM",
        interleaved: false,
        activation: "gelu_pytorch_tanh",
        norms_from_one: true,
        layer: SANDWICH,
    },
];

/// A decoder layer that normalises before attention and before the MLP.
const PRE_NORM: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// The same, where queries, keys and values are one projection, and so are the gate and what it gates.
const FUSED: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_up", "mlp.gate_up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// A decoder layer that normalises on both sides of attention and of the MLP.
const SANDWICH: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

/// The parts outside the layers.
const BODY: &[(&str, &str)] =
    &[("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

impl Architecture {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        ARCHITECTURES.iter().find(|architecture| architecture.name == name)
    }

    pub(super) fn known() -> Vec<&'static str> {
        ARCHITECTURES.iter().map(|architecture| architecture.name).collect()
    }

    /// Whether only some features of a head turn, so that their number is not the head's width.
    pub(super) fn turns_in_part(&self) -> bool {
        self.name == "phi3"
    }

    /// The Hugging Face name of a tensor: `blk.0.attn_q.weight` is
    /// `model.layers.0.self_attn.q_proj.weight`.
    pub(super) fn tensor_name(&self, name: &str) -> Option<String> {
        let (path, kind) = name.rsplit_once('.').filter(|(_, kind)| matches!(*kind, "weight" | "bias"))?;
        if let Some(layer) = path.strip_prefix("blk.") {
            let (number, part) = layer.split_once('.')?;
            let number: usize = number.parse().ok()?;
            Some(format!("model.layers.{number}.{}.{kind}", look_up(self.layer, part)?))
        } else {
            Some(format!("{}.{kind}", look_up(BODY, path)?))
        }
    }
}

fn look_up(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(gguf, _)| *gguf == name).map(|(_, hf)| *hf)
}

#[cfg(test)]
mod tests {
    use super::Architecture;

    #[test]
    fn tensor_names_become_hugging_face_names() {
        let llama = Architecture::find("llama").unwrap();
        let name = |name| llama.tensor_name(name);
        assert_eq!(name("blk.12.attn_q.weight").unwrap(), "model.layers.12.self_attn.q_proj.weight");
        assert_eq!(name("blk.0.attn_k.bias").unwrap(), "model.layers.0.self_attn.k_proj.bias");
        assert_eq!(name("token_embd.weight").unwrap(), "model.embed_tokens.weight");
        assert_eq!(name("output.weight").unwrap(), "lm_head.weight");
        assert_eq!(name("output_norm.weight").unwrap(), "model.norm.weight");
        for unknown in ["blk.x.attn_q.weight", "blk.0.ffn_gate_exps.weight", "attn_q", "output.scale"] {
            assert_eq!(name(unknown), None, "{unknown}");
        }
    }
}
