//! Files of `torch.save` since its version 1.6: zip archives of a pickle and of the numbers that it names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use mlx_core::Array;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Kind, Pickles, Problem, Tensor, Value};
use crate::{Error, Result};

/// The tensors of a file by their paths: the keys of dictionaries within each other with dots between them, and an empty
/// one for a tensor that is the whole of it.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Array>> {
    let file = File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let found = tensors(BufReader::new(file));
    let found = found.map_err(|problem| Error::config(path.display().to_string(), problem))?;
    found.into_iter().map(|(name, values, shape)| Ok((name, Array::from_vec(values, shape)?))).collect()
}

type Named = (String, Vec<f32>, Vec<i32>);

/// The most bytes of a pickle, which holds no numbers.
const MOST_BYTES: u64 = 1 << 26;
/// Dictionaries within each other that are looked into.
const MOST_DEEP: usize = 8;

fn tensors(reader: impl Read + Seek) -> Result<Vec<Named>, Problem> {
    let mut archive =
        ZipArchive::new(reader).map_err(|error| format!("is no archive of torch.save: {error}"))?;
    let names = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned()));
    let pickle = names.into_iter().find(|name| name == "data.pkl" || name.ends_with("/data.pkl"));
    let pickle = pickle.ok_or("is an archive without a data.pkl, so not of torch.save")?;
    let root = pickle.trim_end_matches("data.pkl").to_owned();
    if archive.index_for_name(&format!("{root}byteorder")).is_some() {
        let order = member(&mut archive, &format!("{root}byteorder"), MOST_BYTES)?;
        if order.starts_with(b"big") {
            return Err("was written with the most significant byte first: convert it to safetensors".into());
        }
    }
    let bytes = member(&mut archive, &pickle, MOST_BYTES)?;
    let mut pickles = Pickles::new(&bytes);
    let object = pickles.read()?;
    let mut places = Vec::new();
    walk(&pickles, object, String::new(), MOST_DEEP, &mut places);
    let named = |(name, at): (String, usize)| {
        let tensor = pickles.tensors.get(at).ok_or_else(|| format!("{name} is not there"))?;
        let values =
            numbers(&mut archive, &root, &pickles, tensor).map_err(|why| format!("{name}: {why}"))?;
        Ok((name, values, tensor.shape.clone()))
    };
    places.into_iter().map(named).collect()
}

/// Notes the tensors in dictionaries, and where they are.
fn walk<'a>(
    pickles: &Pickles<'a>,
    value: Value<'a>,
    path: String,
    depth: usize,
    places: &mut Vec<(String, usize)>,
) {
    match (value, depth.checked_sub(1)) {
        (Value::Tensor(at), _) => places.push((path, at)),
        (Value::Dict(_), Some(depth)) => {
            for (key, value) in pickles.entries(value) {
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                walk(pickles, value, path, depth, places);
            }
        }
        _ => {}
    }
}

/// The numbers of a tensor, from the member that its storage is.
fn numbers<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    root: &str,
    pickles: &Pickles<'_>,
    tensor: &Tensor,
) -> Result<Vec<f32>, Problem> {
    let storage = pickles.storages.get(tensor.storage).filter(|storage| storage.kind == Kind::Single);
    let storage = storage.ok_or("is not of singles: convert the file to safetensors")?;
    let length = storage.length as u64;
    let bytes = member(archive, &format!("{root}data/{}", storage.key), length.saturating_mul(4))?;
    let all = bytes.as_chunks::<4>().0;
    let part = all.get(tensor.elements.clone()).ok_or("its numbers are cut off: fetch the file again")?;
    Ok(part.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

/// The bytes of a member, which torch does not compress.
fn member<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, most: u64) -> Result<Vec<u8>, Problem> {
    let failed = |error: &dyn std::fmt::Display| format!("{name} in it cannot be read: {error}");
    let file = archive.by_name(name).map_err(|error| failed(&error))?;
    if file.compression() != CompressionMethod::Stored || file.size() > most {
        return Err(failed(&"it is compressed, or larger than its description"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A tensor `[2]` under `a` and `w` in dictionaries, of three numbers.
    fn pickle() -> Vec<u8> {
        let mut bytes = b"\x80\x02}X\x01\0\0\0a}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
        bytes.extend(b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x03t");
        bytes.extend(b"QK\x01K\x02\x85K\x01\x85\x89NtRss.");
        bytes
    }

    fn file(pickle: &[u8], numbers: &[f32]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        for (name, bytes) in [("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", &numbers)] {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn tensors_in_dictionaries_are_read_with_their_paths() {
        let read = tensors(Cursor::new(file(&pickle(), &[1.5, 2.5, -3.0]))).unwrap();
        assert_eq!(read, [("a.w".to_owned(), vec![2.5, -3.0], vec![2])]);
    }

    #[test]
    fn what_torch_wrote_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kokoro");
        let found = read(&folder.join("nested.pth")).unwrap();
        let values = |name: &str| found[name].to_vec::<f32>().unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(values("bert.module.norm.weight"), [0.0, 1.0, 2.0]);
        // A part of a storage.
        assert_eq!(values("bert.module.norm.bias"), [1.0, 2.0]);
        assert_eq!(found["decoder.a"].shape(), [2, 1]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let problem = |bytes: Vec<u8>| tensors(Cursor::new(bytes)).unwrap_err();
        assert!(problem(b"hello".to_vec()).contains("no archive"));
        assert!(problem(file(b"\x80\x02cos\nsystem\n.", &[])).contains("os.system, which is not run"));
        assert!(problem(file(&pickle(), &[1.0])).contains("cut off"));
        assert!(problem(file(&pickle(), &[1.0; 4])).contains("larger than its description"));
    }

    #[test]
    fn damage_never_panics() {
        let whole = file(&pickle(), &[1.5, 2.5, -3.0]);
        for at in 0..whole.len() {
            let _ = tensors(Cursor::new(whole[..at].to_vec()));
            for change in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                for (_, values, shape) in tensors(Cursor::new(bytes)).unwrap_or_default() {
                    assert_eq!(values.len() as i32, shape.iter().product::<i32>());
                }
            }
        }
    }
}
