//! From the spellings of a `config.json` to one.

use serde_json::{Map, Value, json};

use super::{defaults, moondream};
use crate::{Error, Result};

type Fields = Map<String, Value>;

/// Other names of a field, which is used in place of it.
const ALIASES: &[(&str, &str)] = &[
    ("hidden_activation", "hidden_act"),
    ("torch_dtype", "dtype"),
    ("_sliding_window_pattern", "sliding_window_pattern"),
    ("block_ff_dim", "intermediate_size"),
    ("norm_eps", "rms_norm_eps"),
    ("tie_embedding", "tie_word_embeddings"),
];

/// Settings of a model that are written among those of its RoPE.
const HOISTED: &[&str] =
    &["partial_rotary_factor", "llama_4_scaling_beta", "attention_factor", "long_mscale", "short_mscale"];

/// What the whole says of the tokens, though its decoder has a config of its own.
const WHOLE: &[&str] = &["eos_token_id", "bos_token_id", "pad_token_id", "quantization"];

/// Whether the head is the embedding: where the whole and its decoder say both, it is the weights that tell.
const TIED: &str = "tie_word_embeddings";

/// The fields in their one form, and the type of the whole if that is more than a decoder.
pub(super) fn form(fields: Fields) -> Result<(Fields, Option<String>)> {
    let (mut fields, wrapper) = unwrap(fields);
    for &(alias, name) in ALIASES {
        if let Some(value) = fields.remove(alias).filter(|value| !value.is_null()) {
            fields.insert(name.into(), value);
        }
    }
    spread_rope(&mut fields)?;
    hoist(&mut fields);
    spread_inner(&mut fields);
    name_direction(&mut fields);
    name_by_version(&mut fields);
    name_alone(&mut fields);
    let model_type = fields.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let sizes = if wrapper.is_some() { defaults::sizes_within(model_type) } else { Fields::new() };
    for (name, value) in defaults::of(model_type).into_iter().chain(sizes) {
        fields.entry(name).or_insert(value);
    }
    fields.retain(|_, value| !value.is_null());
    finish_rope(&mut fields);
    if fields.get("use_sliding_window") == Some(&Value::Bool(false)) {
        fields.remove("sliding_window");
    }
    Ok((fields, wrapper))
}

/// Types of decoders that read texts in both directions, and those that they are otherwise.
const BOTH_WAYS: &[(&str, &str)] = &[("llama_bidirec", "llama"), ("lfm2_bidirectional", "lfm2")];

/// What the config of a decoder within a larger model is called.
const PARTS: &[&str] = &["text_config", "llm_config", "language_config"];

/// Types of models around a decoder whose config is not a part of its own.
const FLAT: &[&str] = &[
    "llava_qwen2",
    "minicpmo",
    "minicpmv",
    "moondream1",
    "moondream2",
    "moondream3",
    "paddleocr_vl",
    "phi3_v",
    "qwen2_5_vl",
    "qwen2_vl",
];

/// Types of decoders within larger models, and those that they are by themselves.
const WITHIN: &[(&str, &str)] = &[
    ("glm4v_moe_text", "glm4_moe"),
    ("glm4v_text", "glm4"),
    ("glm_ocr_text", "glm4"),
    ("llava_qwen2", "qwen2"),
    ("paddleocr_vl_text", "llama"),
    ("qwen2_5_vl_text", "qwen2"),
    ("qwen2_vl_text", "qwen2"),
    ("qwen3_vl_moe_text", "qwen3_moe"),
    ("qwen3_vl_text", "qwen3"),
];

/// Versions of MiniCPM-V and MiniCPM-o, which do not name their decoders, and those.
const VERSIONS: &[(&str, &str)] = &[("2.6", "qwen2"), ("4.0", "llama"), ("4", "llama"), ("4.5", "qwen3")];

/// The decoder of a MiniCPM-V or a MiniCPM-o by its version, which is a number or a text.
fn name_by_version(fields: &mut Fields) {
    let kind = fields.get("model_type").and_then(Value::as_str);
    let version = fields.get("version").map(|version| version.to_string());
    let (Some("minicpmo" | "minicpmv"), Some(version)) = (kind, version) else { return };
    let version = version.trim_matches('"');
    if let Some((_, decoder)) = VERSIONS.iter().find(|(name, _)| *name == version) {
        fields.insert("model_type".into(), (*decoder).into());
    }
}

/// Spells that a model reads in both directions as `use_bidirectional_attention`.
fn name_direction(fields: &mut Fields) {
    let kind = fields.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let plain = BOTH_WAYS.iter().find(|(name, _)| *name == kind).map(|(_, plain)| *plain);
    let architectures = fields.get("architectures").and_then(Value::as_array).into_iter().flatten();
    let named = architectures.filter_map(Value::as_str).any(|name| name.contains("Bidirectional"));
    if named || plain.is_some() || fields.get("is_causal") == Some(&Value::Bool(false)) {
        fields.insert("use_bidirectional_attention".into(), true.into());
    }
    if let Some(plain) = plain {
        fields.insert("model_type".into(), plain.into());
    }
}

/// Gives a decoder within a larger model the type that it has by itself, with what its config leaves out.
fn name_alone(fields: &mut Fields) {
    let kind = fields.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let Some((name, alone)) = WITHIN.iter().find(|(name, _)| *name == kind) else { return };
    fields.insert("model_type".into(), (*alone).into());
    for (name, value) in defaults::within(name) {
        fields.entry(name).or_insert(value);
    }
}

/// Puts the fields of `text_config` in the place of those around it.
fn unwrap(mut fields: Fields) -> (Fields, Option<String>) {
    let whole = fields.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if whole.starts_with("moondream") {
        moondream::spread(&mut fields);
    }
    let text = PARTS.iter().find_map(|part| fields.remove(*part));
    let Some(Value::Object(mut text)) = text else {
        let is_around = FLAT.contains(&whole.as_str());
        if is_around {
            fields.insert("model_type".into(), defaults::part_of(&whole).into());
        }
        if let ("phi3_v", Some(Value::Object(rope))) = (whole.as_str(), fields.get_mut("rope_scaling")) {
            // Short texts have waves of their own, by the model's authors and mlx-vlm, but not by mlx-lm.
            rope.insert("by_length".into(), true.into());
        }
        return (fields, Some(whole).filter(|_| is_around));
    };
    text.entry("model_type").or_insert_with(|| defaults::part_of(&whole).into());
    if whole == "paligemma" {
        // Its prompts are read in both directions, but not what follows them; and its head is that of its weights.
        for name in ["use_bidirectional_attention", "tie_word_embeddings"] {
            text.remove(name);
            fields.remove(name);
        }
    }
    for name in WHOLE {
        if fields.get(*name).is_some_and(|value| !value.is_null()) {
            text.remove(*name);
        }
    }
    if fields.get(TIED).is_some_and(|whole| text.get(TIED).is_some_and(|part| part != whole)) {
        text.remove(TIED);
        fields.remove(TIED);
    }
    fields.extend(text.into_iter().filter(|(_, value)| !value.is_null()));
    (fields, Some(whole))
}

/// Takes `rope_parameters` of transformers 5 apart: one for all layers, or one for each of their types.
fn spread_rope(fields: &mut Fields) -> Result<()> {
    let Some(Value::Object(mut rope)) = fields.remove("rope_parameters") else { return Ok(()) };
    let of_type = |name: &str| name.ends_with("_attention");
    if let Some(mixed) = rope.keys().find(|name| of_type(name) != rope.keys().any(|name| of_type(name))) {
        return Err(Error::Config(format!("rope_parameters has {mixed} beside the types of layers")));
    }
    let sliding = rope.remove("sliding_attention");
    match (rope.remove("full_attention"), &sliding) {
        (Some(Value::Object(full)), _) => set_rope(fields, full),
        (None, None) => set_rope(fields, std::mem::take(&mut rope)),
        _ => {}
    }
    if let Some(Value::Object(sliding)) = sliding {
        let mut layer = Fields::new();
        set_rope(&mut layer, sliding);
        fields.insert("rope_layers".into(), json!({ "sliding_attention": layer }));
    }
    match rope.keys().next() {
        Some(other) => Err(Error::Config(format!("rope_parameters of {other} layers are not supported"))),
        None => Ok(()),
    }
}

/// Takes a list of `intermediate_size` apart: the largest stays, and those of the layers are `intermediate_sizes` if
/// they differ.
fn spread_inner(fields: &mut Fields) {
    let Some(Value::Array(sizes)) = fields.get("intermediate_size") else { return };
    let sizes = sizes.clone();
    let largest = sizes.iter().max_by_key(|size| size.as_i64()).cloned().unwrap_or_default();
    if sizes.iter().any(|size| *size != largest) {
        fields.insert("intermediate_sizes".into(), sizes.into());
    }
    fields.insert("intermediate_size".into(), largest);
}

/// Spells `rope` as `rope_theta` and `rope_scaling`.
fn set_rope(fields: &mut Fields, mut rope: Fields) {
    if let Some(theta) = rope.remove("rope_theta") {
        fields.insert("rope_theta".into(), theta);
    }
    if !rope.is_empty() && fields.get("rope_scaling").is_none_or(Value::is_null) {
        fields.insert("rope_scaling".into(), rope.into());
    }
}

/// Copies what belongs to the model out of RoPE, before defaults take its place.
fn hoist(fields: &mut Fields) {
    let Some(Value::Object(scaling)) = fields.get("rope_scaling") else { return };
    let hoisted = HOISTED.iter().filter_map(|&name| Some((name, scaling.get(name)?.clone())));
    for (name, value) in hoisted.filter(|(_, value)| !value.is_null()).collect::<Vec<_>>() {
        if fields.get(name).is_none_or(Value::is_null) {
            fields.insert(name.into(), value);
        }
    }
}

/// Moves what belongs to RoPE into it.
fn finish_rope(fields: &mut Fields) {
    if let Some(theta) = fields.remove("rope_local_base_freq") {
        let layers = json!({ "sliding_attention": { "rope_theta": theta } });
        fields.entry("rope_layers").or_insert(layers);
    }
    let original = fields.get("original_max_position_embeddings").cloned();
    let Some(Value::Object(scaling)) = fields.get_mut("rope_scaling") else { return };
    if let Some(original) = original {
        scaling.entry("original_max_position_embeddings").or_insert(original);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formed(config: Value) -> Value {
        let Value::Object(fields) = config else { panic!("not an object") };
        form(fields).unwrap().0.into()
    }

    #[test]
    fn rope_parameters_become_theta_and_scaling() {
        let config = json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3"}, "head_dim": null});
        let expected = json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3"}});
        assert_eq!(formed(config), expected);
    }

    #[test]
    fn rope_parameters_of_layer_types_are_told_apart() {
        let config = json!({"rope_parameters": {
            "full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 8.0},
            "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"},
        }});
        let expected = json!({
            "rope_theta": 1e6,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
            "rope_layers": {"sliding_attention": {
                "rope_theta": 1e4,
                "rope_scaling": {"rope_type": "default"},
            }},
        });
        assert_eq!(formed(config), expected);
    }

    #[test]
    fn rope_parameters_that_are_half_by_layer_type_are_refused() {
        let config = json!({"rope_parameters": {"rope_theta": 1.0, "full_attention": {}}});
        let error = form(config.as_object().unwrap().clone()).unwrap_err().to_string();
        assert!(error.contains("rope_parameters has"), "{error}");
    }

    #[test]
    fn the_local_base_is_that_of_sliding_layers() {
        let expected = json!({"rope_layers": {"sliding_attention": {"rope_theta": 7.0}}});
        assert_eq!(formed(json!({"rope_local_base_freq": 7.0})), expected);
    }

    #[test]
    fn a_nested_text_config_comes_before_what_is_around_it() {
        let config = json!({
            "model_type": "mistral3", "eos_token_id": [1, 2], "hidden_size": 1, "vision_config": {},
            "text_config": {"model_type": "mistral", "eos_token_id": 7, "hidden_size": 2, "head_dim": null},
        });
        let (fields, wrapper) = form(config.as_object().unwrap().clone()).unwrap();
        assert_eq!(wrapper.as_deref(), Some("mistral3"));
        assert_eq!(fields["model_type"], "mistral");
        assert_eq!((&fields["hidden_size"], &fields["eos_token_id"]), (&json!(2), &json!([1, 2])));
    }

    #[test]
    fn the_weights_tell_whether_the_head_is_the_embedding_where_the_config_says_both() {
        for (whole, part, expected) in [(false, true, None), (true, true, Some(json!(true)))] {
            let config = json!({"tie_word_embeddings": whole, "text_config": {"tie_word_embeddings": part}});
            assert_eq!(formed(config).get("tie_word_embeddings").cloned(), expected);
        }
    }

    #[test]
    fn short_texts_of_phi_3_v_have_waves_of_their_own() {
        let formed = formed(json!({"model_type": "phi3_v", "rope_scaling": {"type": "su"}}));
        assert_eq!(
            (&formed["model_type"], &formed["rope_scaling"]["by_length"]),
            (&json!("phi3"), &json!(true))
        );
    }

    #[test]
    fn the_version_of_a_minicpm_tells_its_decoder() {
        for (version, decoder) in [(json!(2.6), "qwen2"), (json!("4.5"), "qwen3"), (json!(4.0), "llama")] {
            let formed = formed(json!({"model_type": "minicpmv", "version": version}));
            assert_eq!(formed["model_type"], decoder);
        }
        assert_eq!(formed(json!({"model_type": "minicpmo", "version": 1}))["model_type"], "minicpmo");
    }

    #[test]
    fn aliases_get_their_names_unless_they_are_null() {
        let formed = formed(json!({
            "torch_dtype": "bfloat16", "hidden_act": "gelu", "hidden_activation": null
        }));
        assert_eq!(formed, json!({"dtype": "bfloat16", "hidden_act": "gelu"}));
    }

    #[test]
    fn what_a_family_leaves_out_is_filled_in_but_a_null_stays_none() {
        let formed = formed(json!({"model_type": "gemma2", "attn_logit_softcapping": null}));
        assert_eq!(formed["final_logit_softcapping"], 30.0);
        assert!(formed.get("attn_logit_softcapping").is_none());
    }

    #[test]
    fn sizes_of_layers_are_apart_if_they_differ() {
        let alike = formed(json!({"intermediate_size": [8, 8]}));
        assert_eq!(alike, json!({"intermediate_size": 8}));
        let unlike = formed(json!({"intermediate_size": [8, 16, 8]}));
        assert_eq!(unlike, json!({"intermediate_size": 16, "intermediate_sizes": [8, 16, 8]}));
        assert_eq!(formed(json!({"intermediate_size": []})), json!({}));
    }

    #[test]
    fn settings_among_those_of_rope_are_the_models() {
        let formed = formed(json!({
            "rope_scaling": {"type": "longrope", "partial_rotary_factor": 0.5},
            "original_max_position_embeddings": 4096,
        }));
        assert_eq!(formed["partial_rotary_factor"], 0.5);
        assert_eq!(formed["rope_scaling"]["original_max_position_embeddings"], 4096);
    }

    #[test]
    fn settings_among_those_of_rope_come_before_defaults() {
        let formed = formed(json!({
            "model_type": "qwen3_5_text", "rope_parameters": {"partial_rotary_factor": 0.5},
        }));
        assert_eq!((&formed["partial_rotary_factor"], &formed["rope_theta"]), (&json!(0.5), &json!(1e5)));
    }

    #[test]
    fn whatever_says_that_texts_are_read_in_both_directions_is_one_field() {
        for config in [
            json!({"model_type": "llama_bidirec"}),
            json!({"model_type": "llama", "architectures": ["LlamaBidirectionalModel"]}),
            json!({"model_type": "llama", "is_causal": false}),
        ] {
            let formed = formed(config);
            assert_eq!(formed["use_bidirectional_attention"], true);
            assert_eq!(formed["model_type"], "llama");
        }
        assert!(formed(json!({"is_causal": true})).get("use_bidirectional_attention").is_none());
    }

    #[test]
    fn a_window_that_is_not_used_is_none() {
        let formed = formed(json!({"use_sliding_window": false, "sliding_window": 4096}));
        assert!(formed.get("sliding_window").is_none());
    }
}
