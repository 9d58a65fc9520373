//! Layers and checkpoint weights on mlx-core.
