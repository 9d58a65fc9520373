//! The public surface of mlx-vlm.

#[cfg(test)]
mod chat;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod deepseek_ocr;
#[cfg(test)]
mod fast_vlm_authors;
#[cfg(test)]
mod florence2;
#[cfg(test)]
mod gemma3n;
#[cfg(test)]
mod gemma_vl;
#[cfg(test)]
mod glm_vl;
#[cfg(test)]
mod grounding;
#[cfg(test)]
mod minicpm_v;
#[cfg(test)]
mod moondream;
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
#[cfg(test)]
mod with_images;
