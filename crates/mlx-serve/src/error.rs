//! Why a server does not start.

use std::io;

/// The result of starting or running a server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened to.
    #[error("cannot listen on {address}: {source}: choose another --host or --port")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The connection of all clients is lost.
    #[error("the server ended: {0}")]
    Serve(io::Error),
    /// A model that is to be served is not found or damaged.
    #[error("model {name}: {why}")]
    Model {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The options do not fit each other.
    #[error("{0}")]
    Options(String),
    /// The machine's memory cannot be read.
    #[error(transparent)]
    Memory(#[from] mlx_memory::Error),
}
