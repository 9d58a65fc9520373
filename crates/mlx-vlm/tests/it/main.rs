//! The public surface of mlx-vlm.

#[cfg(test)]
mod conversations;
#[cfg(test)]
mod qwen_vl;
#[cfg(test)]
mod tiled;
#[cfg(test)]
mod tiled_checkpoints;
