//! The public face of mlx-memory on this machine's device.

#[cfg(test)]
mod counters;
#[cfg(test)]
mod exit;
