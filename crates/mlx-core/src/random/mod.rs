//! Random numbers from explicit keys: the same key gives the same numbers.

mod distribution;
mod key;
mod sequence;

pub use distribution::{
    Categorical, Draws, Laplace, Normal, bernoulli, bits, categorical, gumbel, laplace, multivariate_normal,
    normal, permutation, permutation_arange, randint, truncated_normal, uniform,
};
pub use key::Key;
pub use sequence::{key, seed};
