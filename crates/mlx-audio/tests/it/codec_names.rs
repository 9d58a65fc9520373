//! Codecs whose arrays have the names of other programs: what they compute stays the same.

use std::collections::BTreeMap;

use mlx_audio::codec::{self, Codec};
use mlx_audio::mlx_core::{Array, keep};
use serde_json::{Value, json};

use crate::codecs::{arrays, bandwidth, books, compare, compare_snac, config};

type Arrays = BTreeMap<String, Array>;

#[track_caller]
fn build(config: &Value, arrays: Arrays) -> Box<dyn Codec> {
    codec::build(config, arrays).unwrap_or_else(|error| panic!("{error}"))
}

fn named(arrays: Arrays, name: impl Fn(&str) -> String) -> Arrays {
    arrays.into_iter().map(|(key, array)| (name(&key), array)).collect()
}

/// The norms `[rows, 1, …]` of the rows of weights.
fn norms(weight: &Array) -> Array {
    let axes: Vec<i32> = (1..weight.ndim() as i32).collect();
    weight.square().unwrap().sum(keep(axes.as_slice())).unwrap().sqrt().unwrap()
}

/// Weights in one piece where length and direction are apart.
fn joined(mut arrays: Arrays) -> Arrays {
    let (length, direction) = ("parametrizations.weight.original0", "parametrizations.weight.original1");
    let layers: Vec<_> =
        arrays.keys().filter_map(|key| key.strip_suffix(length)).map(str::to_owned).collect();
    for layer in layers {
        let g = arrays.remove(&format!("{layer}{length}")).unwrap();
        let v = arrays.remove(&format!("{layer}{direction}")).unwrap();
        let weight = ((&g * &v).unwrap() / norms(&v)).unwrap();
        arrays.insert(format!("{layer}weight"), weight);
    }
    arrays
}

/// Weights of convolutions, apart from those that `whole` names, as length and direction, which has any length.
fn split(arrays: Arrays, whole: &str) -> Arrays {
    let parts = |(key, array): (String, Array)| match key.strip_suffix("weight") {
        Some(layer) if array.ndim() == 3 && !key.contains(whole) => vec![
            (format!("{layer}weight_g"), norms(&array)),
            (format!("{layer}weight_v"), (array * 2.5).unwrap()),
        ],
        _ => vec![(key, array)],
    };
    arrays.into_iter().flat_map(parts).collect()
}

/// Convolutions as MLX has them: `[outputs, kernel, inputs]`, and those that are `transposed` in that order, or with inputs
/// first.
fn laid(arrays: Arrays, transposed: impl Fn(&str) -> bool, inputs_first: bool) -> Arrays {
    let lay = |(key, array): (String, Array)| {
        let array = match array.ndim() {
            3 if key.ends_with("weight_g") || key.ends_with("alpha") => array,
            3 if transposed(&key) && !inputs_first => array.transpose([1, 2, 0]).unwrap(),
            3 => array.swapaxes(1, 2).unwrap(),
            _ => array,
        };
        (key, array)
    };
    arrays.into_iter().map(lay).collect()
}

/// The arrays of an EnCodec as mlx-community has them: no weight norm, LSTM layers in a list, one bias each.
fn encodec_of_mlx(name: &str) -> Arrays {
    let is_up = |key: &str| ["decoder.layers.3.", "decoder.layers.7."].iter().any(|up| key.starts_with(up));
    let mut arrays = laid(joined(arrays(name)), is_up, false);
    for half in ["encoder", "decoder"] {
        let list = arrays.keys().find(|key| key.starts_with(half) && key.contains(".lstm.")).unwrap();
        let list = list.split_once("lstm.").unwrap().0.to_owned() + "lstm";
        for layer in 0..2 {
            let mut take = |name: &str| arrays.remove(&format!("{list}.{name}_l{layer}")).unwrap();
            let bias = (take("bias_ih") + take("bias_hh")).unwrap();
            let (from_input, from_hidden) = (take("weight_ih"), take("weight_hh"));
            arrays.insert(format!("{list}.{layer}.Wx"), from_input);
            arrays.insert(format!("{list}.{layer}.Wh"), from_hidden);
            arrays.insert(format!("{list}.{layer}.bias"), bias);
        }
    }
    arrays
}

#[test]
fn encodec_of_mlx_agrees() {
    for name in ["encodec", "encodec-stereo"] {
        compare(name, build(&config(name), encodec_of_mlx(name)).as_ref(), bandwidth);
    }
}

/// A name of DAC as its own package has it, of two blocks in each half.
fn dac_original(key: &str) -> String {
    let numbered = |name: &str, own: &[(&str, usize)]| {
        own.iter()
            .find(|(own, _)| name.starts_with(&format!("{own}.")))
            .map(|&(own, at)| (at, name[own.len()..].to_owned()))
    };
    let unit = [("snake1", 0), ("conv1", 1), ("snake2", 2), ("conv2", 3)];
    let down = [("res_unit1", 0), ("res_unit2", 1), ("res_unit3", 2), ("snake1", 3), ("conv1", 4)];
    let up = [("snake1", 0), ("conv_t1", 1), ("res_unit1", 2), ("res_unit2", 3), ("res_unit3", 4)];
    for (half, list, layers) in [("encoder", "block", &down), ("decoder", "model", &up)] {
        let Some(rest) = key.strip_prefix(&format!("{half}.")) else { continue };
        if let Some((at, rest)) = numbered(rest, &[("conv1", 0), ("snake1", 3), ("conv2", 4)]) {
            return format!("{half}.{list}.{at}{rest}");
        }
        let (block, rest) = rest.strip_prefix("block.").unwrap().split_once('.').unwrap();
        let block = block.parse::<usize>().unwrap() + 1;
        let (at, tail) = numbered(rest, layers).unwrap();
        let tail = match numbered(tail.trim_start_matches('.'), &unit) {
            Some((inner, tail)) if rest.starts_with("res_unit") => format!(".block.{inner}{tail}"),
            _ => tail,
        };
        return format!("{half}.{list}.{block}.block.{at}{tail}");
    }
    key.to_owned()
}

/// A name of lists of PyTorch as MLX has it: the elements of a sequence are its `layers`.
fn listed(key: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in key.split('.') {
        let in_sequence = parts.last().is_some_and(|last| ["block", "model"].contains(last));
        if in_sequence && part.parse::<usize>().is_ok() {
            parts.push("layers");
        }
        parts.push(part);
    }
    parts.join(".")
}

fn original_config() -> Value {
    json!({
        "sample_rate": 800, "encoder_dim": 4, "encoder_rates": [2, 5], "latent_dim": 16, "decoder_dim": 20,
        "decoder_rates": [5, 2], "n_codebooks": 3, "codebook_size": 16, "codebook_dim": 5,
    })
}

#[test]
fn dac_under_the_names_of_its_package_agrees() {
    let original = split(named(joined(arrays("dac")), dac_original), "codebook");
    assert!(original.contains_key("decoder.model.1.block.2.block.1.weight_v"));
    compare("dac", build(&original_config(), original).as_ref(), books);
}

#[test]
fn dac_of_mlx_agrees() {
    let original = split(named(joined(arrays("dac")), dac_original), "codebook");
    let transposed = |key: &str| {
        ["decoder.model.1.block.1.", "decoder.model.2.block.1."].iter().any(|up| key.starts_with(up))
    };
    let lists = named(laid(original, transposed, true), listed);
    assert!(lists.contains_key("decoder.model.layers.1.block.layers.2.block.layers.1.weight_v"));
    compare("dac", build(&original_config(), lists).as_ref(), books);
}

#[test]
fn snac_of_mlx_agrees() {
    let older = |key: &str| {
        let key = key.replace("parametrizations.weight.original0", "weight_g");
        key.replace("parametrizations.weight.original1", "weight_v")
    };
    let transposed = |key: &str| {
        ["decoder.model.2.block.1.", "decoder.model.3.block.1."].iter().any(|up| key.starts_with(up))
    };
    let lists = named(laid(named(arrays("snac"), older), transposed, true), listed);
    assert!(lists.contains_key("decoder.model.layers.2.block.layers.2.linear.weight_v"));
    compare_snac("snac", build(&config("snac"), lists).as_ref());
}

#[test]
fn mimi_whose_halves_have_scopes_agrees() {
    let halves = |key: &str| {
        for (half, part) in [
            ("encoder", "encoder_transformer."),
            ("decoder", "decoder_transformer."),
            ("encoder", "downsample."),
            ("decoder", "upsample."),
        ] {
            if key.starts_with(part) {
                return format!("{half}.{key}");
            }
        }
        let key = key.replace("encoder.layers.", "encoder.encoder_seanet.layers.");
        key.replace("decoder.layers.", "decoder.decoder_seanet.layers.")
    };
    compare("mimi", build(&config("mimi"), named(arrays("mimi"), halves)).as_ref(), books);
}

/// A name of Mimi as Kyutai has it.
fn kyutai(key: &str) -> String {
    let up = ["decoder.layers.2.conv", "decoder.layers.5.conv", "upsample.conv"];
    let conv = if up.iter().any(|up| key.starts_with(up)) { ".convtr.convtr." } else { ".conv.conv." };
    let mut key = key.to_owned();
    for sampled in ["downsample.conv.", "upsample.conv."] {
        if key.starts_with(sampled) {
            let name = if sampled.starts_with("down") { "conv" } else { "convtr" };
            return key.replace(".conv.", &format!(".{name}.{name}.{name}."));
        }
    }
    for half in ["encoder", "decoder"] {
        key = key.replace(
            &format!("{half}_transformer.layers."),
            &format!("{half}_transformer.transformer.layers."),
        );
        if key.starts_with(&format!("{half}.layers.")) {
            key = key.replace(".conv.", conv).replace(".layers.", ".model.");
        }
    }
    for (ours, theirs) in [
        ("self_attn.o_proj", "self_attn.out_proj"),
        ("mlp.fc1", "linear1"),
        ("mlp.fc2", "linear2"),
        ("input_layernorm", "norm1"),
        ("post_attention_layernorm", "norm2"),
        ("self_attn_layer_scale", "layer_scale_1"),
        ("mlp_layer_scale", "layer_scale_2"),
        ("codebook.embed_sum", "codebook.embedding_sum"),
        ("codebook.initialized", "codebook._initialized"),
        (".codebook.", "._codebook."),
        ("_residual_vector_quantizer.layers", "_residual_vector_quantizer.vq.layers"),
        ("semantic_residual_vector_quantizer", "rvq_first"),
        ("acoustic_residual_vector_quantizer", "rvq_rest"),
    ] {
        key = key.replace(ours, theirs);
    }
    key
}

/// The rows of two heads so that neighbours are turned together.
fn interleaved(rows: &Array) -> Array {
    let [rows_of_all, width] = rows.dims().unwrap();
    let halves = rows.reshape([2, 2, rows_of_all / 4, width]).unwrap();
    halves.swapaxes(1, 2).unwrap().reshape([rows_of_all, width]).unwrap()
}

#[test]
fn mimi_of_kyutai_agrees() {
    let mut arrays = arrays("mimi");
    let layers: Vec<_> =
        arrays.keys().filter_map(|key| key.strip_suffix("q_proj.weight")).map(str::to_owned).collect();
    assert_eq!(layers.len(), 4);
    for layer in layers {
        let mut take = |part: &str| arrays.remove(&format!("{layer}{part}_proj.weight")).unwrap();
        let rows = [interleaved(&take("q")), interleaved(&take("k")), take("v")];
        let all = mlx_audio::mlx_core::concatenate(&rows, 0).unwrap();
        arrays.insert(format!("{layer}in_proj_weight"), all);
    }
    let arrays = named(arrays, kyutai);
    for key in [
        "encoder.model.0.conv.conv.weight",
        "decoder.model.2.convtr.convtr.bias",
        "encoder_transformer.transformer.layers.0.self_attn.in_proj_weight",
        "quantizer.rvq_rest.vq.layers.0._codebook.embedding_sum",
        "upsample.convtr.convtr.convtr.weight",
    ] {
        assert!(arrays.contains_key(key), "{key}: {:?}", arrays.keys());
    }
    compare("mimi", build(&config("mimi"), arrays).as_ref(), books);
}
