//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::failed;
use crate::Result;

/// A file written beside its target, which it replaces when it is whole. It goes away if it never is.
#[derive(Debug)]
pub(super) struct Beside {
    target: PathBuf,
    path: PathBuf,
    /// None when it is in place.
    file: Option<BufWriter<File>>,
}

impl Beside {
    pub(super) fn create(target: &Path) -> Result<Self> {
        let mut refused = std::io::ErrorKind::AlreadyExists.into();
        for at in 0..MOST_TRIES {
            let mut name = target.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}-{at}.part", std::process::id()));
            let path = target.with_file_name(name);
            match File::create_new(&path) {
                Ok(file) => {
                    return Ok(Self { target: target.to_owned(), path, file: Some(BufWriter::new(file)) });
                }
                Err(error) => refused = error,
            }
            if refused.kind() != std::io::ErrorKind::AlreadyExists {
                break;
            }
        }
        Err(failed(target, refused))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| failed(&self.target, error))
    }

    /// Writes `header` over the beginning, and puts the file in place.
    pub(super) fn put(mut self, header: &[u8]) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let put = || {
            let mut file = file.into_inner().map_err(|error| error.into_error())?;
            std::io::Seek::rewind(&mut file)?;
            file.write_all(header)?;
            drop(file);
            fs::rename(&self.path, &self.target)
        };
        put().map_err(|error| {
            let _ = fs::remove_file(&self.path);
            failed(&self.target, error)
        })
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }
}

/// How many names are tried.
const MOST_TRIES: u32 = 1000;

impl Drop for Beside {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // There is nobody to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}
