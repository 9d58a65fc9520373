//! Language models on MLX.
