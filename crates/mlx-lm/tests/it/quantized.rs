//! Checkpoints in other programs' quantized formats: their weights number by number, and what is refused.
//!
//! Their scores are among those that `golden` compares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Device, Dtype, Quantization, QuantizationMode, Quantized, io, memory};
use mlx_hub::Source;
use mlx_lm::{BudgetOptions, Loader, Model};
use mlx_nn::Parameters;
use mlx_testkit::{Checkpoint, Golden};
use serde_json::json;

use crate::golden::folders;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(folder: &Path, dtype: Option<Dtype>) -> Result<Model, mlx_lm::Error> {
    let loader = Loader::new(Source::path(folder));
    match dtype {
        Some(dtype) => loader.dtype(dtype).load_model(),
        None => loader.load_model(),
    }
}

fn refusal(checkpoint: &Checkpoint) -> String {
    load(checkpoint.write().path(), None).err().expect("the checkpoint loads").to_string()
}

/// The layer at `path`, dense or as MLX packs it.
fn floats(parameters: &Parameters, path: &str, columns: i32) -> Array {
    let part = |part: &str| parameters.get(&format!("{path}.{part}"));
    let (weight, Some(scales)) = (part("weight").unwrap(), part("scales")) else {
        return part("weight").unwrap().clone();
    };
    let bits = weight.dim(-1).unwrap() * 32 / columns;
    let group_size = columns / scales.dim(-1).unwrap();
    let mode = if part("biases").is_some() { QuantizationMode::Affine } else { QuantizationMode::Mxfp4 };
    let scheme = Quantization { mode, bits, group_size };
    let stored = Quantized::new(weight.clone(), scales.clone(), part("biases").cloned(), scheme);
    stored.dequantize(Some(Dtype::Float32)).unwrap()
}

#[test]
fn weights_are_those_of_the_stored_words() {
    let mut layers = 0;
    for folder in folders() {
        let expected = Golden::open(folder.join("expected.safetensors"));
        let model = load(&folder, Some(Dtype::Float32)).unwrap();
        let parameters = model.decoder().parameters();
        for name in expected.names() {
            let Some(path) = name.strip_prefix("floats.") else { continue };
            let columns = i32::try_from(expected.shape(name)[1]).unwrap();
            let found = floats(&parameters, path, columns).to_vec::<f32>().unwrap();
            // The floats of FP8, of bitnet and of nvfp4 are products that float32 rounds.
            for (found, expected) in found.iter().zip(expected.f32(name)) {
                let error = (found - expected).abs();
                assert!(error <= 1e-6 * expected.abs(), "{name} of {folder:?}: {found} is not {expected}");
            }
            layers += 1;
        }
    }
    assert_eq!(layers, 32);
}

/// Formats whose numbers times scales are exact in float32, repacked or not.
#[test]
fn whole_numbers_with_scales_of_16_bits_are_exact() {
    for name in [
        "llama-awq",
        "llama-gptq",
        "llama-gptq-act-order",
        "llama-gptq-3bit",
        "llama-gptq-mixed",
        "llama-compressed-int4",
        "llama-compressed-asymmetric",
        "llama-compressed-int8",
        "llama-compressed-mxfp4",
    ] {
        let expected = Golden::open(golden(name).join("expected.safetensors"));
        let parameters = load(&golden(name), Some(Dtype::Float32)).unwrap().decoder().parameters();
        for name in expected.names().filter(|name| name.starts_with("floats.")) {
            let columns = i32::try_from(expected.shape(name)[1]).unwrap();
            let path = name.trim_start_matches("floats.");
            assert_eq!(
                floats(&parameters, path, columns).to_vec::<f32>().unwrap(),
                expected.f32(name),
                "{name}"
            );
        }
    }
}

#[test]
fn what_mlx_can_hold_stays_packed() {
    for (name, path, parts) in [
        ("llama-awq", "mlp.down_proj", 3),
        ("llama-gptq", "mlp.down_proj", 3),
        ("llama-gptq-3bit", "mlp.down_proj", 3),
        ("llama-gptq-act-order", "mlp.down_proj", 1),
        ("llama-gptq-mixed", "self_attn.q_proj", 1),
        ("llama-gptq-mixed", "mlp.down_proj", 3),
        ("llama-compressed-int4", "mlp.down_proj", 3),
        ("llama-compressed-int8", "mlp.down_proj", 3),
        ("llama-compressed-mxfp4", "mlp.down_proj", 2),
        ("llama-compressed-fp8", "mlp.down_proj", 1),
        ("llama-bitnet", "mlp.down_proj", 3),
    ] {
        let parameters = load(&golden(name), None).unwrap().decoder().parameters();
        let path = format!("model.layers.0.{path}.");
        let found = parameters.names().filter(|key| key.starts_with(&path)).count();
        assert_eq!(found, parts, "{name}: {path}");
    }
}

#[test]
fn floats_are_what_the_config_computes_in() {
    for (name, dtype) in [("llama-awq", Dtype::Float16), ("llama-fp8-blocks", Dtype::Bfloat16)] {
        let checkpoint = Checkpoint::read(golden(name)).with_config("torch_dtype", dtype.to_string());
        let parameters = load(checkpoint.write().path(), None).unwrap().decoder().parameters();
        let path = "model.layers.0.mlp.down_proj";
        let floats = [parameters.get(&format!("{path}.scales")), parameters.get(&format!("{path}.weight"))];
        assert_eq!(floats.into_iter().flatten().next().map(Array::dtype), Some(dtype), "{name}");
    }
}

#[test]
fn a_budget_counts_the_form_that_is_kept() {
    for name in
        ["llama-awq", "llama-gptq-act-order", "llama-compressed-int8", "llama-fp8-blocks", "llama-bitnet"]
    {
        let budget = Loader::new(Source::path(golden(name))).budget(&BudgetOptions::default()).unwrap();
        let loaded = load(&golden(name), None).unwrap().decoder().nbytes();
        assert_eq!(budget.parts()[0].bytes.get(), loaded as u64, "{name}");
    }
}

#[test]
fn a_loader_says_how_its_checkpoint_is_quantized() {
    for (name, words) in [
        ("llama-tied", "none"),
        ("llama-nvfp4", "MLX nvfp4 4-bit, groups of 16"),
        ("llama-awq", "AWQ 4-bit, groups of 32"),
        ("llama-compressed-int4", "compressed-tensors: int4, packed, int8, packed, int4, packed"),
        ("llama-fp8-blocks", "FP8 in blocks of 128 x 128"),
    ] {
        let found = Loader::new(Source::path(golden(name))).quantization();
        assert_eq!(found.unwrap(), words);
    }
}

#[test]
fn a_missing_part_of_a_layer_is_named() {
    for (name, key) in [
        ("llama-awq", "mlp.up_proj.qzeros"),
        ("llama-gptq", "mlp.up_proj.scales"),
        ("llama-compressed-nvfp4", "mlp.up_proj.weight_global_scale"),
    ] {
        let key = format!("model.layers.0.{key}");
        let message = refusal(&Checkpoint::read(golden(name)).without(&key));
        assert!(message.contains(&key) && message.contains("1 missing"), "{message}");
    }
}

#[test]
fn a_part_of_another_shape_or_type_is_named() {
    for (name, part, shape) in [
        ("llama-awq", "qweight", &[64, 8][..]),
        ("llama-gptq", "scales", &[3, 64]),
        ("llama-gptq", "g_idx", &[63]),
        ("llama-gptq", "g_idx", &[]),
        ("llama-compressed-int8", "weight_scale", &[5, 1]),
        ("llama-fp8-blocks", "weight_scale_inv", &[5, 1]),
        ("llama-fp8-tensor", "weight_scale", &[2]),
        ("llama-bitnet", "weight_scale", &[2]),
        ("llama-compressed-nvfp4", "weight_global_scale", &[2]),
    ] {
        let key = format!("model.layers.0.mlp.up_proj.{part}");
        let message = refusal(&Checkpoint::read(golden(name)).with(&key, shape));
        assert!(message.contains("model.layers.0.mlp.up_proj."), "{name} {part} {shape:?}: {message}");
    }
}

/// The golden checkpoint has a bias of zeros that no layer takes.
#[test]
fn a_bias_that_the_model_lacks_may_be_zeros_only() {
    let key = "model.layers.0.self_attn.o_proj.bias";
    let zeros = Checkpoint::read(golden("llama-gptq"));
    load(zeros.write().path(), None).unwrap();
    let message = refusal(&zeros.with(key, &[64]));
    assert!(message.contains(&format!("unused: {key}")), "{message}");
}

#[test]
fn an_unknown_method_is_refused_before_the_weights() {
    let message = refusal(
        &Checkpoint::read(golden("llama-awq"))
            .with_config("quantization_config", json!({"quant_method": "exl9"})),
    );
    assert!(message.contains("`exl9` is not supported (known: awq"), "{message}");
}

/// MLX counts memory for the whole process, so this test counts on a process of its own, as nextest gives.
#[test]
fn a_conversion_holds_little_more_than_its_result() {
    const LAYERS: usize = 40;
    let compare = || {
        let source = golden("llama-gptq-act-order");
        let mut arrays = io::load_safetensors(source.join("model.safetensors"))?.arrays;
        let layer: Vec<_> = arrays.iter().filter(|(key, _)| key.contains(".0.")).collect();
        let copy = |(key, array): &(&String, &Array), at: usize| {
            (key.replace(".0.", &format!(".{at}.")), (*array).clone())
        };
        let copies: Vec<_> =
            (1..LAYERS).flat_map(|at| layer.iter().map(move |layer| copy(layer, at))).collect();
        arrays.extend(copies);
        let folder = Checkpoint::read(&source).with_config("num_hidden_layers", LAYERS).write();
        let named = arrays.iter().map(|(key, array)| (key.as_str(), array));
        io::save_safetensors(folder.path().join("model.safetensors"), named, &BTreeMap::new())?;
        drop(arrays);
        memory::clear_cache()?;
        memory::reset_peak()?;
        let model = load(folder.path(), None).unwrap();
        Ok((memory::peak()?, model.decoder().nbytes()))
    };
    let (peak, weights) = Device::Cpu.scope(compare).unwrap();
    assert!(peak * 10 < weights * 11, "{peak} bytes for a model of {weights}");
}
