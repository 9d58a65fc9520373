//! Models that carry a state on beside keys and values: how they are kept, taken back and limited.

use std::path::Path;

use mlx_core::{Array, Dtype};
use mlx_hub::Source;
use mlx_lm::cache::{CacheOptions, KvCache, LayerCache};
use mlx_lm::{Loader, Model};

use crate::batch;

const MODELS: [&str; 7] = [
    "lfm2-tied",
    "lfm2-bias",
    "lfm2-4bit",
    "qwen3_5-wrapper",
    "qwen3_5_text-4bit",
    "qwen3_next-step",
    "qwen3_5_moe-4bit",
];

fn load(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    Loader::new(Source::path(folder)).dtype(Dtype::Float32).load_model().unwrap()
}

fn tokens(length: u32, seed: u32) -> Vec<u32> {
    (0..length).map(|at| (at * at * 3 + at * 7 + seed) % 40).collect()
}

/// The scores of every text of a batch that goes on with a chunk and single tokens.
fn go_on(model: &Model, cache: &mut KvCache) -> Vec<f32> {
    let batch = cache.arrays().next().unwrap().dim(0).unwrap();
    let mut scores = Vec::new();
    for chunk in [&tokens(21, 3)[..], &[5], &[6], &[7, 8, 9]] {
        let row = Array::from_slice(chunk, [1, chunk.len() as i32]).unwrap();
        let rows = row.broadcast_to([batch, chunk.len() as i32]).unwrap();
        let decoder = model.decoder();
        let all = decoder.decode(decoder.embed(&rows).unwrap(), cache).unwrap();
        scores.extend(all.to_vec::<f32>().unwrap());
    }
    scores
}

/// Caches of a model after a prompt, alone and in a batch with a shorter one.
fn caches(model: &Model) -> Vec<KvCache> {
    let grown = |length| {
        let mut cache = model.cache();
        tokens(length, 1).chunks(19).for_each(|chunk| drop(model.logits(chunk, &mut cache).unwrap()));
        cache
    };
    let alone = grown(40);
    let batch = KvCache::merge(&[grown(2), alone.clone(), grown(17)]).unwrap();
    vec![alone, batch]
}

#[test]
fn a_clone_goes_on_bit_by_bit_as_the_cache_did() {
    for name in MODELS {
        let model = load(name);
        for mut cache in caches(&model) {
            let snapshots = [cache.clone(), cache.clone()];
            let once = go_on(&model, &mut cache);
            for mut snapshot in snapshots {
                assert_eq!(go_on(&model, &mut snapshot), once, "{name}");
            }
        }
    }
}

#[test]
fn a_saved_cache_goes_on_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    for name in MODELS {
        let model = load(name);
        for mut cache in caches(&model) {
            cache.save(&path, name).unwrap();
            let mut loaded = KvCache::load(&path, name, &model.cache()).unwrap();
            assert_eq!((loaded.offset(), loaded.padding()), (cache.offset(), cache.padding()));
            assert_eq!(go_on(&model, &mut loaded), go_on(&model, &mut cache), "{name}");
        }
    }
}

#[test]
fn what_a_state_has_seen_cannot_be_trimmed() {
    for name in MODELS {
        for mut cache in caches(&load(name)) {
            assert_eq!(cache.trimmable(), 0, "{name}");
            assert!(cache.trim(1).unwrap_err().to_string().contains("clone"));
            assert_eq!(cache.offset(), 40);
        }
    }
}

/// The bytes of states, and those of keys and values.
fn bytes(cache: &mut KvCache) -> (usize, usize) {
    let (mut states, mut rows) = (0, 0);
    for layer in cache.layers() {
        let one = KvCache::new([layer.clone()]).nbytes();
        *(if matches!(layer, LayerCache::State(_)) { &mut states } else { &mut rows }) += one;
    }
    (states, rows)
}

#[test]
fn states_do_not_grow_and_no_limit_concerns_them() {
    for name in ["lfm2-4bit", "qwen3_5_text-4bit"] {
        let model = load(name);
        let run = |options: &CacheOptions, length| {
            let mut cache = model.cache().with(options).unwrap();
            model.logits(&tokens(length, 1), &mut cache).unwrap();
            bytes(&mut cache)
        };
        let (states, rows) = run(&CacheOptions::default(), 100);
        assert_eq!(run(&CacheOptions::default(), 1).0, states);
        let limited = run(&CacheOptions { max_kv_size: Some(8), ..CacheOptions::default() }, 100);
        assert!(limited.0 == states && limited.1 < rows / 10, "{name}: {limited:?} and not {states}, {rows}");
        let quantized = run(&eight_bits(), 100);
        assert!(
            quantized.0 == states && quantized.1 < rows / 3,
            "{name}: {quantized:?} and not {states}, {rows}"
        );
    }
}

fn eight_bits() -> CacheOptions {
    CacheOptions { kv_bits: Some(8), kv_group_size: 32, quantized_kv_start: 0, ..CacheOptions::default() }
}

#[test]
fn texts_of_a_batch_whose_keys_are_quantized_agree_with_each_alone() {
    for name in ["lfm2-4bit", "qwen3_5_text-4bit"] {
        let model = load(name);
        for options in [eight_bits(), CacheOptions { max_kv_size: Some(9), keep: 2, ..eight_bits() }] {
            batch::check(&model, &options, name);
        }
    }
}
