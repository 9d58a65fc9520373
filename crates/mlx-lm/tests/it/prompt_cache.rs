//! Prompt caches as files: our own, those of mlx-lm 0.32.2, and damaged ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, io};
use mlx_hub::Source;
use mlx_lm::cache::{CacheOptions, KvCache, LayerCache, Mask};
use mlx_lm::{Loader, Model};
use mlx_testkit::{Checkpoint, Golden, Tolerance};
use serde_json::json;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn load(folder: &Path) -> Model {
    Loader::new(Source::path(folder)).dtype(Dtype::Float32).load_model().unwrap()
}

fn golden(name: &str) -> Model {
    load(&tests().join("golden").join(name))
}

fn foreign(name: &str) -> PathBuf {
    tests().join("prompt-cache").join(format!("{name}.safetensors"))
}

fn continued(model: &Model, cache: &mut KvCache, tokens: &[u32]) -> Vec<f32> {
    let score = |&token: &u32| model.logits(&[token], cache).unwrap().to_vec::<f32>().unwrap();
    tokens.iter().flat_map(score).collect()
}

#[test]
fn a_cache_of_mlx_lm_continues_as_it_does_there() {
    let wide = Checkpoint::read(tests().join("golden/llama-4bit"))
        .with_config("num_attention_heads", json!(2))
        .with_config("num_key_value_heads", json!(1))
        .write();
    for (name, model) in [
        ("sliding", golden("llama-sliding")),
        ("sliding-turned", golden("llama-sliding")),
        ("kept", golden("llama-gqa")),
        ("quantized", load(wide.path())),
        ("conv", golden("lfm2-tied")),
        ("delta", golden("qwen3_5-tied")),
    ] {
        let expected = Golden::open(foreign(&format!("{name}.expected")));
        let ids = |part: &str| expected.i32(part).iter().map(|&id| id as u32).collect::<Vec<_>>();
        let mut cache = KvCache::load_mlx_lm(foreign(name), &model.cache()).unwrap();
        assert_eq!(cache.offset() as usize, ids("prompt").len());
        let tokens = ids("continue");
        let scores = continued(&model, &mut cache, &tokens);
        expected.assert_close("decode", &[tokens.len(), model.vocab_size()], &scores, Tolerance::F32);
    }
}

#[test]
fn every_kind_of_layer_of_mlx_lm_is_read() {
    let like = KvCache::new([
        LayerCache::List(vec![LayerCache::state(2), LayerCache::full()]),
        LayerCache::full(),
        LayerCache::full(),
        LayerCache::state(1),
    ]);
    let mut cache = KvCache::load_mlx_lm(foreign("kinds"), &like).unwrap();
    assert_eq!(cache.offset(), 8);
    let row = Array::full([1, 1, 1, 1], 9.0, Dtype::Float32).unwrap();
    let mut layers = cache.layers();
    let parts = layers.next().unwrap().parts_mut().unwrap();
    let state = parts[0].state_mut().unwrap();
    assert!(state.get(0).is_none());
    assert_eq!(state.get(1).unwrap().to_vec::<f32>().unwrap(), [1.0, 1.0]);
    let (keys, values, _) = parts[1].append_masked(&row, &row, &Mask::causal()).unwrap();
    assert_eq!(keys.to_vec::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]);
    assert_eq!(values.to_vec::<f32>().unwrap(), [0.0, -1.0, -2.0, -3.0, -4.0, 9.0]);
    let (keys, _) = layers.next().unwrap().append(&row, &row).unwrap();
    let mut keys = keys.to_vec::<f32>().unwrap();
    keys.sort_by(f32::total_cmp);
    assert_eq!(keys, [5.0, 6.0, 7.0, 9.0]);
}

/// Caches of one model in every way to keep them, after 20 tokens.
fn kept(name: &str) -> (Model, Vec<KvCache>) {
    let model = golden(name);
    let size =
        |max_kv_size, keep| CacheOptions { max_kv_size: Some(max_kv_size), keep, ..CacheOptions::default() };
    let caches = [CacheOptions::default(), size(9, 0), size(9, 3), size(50, 4)].map(|options| {
        let mut cache = model.cache().with(&options).unwrap();
        let prompt: Vec<_> = (0..20).collect();
        prompt.chunks(7).for_each(|chunk| drop(model.logits(chunk, &mut cache).unwrap()));
        cache
    });
    let alone = caches.to_vec();
    let batches = caches.iter().map(|cache| {
        let mut shorter = cache.clone();
        model.logits(&[3, 2, 1], &mut shorter).unwrap();
        KvCache::merge(&[cache.clone(), shorter]).unwrap()
    });
    let all = batches.chain(alone).collect();
    (model, all)
}

fn step(model: &Model, cache: &mut KvCache) -> Vec<f32> {
    let batch = cache.arrays().next().unwrap().dim(0).unwrap();
    let tokens = Array::full([batch, 2], 5, Dtype::Uint32).unwrap();
    let decoder = model.decoder();
    decoder.decode(decoder.embed(&tokens).unwrap(), cache).unwrap().to_vec().unwrap()
}

#[test]
fn a_saved_cache_continues_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    for (model, caches) in ["llama-sliding", "gemma3n-shared", "gemma4-shared"].map(kept) {
        for mut cache in caches {
            cache.save(&path, "tag").unwrap();
            let mut loaded = KvCache::load(&path, "tag", &model.cache()).unwrap();
            assert_eq!((loaded.offset(), loaded.padding()), (cache.offset(), cache.padding()));
            assert_eq!(step(&model, &mut loaded), step(&model, &mut cache));
            assert_eq!(step(&model, &mut loaded), step(&model, &mut cache));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_saved_quantized_cache_a_list_and_a_state_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    let options = CacheOptions {
        kv_bits: Some(4),
        kv_group_size: 32,
        quantized_kv_start: 0,
        ..CacheOptions::default()
    };
    let like = KvCache::new([
        LayerCache::List(vec![LayerCache::full(), LayerCache::state(2)]),
        LayerCache::rotating(6, 2).unwrap(),
    ]);
    let mut cache = like.clone().with(&options).unwrap();
    let rows =
        Array::arange(0..9 * 32).unwrap().reshape([1, 1, 9, 32]).unwrap().astype(Dtype::Float32).unwrap();
    for layer in cache.layers() {
        if let Ok([keys, state]) = layer.parts_mut() {
            keys.append(&rows, &rows).unwrap();
            state.state_mut().unwrap().set(1, Array::from([7.0_f32])).unwrap();
            state.state_mut().unwrap().advance(9);
        } else {
            layer.append(&rows, &rows).unwrap();
        }
    }
    cache.save(&path, "tag").unwrap();
    let loaded = KvCache::load(&path, "tag", &like).unwrap();
    let bytes = |cache: &KvCache| -> Vec<Vec<u8>> {
        cache.arrays().map(|array| array.view(Dtype::Uint8).unwrap().to_vec().unwrap()).collect()
    };
    assert_eq!(bytes(&loaded), bytes(&cache));
}

#[test]
fn a_file_holds_only_the_rows_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    let model = golden("llama-untied");
    let mut cache = model.cache();
    model.logits(&[1, 2, 3], &mut cache).unwrap();
    cache.save(&path, "").unwrap();
    assert!(cache.nbytes() > 32_000);
    assert!(fs::metadata(&path).unwrap().len() < 3_000);
}

/// What is said of a file that must not load.
fn refusal(path: &Path, tag: &str, like: &KvCache) -> String {
    let message = KvCache::load(path, tag, like).unwrap_err().to_string();
    assert!(message.contains("cache.safetensors"), "{message}");
    message
}

#[test]
fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    let (model, caches) = kept("llama-sliding");
    caches[0].save(&path, "llama with this template").unwrap();
    let like = model.cache();
    assert!(refusal(&path, "another", &like).contains("another model or template"));
    assert!(refusal(&path, "llama with this template", &KvCache::full(2)).contains("of another model"));
    assert!(
        KvCache::load_mlx_lm(&path, &like).unwrap_err().to_string().contains("no prompt cache of mlx-lm")
    );
    let other = KvCache::load(foreign("sliding"), "", &like).unwrap_err().to_string();
    assert!(other.contains("mlx-lm"), "{other}");
    assert!(KvCache::load_mlx_lm(foreign("sliding"), &KvCache::full(9)).is_err());
    let missing = KvCache::load(folder.path().join("nothing"), "", &like).unwrap_err().to_string();
    assert!(missing.contains("nothing"), "{missing}");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.safetensors");
    let (model, caches) = kept("llama-sliding");
    let like = model.cache();
    caches[2].save(&path, "tag").unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [0, 7, 9, 200, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        refusal(&path, "tag", &like);
    }
    fs::write(&path, &whole).unwrap();
    let io::Safetensors { arrays, metadata } = io::load_safetensors(&path).unwrap();
    let arrays: BTreeMap<_, _> =
        arrays.into_iter().map(|(name, array)| (name, (&array + 0).unwrap())).collect();
    mlx_core::eval(arrays.values()).unwrap();
    let write = |arrays: &BTreeMap<String, Array>, metadata: &BTreeMap<String, String>| {
        io::save_safetensors(&path, arrays.iter().map(|(name, array)| (name.as_str(), array)), metadata)
            .unwrap();
    };
    let changed = |key: &str, value: &str| {
        let mut metadata = metadata.clone();
        metadata.insert(key.into(), value.into());
        write(&arrays, &metadata);
        refusal(&path, "tag", &like)
    };
    assert!(changed("prompt_cache_version", "2").contains("version is 2"));
    assert!(changed("layers", "[").contains("layers"));
    let layers = &metadata["layers"];
    for (from, to) in [
        ("\"end\":23", "\"end\":-1"),
        ("\"end\":23", "\"end\":5"),
        ("\"size\":9", "\"size\":8"),
        ("\"keep\":3", "\"keep\":9"),
        ("\"padding\":[3,0]", "\"padding\":[3,0,0]"),
        ("\"padding\":[3,0]", "\"padding\":[-3,0]"),
    ] {
        assert!(layers.contains(from), "{layers}");
        changed("layers", &layers.replace(from, to));
    }
    for name in arrays.keys() {
        let mut fewer = arrays.clone();
        let array = fewer.remove(name).unwrap();
        write(&fewer, &metadata);
        refusal(&path, "tag", &like);
        fewer.insert(name.clone(), array.index((.., .., 1..)).unwrap());
        write(&fewer, &metadata);
        refusal(&path, "tag", &like);
    }
    let mut more = arrays.clone();
    more.insert("surprise".into(), Array::from([1]));
    write(&more, &metadata);
    assert!(refusal(&path, "tag", &like).contains("surprise"));
}
