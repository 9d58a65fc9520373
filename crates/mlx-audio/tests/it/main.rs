//! The public surface of mlx-audio.
