//! The public surface of mlx-nn.

mod activation;
mod fixture;
mod rope;
