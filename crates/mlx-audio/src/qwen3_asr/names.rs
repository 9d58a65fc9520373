//! What checkpoints call their arrays.

use std::collections::BTreeMap;

use mlx_core::{Array, Result as MlxResult};

type Arrays = BTreeMap<String, Array>;

/// Beginnings of names in the original and in transformers, and what MLX has in their place.
const NAMES: &[(&str, &str)] = &[
    ("thinker.", ""),
    ("model.audio_tower.", "audio_tower."),
    ("model.language_model.", "model."),
    ("model.multi_modal_projector.linear_1.", "audio_tower.proj1."),
    ("model.multi_modal_projector.linear_2.", "audio_tower.proj2."),
];

/// What the encoder is called.
const ENCODER: &str = "audio_tower.";

/// The arrays of the encoder, by their names within it, with convolutions as MLX has them:
/// `[outputs, height, width, inputs]`; and those of the decoder.
pub(super) fn apart(arrays: Arrays) -> MlxResult<[Arrays; 2]> {
    let [mut encoder, mut decoder] = [Arrays::new(), Arrays::new()];
    for (name, array) in arrays {
        let name = named(&name);
        match name.strip_prefix(ENCODER) {
            Some(name) => encoder.insert(name.to_owned(), array),
            None => decoder.insert(name, array),
        };
    }
    let first = encoder.get("conv2d1.weight").map(Array::shape);
    if matches!(first, Some([_, 1, ..])) {
        for (_, array) in encoder.iter_mut().filter(|(name, _)| name.starts_with("conv2d")) {
            if array.ndim() == 4 {
                *array = array.transpose([0, 2, 3, 1])?;
            }
        }
    }
    Ok([encoder, decoder])
}

fn named(name: &str) -> String {
    let found = NAMES.iter().find_map(|(old, new)| Some(format!("{new}{}", name.strip_prefix(old)?)));
    found.unwrap_or_else(|| name.to_owned())
}
