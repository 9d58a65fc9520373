//! What tells one model from another.

use mlx_core::{Array, Dtype};
use sha2::{Digest, Sha256};

use crate::{LanguageModel, Result};

/// Elements of each array that count.
const ELEMENTS: i32 = 64;

impl LanguageModel {
    /// A hash of the architecture, the chat template and some of the weights: the same for the same model only, and a
    /// tag for a [`KvCache`](crate::cache::KvCache) in a file.
    pub fn fingerprint(&self) -> Result<String> {
        let mut sha256 = Sha256::new();
        sha256.update(self.model().model_type());
        if let Some(template) = self.tokenizer().chat_template() {
            sha256.update(template.to_json().to_string());
        }
        for (path, array) in self.model().decoder().parameters().iter() {
            sha256.update(format!("{path} {:?} {}", array.shape(), array.dtype()));
            sha256.update(first_bytes(array)?);
        }
        Ok(sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn first_bytes(array: &Array) -> mlx_core::Result<Vec<u8>> {
    array.reshape([-1])?.index(..ELEMENTS)?.view(Dtype::Uint8)?.to_vec()
}
