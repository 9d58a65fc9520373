//! all-MiniLM-L6-v2, if it is there.

use mlx_embed::{Embedder, Options};
use mlx_hub::Source;
use mlx_testkit::assets;

#[test]
fn the_similarities_of_the_model_card_are_met() {
    let Some(path) = assets::find("minilm", "model.safetensors") else { return };
    let embedder = Embedder::load(&Source::path(path.parent().unwrap()), None).unwrap();
    assert_eq!(embedder.longest(), Some(256));
    let texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ];
    let vectors = embedder.embed(&texts, &Options::default()).unwrap();
    let first = vectors.index(0).unwrap();
    let similarities: Vec<f32> = vectors.matmul(&first).unwrap().to_vec().unwrap();
    for (found, expected) in similarities.iter().zip([1.0, 0.694_6, 0.942_9, 0.256_9]) {
        assert!((found - expected).abs() < 1e-4, "{similarities:?}");
    }
}
