//! Every architecture's scores against mlx-lm 0.32.2 on MLX 0.32.2, in float32.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype};
use mlx_hub::Source;
use mlx_lm::cache::KvCache;
use mlx_lm::{Loader, Model};
use mlx_testkit::{Golden, Tolerance};

/// The checkpoints in a folder.
pub(crate) fn folders_in(all: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("config.json").is_file()).collect();
    folders.sort();
    folders
}

/// All golden checkpoints.
pub(crate) fn folders() -> Vec<PathBuf> {
    let folders = folders_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    assert!(folders.len() >= 55, "only {} golden checkpoints are here", folders.len());
    folders
}

fn load(folder: &Path) -> (Model, Golden) {
    let loader = Loader::new(Source::path(folder)).dtype(Dtype::Float32);
    let model = loader.load_model().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    (model, Golden::open(folder.join("expected.safetensors")))
}

pub(crate) fn tokens(golden: &Golden, name: &str) -> Vec<u32> {
    golden.i32(name).iter().map(|&t| u32::try_from(t).unwrap()).collect()
}

/// Scores after each token, `[T, V]`, and their shape.
pub(crate) fn scores(model: &Model, tokens: &[u32], cache: &mut KvCache) -> (Vec<usize>, Vec<f32>) {
    let scores = model.logits(tokens, cache).unwrap().index(0).unwrap();
    (shape(&scores), scores.to_vec().unwrap())
}

fn shape(array: &Array) -> Vec<usize> {
    array.shape().iter().map(|&n| usize::try_from(n).unwrap()).collect()
}

pub(crate) fn decode(model: &Model, tokens: &[u32], cache: &mut KvCache) -> Vec<f32> {
    tokens.iter().flat_map(|&token| scores(model, &[token], cache).1).collect()
}

fn check(folder: &Path) {
    let (model, golden) = load(folder);
    let (prompt, continued) = (tokens(&golden, "tokens"), tokens(&golden, "continue"));
    let mut cache = model.cache();
    let (prefill_shape, prefill) = scores(&model, &prompt, &mut cache);
    golden.assert_close("prefill", &prefill_shape, &prefill, Tolerance::F32);
    let decoded = decode(&model, &continued, &mut cache);
    golden.assert_close("decode", &[continued.len(), model.vocab_size()], &decoded, Tolerance::F32);
    if golden.contains("batch") {
        let scores = batched(&model, &golden);
        golden.assert_close(
            "batch_prefill",
            &shape(&scores),
            &scores.to_vec::<f32>().unwrap(),
            Tolerance::F32,
        );
    }
}

/// The scores of prompts of equal length, together.
pub(crate) fn batched(model: &Model, golden: &Golden) -> Array {
    let [rows, length] = golden.shape("batch").try_into().unwrap();
    let batch = Array::from_slice(&golden.i32("batch"), [rows as i32, length as i32]).unwrap();
    let decoder = model.decoder();
    decoder.decode(decoder.embed(&batch).unwrap(), &mut model.cache()).unwrap()
}

#[test]
fn every_golden_checkpoint_agrees_in_prefill_decode_and_batch() {
    for folder in folders() {
        println!("{}", folder.display());
        check(&folder);
    }
}

#[test]
fn a_prompt_in_chunks_gives_what_it_gives_at_once() {
    for folder in folders() {
        // Keys keep the base of the step that cached them, so there it is not the same.
        if folder.ends_with("llama-rope-dynamic") {
            continue;
        }
        println!("{}", folder.display());
        let (model, golden) = load(&folder);
        let prompt = tokens(&golden, "tokens");
        let mut cache = model.cache();
        let chunked: Vec<_> =
            prompt.chunks(7).flat_map(|chunk| scores(&model, chunk, &mut cache).1).collect();
        golden.assert_close("prefill", &[prompt.len(), model.vocab_size()], &chunked, Tolerance::F32);
    }
}
