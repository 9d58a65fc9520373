//! Opening files, and replacing them whole.

use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use crate::ffi::source::ReadAt;
use crate::{Error, Kind, Result};

/// The same result, with the op and the place in its error.
#[track_caller]
pub(super) fn about<T>(op: &'static str, place: impl Display, result: Result<T, String>) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(why) => Err(Error::new(Kind::Io, op, format!("{place}: {why}"))),
    }
}

/// A file and its length.
pub(super) fn open(path: &Path) -> Result<(File, u64), String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    Ok((file, length))
}

/// Where a reader stands, and how many bytes it has from there.
pub(super) fn measure(reader: &mut impl Seek) -> std::io::Result<(u64, u64)> {
    let start = reader.stream_position()?;
    let end = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(start))?;
    Ok((start, end.saturating_sub(start)))
}

/// Bytes to read an array's data from.
pub(super) struct Bytes {
    pub(super) name: String,
    pub(super) data: Box<dyn ReadAt>,
    /// The place of the first byte that is ours.
    pub(super) start: u64,
    /// How many are ours.
    pub(super) length: u64,
}

impl Bytes {
    /// A file, and the header that `read` makes of its first bytes.
    pub(super) fn of_file<H>(
        path: &Path,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<H, String>,
    ) -> Result<(H, Self), String> {
        let (mut file, length) = open(path)?;
        let header = read(&mut file, length)?;
        Ok((header, Self { name: path.display().to_string(), data: Box::new(file), start: 0, length }))
    }

    /// A reader, and the header that `read` makes of its next bytes.
    pub(super) fn of_reader<H>(
        mut reader: impl Read + Seek + Send + 'static,
        read: impl FnOnce(&mut dyn Read, u64) -> Result<H, String>,
    ) -> Result<(H, Self), String> {
        let (start, length) = measure(&mut reader).map_err(|error| error.to_string())?;
        let header = read(&mut reader, length)?;
        Ok((header, Self { name: READER.to_owned(), data: Box::new(Mutex::new(reader)), start, length }))
    }
}

/// What errors call a reader.
pub(super) const READER: &str = "the reader";
/// What errors call a writer.
pub(super) const WRITER: &str = "the writer";

/// Writes a new file beside `path` and puts it in place. It goes away if either fails.
#[track_caller]
pub(super) fn replace(
    op: &'static str,
    path: &Path,
    ending: &str,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let beside = match new_file_beside(path, ending) {
        Ok(beside) => beside,
        Err(error) => return about(op, path.display(), Err(error.to_string())),
    };
    if let Err(error) = write(&beside) {
        return Err(error.at_caller());
    }
    about(op, path.display(), beside.persist(path).map_err(|refused| refused.error.to_string()))
}

/// A file that goes away unless it is put in place, with the mode that the process gives to new files.
fn new_file_beside(path: &Path, ending: &str) -> std::io::Result<tempfile::TempPath> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let file = builder.suffix(ending).permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    Ok(file.into_temp_path())
}
