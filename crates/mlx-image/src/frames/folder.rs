//! A folder of images.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Source, natural};
use crate::{Error, Image, Opening, Result};

/// The ends of the names of images.
const ENDS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// The images in a folder, in natural order of their names.
pub(super) struct Folder {
    files: std::vec::IntoIter<PathBuf>,
    opening: Opening,
}

/// The images of a folder, and how many there are.
///
/// # Errors
/// It cannot be read or has no images.
pub(super) fn open(path: &Path, opening: Opening) -> Result<(Folder, usize)> {
    let failed = |source: io::Error| Error::Read { path: path.to_owned(), source };
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        if is_image(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::NoFile { path: path.to_owned(), problem: "is a folder without images" });
    }
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.sort_by(|left, right| natural::compare(&name(left), &name(right)));
    let count = files.len();
    Ok((Folder { files: files.into_iter(), opening }, count))
}

fn is_image(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && end.is_some_and(|end| ENDS.contains(&end.as_str())) && path.is_file()
}

impl Source for Folder {
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>> {
        let file = self.files.next().filter(|_| wanted);
        file.map(|file| Image::open_with(file, &self.opening)).transpose()
    }
}
