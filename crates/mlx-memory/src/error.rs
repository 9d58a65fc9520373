//! What can go wrong with memory.

/// The result of an operation on memory.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why memory could not be read, limited or given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// MLX refused.
    #[error(transparent)]
    Mlx(#[from] mlx_core::Error),
    /// The system does not tell what memory it has.
    #[error("the memory of this machine is not known: {0}; give a number of bytes instead")]
    Machine(String),
    /// A text that is no number of bytes.
    #[error("`{text}` is not a size: write it as 512, 300 MiB or 3.4 GiB")]
    Unreadable {
        /// The text.
        text: String,
    },
}
