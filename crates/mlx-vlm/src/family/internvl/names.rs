//! What checkpoints call the parts: those of transformers, and those of the model's authors, which MLX keeps.

use mlx_nn::Weights;
use mlx_vision::AttentionNames;

/// The names of one of them.
pub(super) struct Names {
    pub(super) tower: &'static str,
    pub(super) class: &'static str,
    pub(super) patches: &'static str,
    pub(super) places: &'static str,
    pub(super) layers: &'static str,
    pub(super) attention: &'static str,
    pub(super) projections: AttentionNames<'static>,
    pub(super) norms: [&'static str; 2],
    pub(super) scales: [&'static str; 2],
    pub(super) projector: &'static str,
    pub(super) projector_norm: &'static str,
    pub(super) projector_layers: [&'static str; 2],
}

const TRANSFORMERS: Names = Names {
    tower: "vision_tower",
    class: "embeddings.cls_token",
    patches: "embeddings.patch_embeddings.projection",
    places: "embeddings.position_embeddings",
    layers: "encoder.layer",
    attention: "attention",
    projections: AttentionNames::Apart(["q_proj", "k_proj", "v_proj", "projection_layer"]),
    norms: ["layernorm_before", "layernorm_after"],
    scales: ["lambda_1", "lambda_2"],
    projector: "multi_modal_projector",
    projector_norm: "layer_norm",
    projector_layers: ["linear_1", "linear_2"],
};

const AUTHORS: Names = Names {
    tower: "vision_model",
    class: "embeddings.class_embedding",
    patches: "embeddings.patch_embedding",
    places: "embeddings.position_embedding",
    layers: "encoder.layers",
    attention: "attn",
    projections: AttentionNames::Fused(["qkv", "proj"]),
    norms: ["norm1", "norm2"],
    scales: ["ls1", "ls2"],
    projector: "mlp1",
    projector_norm: "0",
    projector_layers: ["1", "3"],
};

impl Names {
    pub(super) fn of(w: &Weights) -> Self {
        if w.contains("vision_model.embeddings.class_embedding") { AUTHORS } else { TRANSFORMERS }
    }
}
