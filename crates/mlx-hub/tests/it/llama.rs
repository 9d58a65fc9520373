//! GGUF files presented as Hugging Face checkpoints.

use mlx_hub::gguf::{Data, Gguf, TokenizerData};
use mlx_hub::{Checkpoint, Error, Result, Source};
use serde_json::{Value, json};

use crate::gguf_file::{BOOL, F32, GgufFile, I32};

const ROPE_FACTORS: &str = "rope_freqs.weight";

fn metadata(architecture: &str) -> GgufFile {
    let key = |suffix| format!("{architecture}.{suffix}");
    GgufFile::new()
        .text("general.architecture", architecture)
        .u32(&key("block_count"), 1)
        .u32(&key("context_length"), 2048)
        .u32(&key("embedding_length"), 8)
        .u32(&key("feed_forward_length"), 16)
        .u32(&key("attention.head_count"), 2)
        .u32(&key("attention.head_count_kv"), 1)
        .f32(&key("attention.layer_norm_rms_epsilon"), 1e-5)
        .f32(&key("rope.freq_base"), 100_000.0)
}

fn rows(count: u64) -> Vec<f32> {
    (0..count).flat_map(|row| [row as f32; 8]).collect()
}

fn with_tensors(file: GgufFile) -> GgufFile {
    file.f32_tensor("token_embd.weight", &[8, 3], &rows(3))
        .f32_tensor("blk.0.attn_q.weight", &[8, 8], &rows(8))
        .f32_tensor("blk.0.attn_k.weight", &[8, 4], &rows(4))
        .f32_tensor("blk.0.attn_k.bias", &[4], &[0.0, 1.0, 2.0, 3.0])
        .f32_tensor("blk.0.attn_v.weight", &[8, 4], &rows(4))
}

fn open(file: &GgufFile) -> Result<Gguf> {
    Gguf::open(file.write().path())
}

fn config(file: GgufFile) -> Value {
    open(&file).unwrap().config().unwrap()
}

fn first_of_each_row(gguf: &Gguf, name: &str) -> Vec<f32> {
    gguf.load(name).unwrap().to_f32().chunks(8).map(|row| row[0]).collect()
}

fn tokens(file: GgufFile) -> GgufFile {
    file.text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "smollm")
        .texts("tokenizer.ggml.tokens", &["<s>", "a", "b"])
        .array("tokenizer.ggml.token_type", I32, &[3i32, 1, 1].map(|kind| kind.to_le_bytes().to_vec()))
        .texts("tokenizer.ggml.merges", &["a b"])
        .u32("tokenizer.ggml.bos_token_id", 0)
        .u32("tokenizer.ggml.eos_token_id", 2)
        .value("tokenizer.ggml.add_bos_token", BOOL, &[1])
        .text("tokenizer.chat_template", "{{ messages }}")
}

#[test]
fn config_has_hugging_face_keys() {
    let expected = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "max_position_embeddings": 2048,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "vocab_size": 3,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "rope_theta": 100_000.0,
        "rope_scaling": null,
        "attention_bias": false,
        "mlp_bias": false,
        "tie_word_embeddings": true,
        "bos_token_id": 0,
        "eos_token_id": 2,
    });
    assert_eq!(config(tokens(with_tensors(metadata("llama")))), expected);
}

#[test]
fn output_tensor_unties_the_embeddings() {
    let file = with_tensors(metadata("llama")).f32_tensor("output.weight", &[8, 3], &rows(3));
    assert_eq!(config(file.clone())["tie_word_embeddings"], false);
    assert!(open(&file).unwrap().tensor("lm_head.weight").is_some());
}

#[test]
fn head_size_and_rope_scaling_come_from_the_file() {
    let file = with_tensors(metadata("llama"))
        .u32("llama.attention.key_length", 6)
        .u32("llama.rope.dimension_count", 4)
        .text("llama.rope.scaling.type", "linear")
        .f32("llama.rope.scaling.factor", 8.0);
    let config = config(file);
    assert_eq!(config["head_dim"], 6);
    assert_eq!(config["rope_scaling"], json!({"rope_type": "linear", "factor": 8.0}));
}

#[test]
fn rope_factors_become_llama3_scaling() {
    let file = with_tensors(metadata("llama"));
    let llama3 = file.clone().f32_tensor(ROPE_FACTORS, &[2], &[1.0, 1.0]);
    assert_eq!(config(llama3.clone())["rope_scaling"]["rope_type"], "llama3");
    assert!(open(&llama3).unwrap().tensors().all(|name| !name.contains("rope")));
    let odd =
        open(&file.f32_tensor(ROPE_FACTORS, &[2], &[3.0, 1.0])).unwrap().config().unwrap_err().to_string();
    assert!(
        odd.ends_with("the factors in `rope_freqs.weight` are not those of llama3 rope scaling"),
        "{odd}"
    );
}

#[test]
fn missing_metadata_is_named() {
    let file = with_tensors(GgufFile::new().text("general.architecture", "llama"));
    let error = open(&file).unwrap().config().unwrap_err().to_string();
    assert!(error.ends_with("metadata `llama.attention.head_count` is missing"), "{error}");
    let file = with_tensors(metadata("qwen2")).text("qwen2.attention.key_length", "six");
    let error = open(&file).unwrap().config().unwrap_err().to_string();
    assert!(error.ends_with("metadata `qwen2.attention.key_length` is not one whole number for all layers"));
}

#[test]
fn llama_query_and_key_rows_are_put_back() {
    let gguf = open(&with_tensors(metadata("llama"))).unwrap();
    let rows = |part: &str| first_of_each_row(&gguf, &format!("model.layers.0.self_attn.{part}.weight"));
    assert_eq!(rows("q_proj"), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    assert_eq!(rows("k_proj"), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(rows("v_proj"), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(gguf.load("model.layers.0.self_attn.k_proj.bias").unwrap().to_f32(), [0.0, 2.0, 1.0, 3.0]);
}

#[test]
fn quantized_rows_move_whole() {
    let block = |row: u8| [&[0, 0x3c][..], &[row | row << 4; 16]].concat();
    let data: Vec<u8> = (0..8).flat_map(block).collect();
    let file = metadata("llama").tensor("blk.0.attn_q.weight", &[32, 8], 2, &data);
    let tensor = open(&file).unwrap().load("model.layers.0.self_attn.q_proj.weight").unwrap();
    assert!(matches!(tensor.data, Data::Affine(_)));
    let rows: Vec<_> = tensor.to_f32().chunks(32).map(|row| row[31] + 8.0).collect();
    assert_eq!(rows, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
}

#[test]
fn qwen_rows_stay_where_they_are() {
    for architecture in ["qwen2", "qwen3"] {
        let gguf = open(&with_tensors(metadata(architecture))).unwrap();
        assert_eq!(gguf.config().unwrap()["model_type"], architecture);
        let rows = first_of_each_row(&gguf, "model.layers.0.self_attn.q_proj.weight");
        assert_eq!(rows, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }
}

#[test]
fn rows_that_do_not_fit_the_heads_are_named() {
    let file = metadata("llama").f32_tensor("blk.0.attn_q.weight", &[8, 3], &rows(3));
    let error = open(&file).unwrap().load("model.layers.0.self_attn.q_proj.weight").unwrap_err().to_string();
    assert!(error.ends_with("the 3 rows of `blk.0.attn_q.weight` do not divide into 2 heads"), "{error}");
}

#[test]
fn unknown_names_are_errors() {
    let error = open(&metadata("mamba")).unwrap_err();
    assert!(matches!(&error, Error::Architecture { found, .. } if found == "mamba"));
    assert!(
        error
            .to_string()
            .ends_with("`mamba` is not supported (known: llama, qwen2, qwen3, phi3, gemma2, gemma3)"),
        "{error}"
    );
    let odd = with_tensors(metadata("llama")).f32_tensor("blk.0.x.weight", &[1], &[0.0]);
    let error = open(&odd.f32_tensor("y", &[1], &[0.0])).unwrap_err().to_string();
    assert!(error.ends_with("architecture `llama` has no tensors blk.0.x.weight, y"), "{error}");
    let error = open(&with_tensors(metadata("llama"))).unwrap().load("model.x").unwrap_err().to_string();
    assert!(error.ends_with("has no tensor `model.x`"), "{error}");
}

#[test]
fn part_of_a_split_model_says_so() {
    let error = open(&metadata("llama").u32("split.count", 3)).unwrap_err().to_string();
    assert!(error.ends_with("one of 3 parts of a split model: merge them into one file"), "{error}");
}

#[test]
fn gguf_file_resolves_to_a_checkpoint() {
    let file = with_tensors(metadata("llama")).write();
    let checkpoint = Source::path(file.path()).resolve().unwrap();
    assert!(matches!(checkpoint, Checkpoint::Gguf(_)));
    assert_eq!(checkpoint.config().unwrap()["model_type"], "llama");
}

#[test]
fn tokenizer_is_read() {
    let tokenizer = open(&tokens(metadata("llama"))).unwrap().tokenizer().unwrap();
    let expected = TokenizerData {
        model: "gpt2".into(),
        pre: Some("smollm".into()),
        tokens: vec!["<s>".into(), "a".into(), "b".into()],
        token_types: vec![3, 1, 1],
        scores: vec![],
        merges: vec!["a b".into()],
        bos: Some(0),
        eos: Some(2),
        unk: None,
        pad: None,
        add_bos: Some(true),
        add_eos: None,
        add_space_prefix: None,
        chat_template: Some("{{ messages }}".into()),
    };
    assert_eq!(tokenizer, expected);
}

#[test]
fn tokenizer_that_contradicts_itself_is_refused() {
    let error = |file: GgufFile| open(&file).unwrap().tokenizer().unwrap_err().to_string();
    assert!(error(metadata("llama")).contains("metadata `tokenizer.ggml.model` is missing"));
    let pad = tokens(metadata("llama")).u32("tokenizer.ggml.padding_token_id", 3);
    assert!(error(pad).ends_with("`tokenizer.ggml.padding_token_id` is 3, but there are 3 tokens"));
    let scores = tokens(metadata("llama")).array("tokenizer.ggml.scores", F32, &[vec![0; 4]]);
    assert!(error(scores).ends_with("`tokenizer.ggml.scores` has 1 items for 3 tokens"));
    let kinds = metadata("llama").text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.tokens", "a");
    assert!(error(kinds).ends_with("metadata `tokenizer.ggml.tokens` is not a list of texts"));
}
