//! From a path to the bytes of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::{Error, Limits, Result};

/// What a file holds, if it is no larger than it may be.
///
/// # Errors
/// The path is a folder or an address, or the file cannot be read or is too large.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    check(path)?;
    if path.is_dir() {
        let problem = "is a folder: the images in it are read by `Frames::open`";
        return Err(Error::NoFile { path: path.to_owned(), problem });
    }
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    within(&path.display().to_string(), length, limits)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Refuses what is no path.
pub(crate) fn check(path: &Path) -> Result<()> {
    let text = path.to_string_lossy();
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let problem = match scheme.as_deref() {
        Some("http" | "https" | "ftp" | "s3" | "hf") => {
            "is an address, not a file: download it and give the path of the copy"
        }
        Some("file") => "is an address, not a path: leave out `file://`",
        Some("data") => "is data, not a path: decode its base64 and use `Image::decode`",
        _ => return Ok(()),
    };
    // A file that happens to be called so is a file.
    if path.exists() {
        return Ok(());
    }
    // Addresses of data are long.
    let shown = text.chars().take(80).collect::<String>();
    Err(Error::NoFile { path: shown.into(), problem })
}

/// Refuses more bytes than there may be.
pub(crate) fn within(name: &str, length: u64, limits: &Limits) -> Result<()> {
    if length <= limits.bytes {
        return Ok(());
    }
    let found = format!("its size of {length} bytes");
    Err(Error::TooLarge { name: name.to_owned(), found, limit: "bytes", most: limits.bytes })
}
