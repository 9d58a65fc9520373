//! Drafted texts beside plain ones of SmolLM2-135M: `cargo bench -p mlx-lm --bench speculative`, with the asset
//! `smollm2`.
//!
//! Rounds of both alternate, since a busy machine slows both.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::collections::BTreeMap;
use std::path::Path;

use mlx_lm::mlx_core::{Device, Dtype, Quantization, Quantized, io};
use mlx_lm::mlx_hub::Source;
use mlx_lm::mlx_text::Message;
use mlx_lm::{GenerateOptions, LanguageModel, Loader, Model, Speculation, Stats};
use mlx_testkit::assets;
use serde_json::json;

const ROUNDS: usize = 3;

const EDIT: &str = "Repeat the following text exactly, word for word, but replace \"Monday\" by \"Friday\":\n\n\
    The committee met on Monday to discuss the plans for the new library. The architect showed drawings of the \
    reading room, the children's corner and the garden behind the building. The treasurer explained how the costs \
    would be shared between the city and the friends of the library. After a long discussion the committee asked the \
    architect to draw a second entrance on the north side of the building.";

const QUESTION: &str = "Explain how a bicycle stays upright, in a few sentences.";

/// The first `layers` of the 30 of a model, in float32: where a pass over several tokens costs little more than one over
/// a single token, as it does on a GPU. Fewer of them are a draft model of the same vocabulary.
fn dense(model: &Model, layers: usize) -> Model {
    let parameters = model.decoder().parameters();
    let wanted = |name: &str| {
        let number = name.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next());
        number.is_none_or(|number| number.parse::<usize>().unwrap() < layers)
    };
    let get =
        |name: &str| parameters.iter().find(|(other, _)| *other == name).map(|(_, array)| array.clone());
    let mut arrays = Vec::new();
    for (name, array) in parameters.iter().filter(|(name, _)| wanted(name) && name.ends_with(".weight")) {
        let layer = name.strip_suffix(".weight").unwrap();
        let dense = get(&format!("{layer}.scales")).map(|scales| {
            let (weight, biases) = (array.clone(), get(&format!("{layer}.biases")));
            // A group of 32 elements has as many words as an element has bits.
            let bits = weight.dim(-1).unwrap() / scales.dim(-1).unwrap();
            let scheme = Quantization::affine(bits, 32);
            Quantized::new(weight, scales, biases, scheme).dequantize(Some(Dtype::Float32)).unwrap()
        });
        arrays.push((name, dense.unwrap_or_else(|| array.clone())));
    }
    let folder = tempfile::tempdir().unwrap();
    let arrays = arrays.iter().map(|(name, array)| (*name, array));
    io::save_safetensors(folder.path().join("model.safetensors"), arrays, &BTreeMap::new()).unwrap();
    let config = json!({
        "model_type": "llama", "vocab_size": model.vocab_size(), "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": layers, "num_attention_heads": 9, "num_key_value_heads": 3, "rms_norm_eps": 1e-5,
        "rope_theta": 100_000.0, "max_position_embeddings": 8192, "tie_word_embeddings": true,
    });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    Loader::new(Source::path(folder.path())).load_model().unwrap()
}

fn run(model: &LanguageModel, prompt: &str, speculation: Option<Speculation>) -> (Vec<u32>, Stats) {
    let tokens = model.chat(&[Message::user(prompt)]).unwrap();
    let options = GenerateOptions { max_tokens: 80, speculation, ..GenerateOptions::default() };
    let mut stream = model.generate(&tokens, options).unwrap();
    let text = stream.by_ref().filter_map(|piece| piece.unwrap().token).collect();
    (text, stream.stats().clone())
}

fn compare(model: &LanguageModel, name: &str, prompt: &str, speculation: Speculation) {
    let (mut ratios, mut last) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        let (text, plain) = run(model, prompt, None);
        let (same, drafted) = run(model, prompt, Some(speculation));
        assert!(text == same, "{name}: another text");
        ratios.push(drafted.generation_tps() / plain.generation_tps());
        last = Some((plain, drafted));
    }
    let (_, &mut median, _) = ratios.select_nth_unstable_by(ROUNDS / 2, f64::total_cmp);
    let (plain, drafted) = last.unwrap();
    println!(
        "{name}: {:.1} tokens/s, plain {:.1}; median ratio {median:.2}; {}",
        drafted.generation_tps(),
        plain.generation_tps(),
        drafted.drafts
    );
}

fn compare_all(path: &Path) {
    let quantized = Loader::new(Source::path(path)).dtype(Dtype::Float32).load().unwrap();
    let model = LanguageModel::new(dense(quantized.model(), 30), quantized.tokenizer().clone());
    let model = model.with_draft(dense(quantized.model(), 10)).unwrap();
    let lookup = |tokens| Speculation::PromptLookup { max_ngram: 3, tokens };
    compare(&model, "edit, lookup of 10", EDIT, lookup(10));
    compare(&model, "edit, lookup of 4", EDIT, lookup(4));
    compare(&model, "edit, the first 10 layers", EDIT, Speculation::Draft { tokens: 3 });
    compare(&model, "question, lookup of 4", QUESTION, lookup(4));
}

fn main() {
    let Some(path) = assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let all = || {
        compare_all(&path);
        Ok(())
    };
    Device::Cpu.scope(all).unwrap();
}
