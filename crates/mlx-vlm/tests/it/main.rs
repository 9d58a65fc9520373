//! The public surface of mlx-vlm.

#[cfg(test)]
mod chat;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod florence2;
#[cfg(test)]
mod gemma_vl;
#[cfg(test)]
mod glm_vl;
#[cfg(test)]
mod minicpm_v;
#[cfg(test)]
mod paddle_ocr;
#[cfg(test)]
mod phi3_v;
#[cfg(test)]
mod qwen_vl;
#[cfg(test)]
mod qwen_vl_checkpoints;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod tiled;
#[cfg(test)]
mod tiled_checkpoints;
