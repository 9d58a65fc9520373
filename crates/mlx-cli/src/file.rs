//! Files that are written: whole, or not at all.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Outcome;
use crate::interrupt::Hold;

/// A new file beside its place. It goes away unless it is put there.
pub(crate) struct NewFile {
    path: PathBuf,
    file: NamedTempFile,
    /// Let go last.
    _hold: Hold,
}

impl NewFile {
    pub(crate) fn beside(path: &Path) -> Outcome<Self> {
        let _hold = Hold::begin();
        check(path)?;
        let file = beside(path).map_err(|error| about(path, error))?;
        Ok(Self { path: path.to_owned(), file, _hold })
    }

    pub(crate) fn put_in_place(self) -> Outcome {
        self.file.persist(&self.path).map_err(|refused| about(&self.path, refused.error))?;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes).map_err(|error| std::io::Error::new(error.kind(), about(&self.path, error)))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Writes a file of these bytes.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Outcome {
    let mut file = NewFile::beside(path)?;
    file.write_all(bytes)?;
    file.put_in_place()
}

/// Says before long work whether a file can be put at `path`: in a folder that is there, and in the place of a file only.
pub(crate) fn check(path: &Path) -> Outcome {
    let problem = match fs::metadata(path) {
        Ok(about) if about.is_file() => None,
        Ok(about) if about.is_dir() => Some("is a folder: name a file in it"),
        Ok(_) => Some("is no file that could be replaced: name another"),
        Err(_) if path.file_name().is_none() => Some("names no file"),
        Err(_) => None,
    };
    if let Some(problem) = problem {
        return Err(format!("{}: {problem}", path.display()).into());
    }
    let folder = folder(path);
    if !folder.is_dir() {
        let problem = format!("there is no folder {}: make it first", folder.display());
        return Err(format!("{}: {problem}", path.display()).into());
    }
    let _hold = Hold::begin();
    beside(path).map_err(|error| about(path, error))?;
    Ok(())
}

fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder(path))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names the file, instead of the one beside it that the error may name.
fn about(path: &Path, error: std::io::Error) -> String {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    format!("cannot write {}: {why}", path.display())
}
