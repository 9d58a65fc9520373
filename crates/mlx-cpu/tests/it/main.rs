//! Kernels against the same arithmetic in double precision, at every level that this processor has.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "a broken test has to stop")]

#[cfg(test)]
mod attention;
#[cfg(test)]
mod convolution;
#[cfg(test)]
mod dense;
#[cfg(test)]
mod quantized;
#[cfg(test)]
mod random;
