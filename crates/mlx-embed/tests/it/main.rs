//! Embeddings against transformers and sentence-transformers.

#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod encoders;
#[cfg(test)]
mod minilm;
#[cfg(test)]
mod towers;
