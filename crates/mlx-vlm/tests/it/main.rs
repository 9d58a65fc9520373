//! The public surface of mlx-vlm.

#[cfg(test)]
mod chat;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod gemma_vl;
#[cfg(test)]
mod qwen_vl;
#[cfg(test)]
mod stored;
