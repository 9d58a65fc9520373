//! A decoder that was saved without its head, as models are whose hidden states are what counts.

use crate::config::Config;
use crate::tensors::Arrays;

/// The arrays by the names that they have where there is a head. What stands for a missing one is the embedding.
pub(crate) fn headed(arrays: Arrays, config: &mut Config) -> Arrays {
    if !arrays.contains_key("embed_tokens.weight") {
        return arrays;
    }
    config.tie_embeddings();
    arrays.into_iter().map(|(name, array)| (format!("model.{name}"), array)).collect()
}

#[cfg(test)]
mod tests {
    use mlx_core::Array;
    use serde_json::json;

    use super::*;

    fn names(arrays: &[&str]) -> (Vec<String>, Config) {
        let mut config = Config::new(json!({"model_type": "llama", "tie_word_embeddings": false})).unwrap();
        let arrays = arrays.iter().map(|&name| (name.to_owned(), Array::from(0.0))).collect();
        (headed(arrays, &mut config).into_keys().collect(), config)
    }

    fn tied(config: &Config) -> bool {
        #[derive(serde::Deserialize)]
        struct Stored {
            tie_word_embeddings: bool,
        }
        config.peek::<Stored>().unwrap().tie_word_embeddings
    }

    #[test]
    fn a_body_alone_is_put_into_its_scope() {
        let (found, config) = names(&["embed_tokens.weight", "norm.weight"]);
        assert_eq!(found, ["model.embed_tokens.weight", "model.norm.weight"]);
        assert!(tied(&config));
    }

    #[test]
    fn a_model_with_a_head_is_left_as_it_is() {
        let (found, config) = names(&["lm_head.weight", "model.embed_tokens.weight"]);
        assert_eq!(found, ["lm_head.weight", "model.embed_tokens.weight"]);
        assert!(!tied(&config));
    }
}
