//! Embeddings against transformers and sentence-transformers.

#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod encoders;
#[cfg(test)]
mod folder_search;
#[cfg(test)]
mod minilm;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod rerank;
#[cfg(test)]
mod retrieval;
#[cfg(test)]
mod towers;
#[cfg(test)]
mod vectors;
