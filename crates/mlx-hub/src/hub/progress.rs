//! What a download tells its caller.

use std::fmt;
use std::sync::Arc;

/// How far the download of one file has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file's name in the repository.
    pub file: String,
    /// Bytes received.
    pub done: u64,
    /// Bytes in the whole file.
    pub total: u64,
}

/// The caller's function, in a form that can be cloned and printed.
#[derive(Clone)]
pub(crate) struct Report(pub(super) Arc<dyn Fn(&Progress) + Send + Sync>);

impl<F: Fn(&Progress) + Send + Sync + 'static> From<F> for Report {
    fn from(report: F) -> Self {
        Self(Arc::new(report))
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({:p})", self.0)
    }
}
