//! The sizes of a Qwen 3 model, and its tensors under both names.

use serde_json::{Value as Json, json};

use super::gguf::Value;
use super::random::GROUP;

const NORM_EPSILON: f32 = 1e-6;
const ROPE_BASE: f32 = 1e6;
const CONTEXT: u32 = 40960;

/// Qwen 3 without experts, whose embedding is its last layer, too.
#[derive(Clone, Copy)]
pub struct Shape {
    pub layers: u32,
    pub hidden: u32,
    pub inner: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub head: u32,
    pub vocabulary: u32,
    pub format: Format,
}

/// How the matrices are stored.
#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    /// 4 bits, and a scale and an offset for 64 numbers: 4.5 bits a number.
    FourBits,
    Bfloat16,
    Float32,
}

/// A vector of weights, or a matrix.
pub struct Part {
    /// As MLX and Hugging Face call it, without `.weight`.
    pub name: String,
    /// As GGUF calls it, without `.weight`.
    pub gguf: String,
    /// Zero for a vector.
    pub rows: usize,
    pub columns: usize,
}

impl Shape {
    /// Every tensor, in the order of a pass.
    pub fn parts(&self) -> Vec<Part> {
        let part = |name: &str, gguf: &str, rows: u32, columns: u32| Part {
            name: name.to_owned(),
            gguf: gguf.to_owned(),
            rows: rows as usize,
            columns: columns as usize,
        };
        let (queries, keys) = (self.heads * self.head, self.kv_heads * self.head);
        let (hidden, inner) = (self.hidden, self.inner);
        let mut parts = vec![part("model.embed_tokens", "token_embd", self.vocabulary, hidden)];
        for layer in 0..self.layers {
            let in_layer = |name: &str, gguf: &str, rows: u32, columns: u32| {
                part(&format!("model.layers.{layer}.{name}"), &format!("blk.{layer}.{gguf}"), rows, columns)
            };
            parts.extend([
                in_layer("input_layernorm", "attn_norm", 0, hidden),
                in_layer("self_attn.q_proj", "attn_q", queries, hidden),
                in_layer("self_attn.k_proj", "attn_k", keys, hidden),
                in_layer("self_attn.v_proj", "attn_v", keys, hidden),
                in_layer("self_attn.q_norm", "attn_q_norm", 0, self.head),
                in_layer("self_attn.k_norm", "attn_k_norm", 0, self.head),
                in_layer("self_attn.o_proj", "attn_output", hidden, queries),
                in_layer("post_attention_layernorm", "ffn_norm", 0, hidden),
                in_layer("mlp.gate_proj", "ffn_gate", inner, hidden),
                in_layer("mlp.up_proj", "ffn_up", inner, hidden),
                in_layer("mlp.down_proj", "ffn_down", hidden, inner),
            ]);
        }
        parts.push(part("model.norm", "output_norm", 0, hidden));
        parts
    }

    /// What `config.json` says.
    pub fn config(&self) -> Json {
        let mut config = json!({
            "model_type": "qwen3",
            "architectures": ["Qwen3ForCausalLM"],
            "torch_dtype": if self.format == Format::Float32 { "float32" } else { "bfloat16" },
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": f64::from(NORM_EPSILON),
            "rope_theta": ROPE_BASE,
            "hidden_act": "silu",
            "tie_word_embeddings": true,
        });
        if self.format == Format::FourBits {
            config["quantization"] = json!({ "group_size": GROUP, "bits": 4 });
        }
        config
    }

    /// What a GGUF file says: the same, and that there is no tokenizer.
    pub fn facts(&self) -> Vec<(&'static str, Value<'static>)> {
        vec![
            ("general.architecture", Value::Text("qwen3")),
            ("general.alignment", Value::Count(32)),
            ("qwen3.block_count", Value::Count(self.layers)),
            ("qwen3.context_length", Value::Count(CONTEXT)),
            ("qwen3.embedding_length", Value::Count(self.hidden)),
            ("qwen3.feed_forward_length", Value::Count(self.inner)),
            ("qwen3.attention.head_count", Value::Count(self.heads)),
            ("qwen3.attention.head_count_kv", Value::Count(self.kv_heads)),
            ("qwen3.attention.key_length", Value::Count(self.head)),
            ("qwen3.attention.value_length", Value::Count(self.head)),
            ("qwen3.attention.layer_norm_rms_epsilon", Value::Real(NORM_EPSILON)),
            ("qwen3.rope.freq_base", Value::Real(ROPE_BASE)),
            ("qwen3.vocab_size", Value::Count(self.vocabulary)),
            ("tokenizer.ggml.model", Value::Text("none")),
        ]
    }
}
