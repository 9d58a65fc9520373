//! Reading and writing npy, NumPy's format of one array.

use std::io::{Read, Seek, Write};
use std::path::Path;

use super::file::{self, Bytes, READER, WRITER, about};
use super::npy_header::Header;
use crate::ffi::source::Source;
use crate::{Array, Dtype, Result, ffi};

/// Opens a file of one array, which is read when it is first used, so the file has to stay as it is until then:
/// what cannot be read any more is zeros, and an error of the `eval` that read it.
///
/// # Errors
/// The file is missing, is no npy file or cut off, is big-endian, or holds something that is no type of MLX's.
#[track_caller]
pub fn load_npy(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let (header, bytes) = about("load_npy", path.display(), Bytes::of_file(path, Header::read))?;
    array(&header, bytes)
}

/// Reads the array that follows in `reader`, when it is first used, on a thread of MLX's.
///
/// # Errors
/// As [`load_npy`]. A reader that fails or panics later is an error of the `eval` that read from it.
#[track_caller]
pub fn read_npy(reader: impl Read + Seek + Send + 'static) -> Result<Array> {
    let (header, bytes) = about("read_npy", READER, Bytes::of_reader(reader, Header::read))?;
    array(&header, bytes)
}

/// The array of a header, whose data follows it in `bytes`.
#[track_caller]
pub(super) fn array(header: &Header, bytes: Bytes) -> Result<Array> {
    let Bytes { name, data, start, .. } = bytes;
    let (head, start) = (header.canonical(), start.saturating_add(header.taken));
    let array = ffi::io::load(Source { name, head, data, start, length: header.data })?;
    if header.dtype == Dtype::Bool { array.view(Dtype::Bool) } else { Ok(array) }
}

/// Writes one array to a new file beside `path`, then puts it in place. `bfloat16` gets MLX's own type `V2`.
///
/// # Errors
/// The array cannot be computed or the file not written. Whatever was at `path` is then still there.
#[track_caller]
pub fn save_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    file::replace("save_npy", path.as_ref(), ".npy", |beside| ffi::io::save(beside, array))
}

/// Writes one array to `writer`.
///
/// # Errors
/// As [`save_npy`]; a part may then be written.
#[track_caller]
pub fn write_npy(mut writer: impl Write, array: &Array) -> Result<()> {
    ffi::io::save_to("write_npy", &mut writer, array)?;
    about("write_npy", WRITER, writer.flush().map_err(|error| error.to_string()))
}
