//! The safe API, held against golden data, NumPy's rules and what a careless caller may write.

#[cfg(test)]
mod arrange;
#[cfg(test)]
mod at;
#[cfg(test)]
mod build;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod conv;
#[cfg(test)]
mod conv_gradient;
#[cfg(test)]
mod custom;
#[cfg(test)]
mod derivative;
#[cfg(test)]
mod device;
#[cfg(test)]
mod distributed;
#[cfg(test)]
mod division;
#[cfg(test)]
mod dtype;
#[cfg(test)]
mod einsum;
#[cfg(test)]
mod elementwise;
#[cfg(test)]
mod error;
#[cfg(test)]
mod eval;
#[cfg(test)]
mod exit;
#[cfg(test)]
mod export;
#[cfg(test)]
mod extent;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod fast;
#[cfg(test)]
mod fft;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod gather;
#[cfg(test)]
mod gguf;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod grad;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod guest;
#[cfg(test)]
mod index;
#[cfg(test)]
mod index_model;
#[cfg(test)]
mod kernel;
#[cfg(test)]
mod kernel_transform;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod linalg;
#[cfg(test)]
mod load;
#[cfg(test)]
mod matmul;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod nesting;
#[cfg(test)]
mod npy;
#[cfg(test)]
mod npz;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod place;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod precision;
#[cfg(test)]
mod print;
#[cfg(test)]
mod program;
#[cfg(test)]
mod quantize;
#[cfg(test)]
mod quantized_matmul;
#[cfg(test)]
mod random;
#[cfg(test)]
mod read;
#[cfg(test)]
mod reduction;
#[cfg(test)]
mod relation;
#[cfg(test)]
mod rule;
#[cfg(test)]
mod rule_element;
#[cfg(test)]
mod rule_matrix;
#[cfg(test)]
mod safetensors;
#[cfg(test)]
mod scatter;
#[cfg(test)]
mod sequence;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod shard;
#[cfg(test)]
mod slice;
#[cfg(test)]
mod sort;
#[cfg(test)]
mod stream_io;
#[cfg(test)]
mod survey;
#[cfg(test)]
mod thread;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod values;
#[cfg(test)]
mod vmap;
