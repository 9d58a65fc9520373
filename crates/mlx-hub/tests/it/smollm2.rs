//! SmolLM2-135M-Instruct as a Q4_1 file, against the `gguf` package's floats.

use mlx_hub::gguf::{Data, Gguf};

/// `sum(w[i] * (i % 1009))` over a tensor in Hugging Face's row order: wrong rows change it.
const WEIGHTED_SUMS: &[(&str, &[usize], f64)] = &[
    ("model.embed_tokens.weight", &[49152, 576], -7_804_811.753322601),
    ("model.layers.0.self_attn.q_proj.weight", &[576, 576], 31_941.975143432617),
    ("model.layers.29.self_attn.k_proj.weight", &[192, 576], 42_832.04042816162),
    ("model.layers.11.mlp.down_proj.weight", &[576, 1536], 30_560.545440673828),
    ("model.norm.weight", &[576], 298_738.12109375),
];

#[test]
fn real_file_gives_the_reference_floats() {
    let Some(path) = mlx_testkit::assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let gguf = Gguf::open(&path).unwrap();
    assert_eq!(gguf.tensors().len(), 272);
    for &(name, shape, expected) in WEIGHTED_SUMS {
        let tensor = gguf.load(name).unwrap();
        assert_eq!(tensor.shape, shape, "{name}");
        assert_eq!(matches!(tensor.data, Data::Affine(_)), shape.len() == 2, "{name}");
        let weighted = |(i, value): (usize, f32)| f64::from(value) * (i % 1009) as f64;
        let sum: f64 = tensor.to_f32().into_iter().enumerate().map(weighted).sum();
        assert!((sum - expected).abs() < 1e-3, "{name}: {sum} {expected}");
    }
    let config = gguf.config().unwrap();
    assert_eq!((&config["num_attention_heads"], &config["num_key_value_heads"]), (&9.into(), &3.into()));
    assert_eq!((&config["head_dim"], &config["tie_word_embeddings"]), (&64.into(), &true.into()));
    let tokenizer = gguf.tokenizer().unwrap();
    assert_eq!((tokenizer.tokens.len(), tokenizer.pre.as_deref()), (49152, Some("smollm")));
}
