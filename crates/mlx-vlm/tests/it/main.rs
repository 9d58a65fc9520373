//! The public surface of mlx-vlm.

#[cfg(test)]
mod chat;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod qwen_vl;
