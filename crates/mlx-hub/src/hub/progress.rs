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
pub(crate) struct Report(Arc<dyn Fn(&Progress) + Send + Sync>);

impl<F: Fn(&Progress) + Send + Sync + 'static> From<F> for Report {
    fn from(report: F) -> Self {
        Self(Arc::new(report))
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

/// Counts one file's bytes for the caller's function.
#[cfg(feature = "download")]
pub(super) struct Meter<'a> {
    report: Option<&'a Report>,
    progress: &'a mut Progress,
}

#[cfg(feature = "download")]
impl<'a> Meter<'a> {
    pub(super) fn new(report: Option<&'a Report>, progress: &'a mut Progress) -> Self {
        Self { report, progress }
    }

    fn tell(&self) {
        if let Some(Report(report)) = self.report {
            report(self.progress);
        }
    }
}

#[cfg(feature = "download")]
impl hf_hub::api::Progress for Meter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.progress.done, self.progress.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.progress.done += size as u64;
        self.tell();
    }

    fn finish(&mut self) {}
}
