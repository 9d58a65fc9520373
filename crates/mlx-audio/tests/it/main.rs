//! The public surface of mlx-audio.

#[cfg(test)]
mod codecs;
