//! The public surface of mlx-audio.

#[cfg(test)]
mod spoken;
#[cfg(test)]
mod whisper;
