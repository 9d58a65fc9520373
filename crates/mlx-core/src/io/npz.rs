//! Reading and writing npz, NumPy's archive of arrays by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::file::{self, Bytes, READER, WRITER, about};
use super::npy::array;
use super::npy_header::Header;
use crate::{Array, Result, ffi};

/// How the members of an archive are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are, as NumPy's `savez` does.
    #[default]
    None,
    /// Deflated, as NumPy's `savez_compressed` does.
    Deflate,
}

/// Reads all arrays of a file, by their names without `.npy`. A deflated one may be a thousand times as large as
/// it is in the file. Of two of a name the last counts, as in NumPy.
///
/// # Errors
/// The file is missing, is no archive, or holds something else than npy files or one that is damaged.
#[track_caller]
pub fn load_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    let members = file::open(path).and_then(|(file, _)| members(BufReader::new(file)));
    arrays(about("load_npz", path.display(), members)?)
}

/// Reads all arrays of an archive in `reader`.
///
/// # Errors
/// As [`load_npz`].
#[track_caller]
pub fn read_npz(reader: impl Read + Seek) -> Result<BTreeMap<String, Array>> {
    arrays(about("read_npz", READER, members(reader))?)
}

#[track_caller]
fn arrays(members: BTreeMap<String, (Header, Vec<u8>)>) -> Result<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    for (name, (header, data)) in members {
        let header = Header { taken: 0, ..header };
        let bytes = Bytes { name: name.clone(), length: header.data, data: Box::new(data), start: 0 };
        arrays.insert(name, array(&header, bytes)?);
    }
    Ok(arrays)
}

/// The members of an archive: each array's header and data.
fn members(reader: impl Read + Seek) -> Result<BTreeMap<String, (Header, Vec<u8>)>, String> {
    let mut archive = ZipArchive::new(reader).map_err(|error| error.to_string())?;
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|error| error.to_string())?;
        let (size, name) = (file.size(), file.name().map_err(|error| error.to_string())?.into_owned());
        let Some(key) = name.strip_suffix(".npy") else {
            return Err(format!("its member {name} is no npy file"));
        };
        let member = member(&mut file, size).map_err(|why| format!("its member {name}: {why}"))?;
        members.insert(key.to_owned(), member);
    }
    Ok(members)
}

/// Reads one member to its end, where its checksum is compared.
fn member(file: &mut impl Read, size: u64) -> Result<(Header, Vec<u8>), String> {
    let header = Header::read(file, size)?;
    let mut data = Vec::new();
    file.take(header.data.saturating_add(1)).read_to_end(&mut data).map_err(|error| error.to_string())?;
    match data.len() as u64 {
        read if read == header.data => Ok((header, data)),
        read if read < header.data => Err("it is cut off".to_owned()),
        _ => Err("something follows its array".to_owned()),
    }
}

/// Writes arrays by name to a new file beside `path`, then puts it in place.
///
/// # Errors
/// Two arrays have the same name, one cannot be computed, or the file not written. Whatever was at `path` is
/// then still there.
#[track_caller]
pub fn save_npz<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    compression: Compression,
) -> Result<()> {
    let path = path.as_ref();
    file::replace("save_npz", path, ".npz", |beside| {
        let file = File::create(beside).map_err(|error| error.to_string());
        let file = about("save_npz", path.display(), file)?;
        write("save_npz", &path.display(), BufWriter::new(file), (arrays, compression))
    })
}

/// Writes an archive of arrays to `writer`.
///
/// # Errors
/// As [`save_npz`]; a part may then be written.
#[track_caller]
pub fn write_npz<'a>(
    writer: impl Write + Seek,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    compression: Compression,
) -> Result<()> {
    write("write_npz", &WRITER, writer, (arrays, compression))
}

#[track_caller]
fn write<'a>(
    op: &'static str,
    place: &dyn Display,
    writer: impl Write + Seek,
    (arrays, compression): (impl IntoIterator<Item = (&'a str, &'a Array)>, Compression),
) -> Result<()> {
    let method = match compression {
        Compression::None => CompressionMethod::Stored,
        Compression::Deflate => CompressionMethod::Deflated,
    };
    let options = SimpleFileOptions::DEFAULT.compression_method(method);
    let (mut archive, mut names) = (ZipWriter::new(writer), BTreeSet::new());
    for (name, array) in arrays {
        let fresh = if names.insert(name) { Ok(()) } else { Err(format!("the name {name} is taken")) };
        about(op, place, fresh)?;
        // A member that may pass four gigabytes, with its header, has to say so before it.
        let options = options.large_file(array.nbytes() >= u32::MAX as usize - 100_000);
        let begun = archive.start_file(format!("{name}.npy"), options).map_err(|error| error.to_string());
        about(op, place, begun)?;
        ffi::io::save_to(op, &mut archive, array)?;
    }
    let flushed = archive.finish().map_err(|error| error.to_string());
    let flushed = flushed.and_then(|mut writer| writer.flush().map_err(|error| error.to_string()));
    about(op, place, flushed)
}
