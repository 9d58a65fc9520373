//! How the authors of Moondream write configs: in `config`, where only what differs from the defaults is there.

use serde_json::{Map, Value};

/// Their names of the fields of a decoder.
const NAMES: &[(&str, &str)] = &[
    ("dim", "hidden_size"),
    ("ff_dim", "intermediate_size"),
    ("moe/expert_inner_dim", "moe_intermediate_size"),
    ("moe/experts_per_token", "num_experts_per_tok"),
    ("moe/num_experts", "num_experts"),
    ("moe/start_layer", "moe_start_layer"),
    ("max_context", "max_position_embeddings"),
    ("n_heads", "num_attention_heads"),
    ("n_kv_heads", "num_key_value_heads"),
    ("n_layers", "num_hidden_layers"),
    ("vocab_size", "vocab_size"),
];

/// Puts what `config` says of the decoder among the fields.
pub(super) fn spread(fields: &mut Map<String, Value>) {
    let own = fields.get("config").cloned().unwrap_or_default();
    for (name, plain) in NAMES {
        if let Some(value) = own.pointer(&format!("/text/{name}")) {
            fields.insert((*plain).to_owned(), value.clone());
        }
    }
    if let Some(end) = own.pointer("/tokenizer/eos_id") {
        fields.insert("eos_token_id".to_owned(), end.clone());
    }
}
