//! The safe API, held against golden data, NumPy's rules and what a careless caller may write.

#[cfg(test)]
mod build;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod custom;
#[cfg(test)]
mod derivative;
#[cfg(test)]
mod device;
#[cfg(test)]
mod division;
#[cfg(test)]
mod error;
#[cfg(test)]
mod exit;
#[cfg(test)]
mod export;
#[cfg(test)]
mod extent;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod fast;
#[cfg(test)]
mod gather;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod grad;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod index;
#[cfg(test)]
mod nesting;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod program;
#[cfg(test)]
mod quantize;
#[cfg(test)]
mod random;
#[cfg(test)]
mod read;
#[cfg(test)]
mod safetensors;
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
