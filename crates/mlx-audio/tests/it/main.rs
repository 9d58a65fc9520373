//! The public surface of mlx-audio.

#[cfg(test)]
mod recordings;
#[cfg(test)]
mod vad;
