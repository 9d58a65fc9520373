//! The cache of the Hub.

use std::fs;
use std::path::Path;

use mlx_hub::Cache;
use mlx_memory::Bytes;

use super::report::Report;

/// Tells where it is and what it holds, and whether it can be written to.
pub(super) fn examine(report: &mut Report) {
    let Some(cache) = Cache::of_environment() else {
        report.section("Hub cache");
        report.wrong("there is no home folder for it", "set HF_HOME to a folder");
        return;
    };
    let path = cache.path();
    let models = cache.models();
    let section = report.section("Hub cache");
    section.fact("folder", path.display().to_string()).fact("exists", path.exists());
    section.fact("offline", cache.is_offline());
    match models {
        Ok(models) => {
            let bytes = models.iter().fold(Bytes::ZERO, |sum, model| sum + Bytes::new(model.bytes));
            let named = models.iter().map(|model| format!("{} ({})", model.id, Bytes::new(model.bytes)));
            section.fact("holds", bytes).fact("models", named.collect::<Vec<_>>());
            for model in models.iter().filter(|model| model.unfinished > 0) {
                let problem = format!(
                    "{} has {} files that were not downloaded to their end",
                    model.id, model.unfinished
                );
                report.note(problem, "load it once more while online");
            }
        }
        Err(error) => {
            report.wrong(error, "give your user the right to read it, or set HF_HUB_CACHE to another folder")
        }
    }
    if let Err(error) = write_to(path) {
        let way_out = "give your user the right to write there, or set HF_HUB_CACHE to another folder";
        report.wrong(format!("{} cannot be written to ({error})", path.display()), way_out);
    }
    if cache.is_offline() {
        report.note("HF_HUB_OFFLINE is set, so that nothing is downloaded", "unset it to fetch models");
    }
}

/// Writes a file that goes away to a folder, or to where it would be made.
fn write_to(folder: &Path) -> std::io::Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    if !fs::metadata(there)?.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    tempfile::tempfile_in(there).map(drop)
}
