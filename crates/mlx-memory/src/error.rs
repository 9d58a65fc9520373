//! What can go wrong with memory.

use std::time::Duration;

use crate::{Bytes, Part};

/// The result of an operation on memory.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why memory could not be read, limited or given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// MLX refused.
    #[error(transparent)]
    Mlx(#[from] mlx_core::Error),
    /// A ticket that does not fit beside those that others hold.
    #[error(
        "{bytes} do not fit: {held} of at most {ceiling} are held under the policy `{policy}`{}; ask for less, release \
         a ticket, or wait longer with `Wired::request(..).wait(..)`",
        waited(*patience)
    )]
    Refused {
        /// What was asked for.
        bytes: Bytes,
        /// The name of the policy.
        policy: String,
        /// What its tickets hold, with the limit before them.
        held: Bytes,
        /// The most that the policy allows.
        ceiling: Bytes,
        /// How long the request would have waited.
        patience: Duration,
    },
    /// The system does not tell what memory it has.
    #[error("the memory of this machine is not known: {0}; give a number of bytes instead")]
    Machine(String),
    /// A budget is larger than what there is.
    #[error(
        "{total} are needed, but {available} are available: short by {lacking}; the largest part is the {} with {}: {}",
        largest.purpose, largest.bytes, largest.way_out()
    )]
    TooLarge {
        /// All parts together.
        total: Bytes,
        /// What there is.
        available: Bytes,
        /// How much more there would have to be.
        lacking: Bytes,
        /// The largest part.
        largest: Box<Part>,
    },
    /// A text that is no number of bytes.
    #[error("`{text}` is not a size: write it as 512, 300 MiB or 3.4 GiB")]
    Unreadable {
        /// The text.
        text: String,
    },
}

fn waited(patience: Duration) -> String {
    if patience.is_zero() { String::new() } else { format!(" (waited up to {patience:?})") }
}
