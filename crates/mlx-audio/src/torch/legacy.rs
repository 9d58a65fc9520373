//! Files of `torch.save` before its version 1.6: pickles that describe tensors, and their numbers behind them.
//!
//! The layout is that which torch calls legacy: a magic number, a version, what the system is like, the object, the keys of
//! the storages, and for each key a count and the numbers.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_core::Array;

use super::pickle::{Kind, Pickles, Problem, Value, integer};
use crate::{Error, Result};

/// How every such file begins: a pickle of the number 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The tensors in the dictionary `name` of a file.
pub(crate) fn read(path: &Path, name: &str) -> Result<BTreeMap<String, Array>> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let tensors =
        tensors(&bytes, name).map_err(|problem| Error::config(path.display().to_string(), problem))?;
    let array =
        |(key, values, shape): (String, Vec<f32>, Vec<i32>)| Ok((key, Array::from_vec(values, shape)?));
    tensors.into_iter().map(array).collect()
}

type Named = (String, Vec<f32>, Vec<i32>);

fn tensors(bytes: &[u8], name: &str) -> Result<Vec<Named>, Problem> {
    if bytes.starts_with(b"PK") {
        return Err("is a zip archive of torch 1.6 or later: convert it to safetensors".into());
    }
    let bytes = bytes.strip_prefix(MAGIC).ok_or("is no file of torch.save")?;
    let mut pickles = Pickles::new(bytes);
    if integer(pickles.read()?) != Some(1001) {
        return Err("has a version that is not supported: convert it to safetensors".into());
    }
    let system = pickles.read()?;
    if pickles.entries(system).any(|entry| entry == ("little_endian", Value::Bool(false))) {
        return Err("was written with the most significant byte first: convert it to safetensors".into());
    }
    let object = pickles.read()?;
    let dictionary = pickles.entries(object).find(|(key, _)| *key == name).map(|(_, value)| value);
    let dictionary = dictionary.ok_or_else(|| format!("has no `{name}`"))?;
    let keys = pickles.read()?;
    let data = storages(&pickles, keys)?;
    let tensor = |(key, value): (&str, Value<'_>)| {
        let Value::Tensor(at) = value else { return Err(format!("`{name}` has {key}, which is no tensor")) };
        let tensor = pickles.tensors.get(at).ok_or_else(|| format!("{key} is not there"))?;
        let single = pickles.storages.get(tensor.storage).filter(|storage| storage.kind == Kind::Single);
        let storage =
            single.ok_or_else(|| format!("{key} is not of singles: convert the file to safetensors"))?;
        let numbers = data.get(storage.key).ok_or_else(|| format!("the numbers of {key} are not there"))?;
        let numbers = numbers
            .get(tensor.elements.clone())
            .ok_or_else(|| format!("the numbers of {key} are cut off"))?;
        let values = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        Ok((key.to_owned(), values, tensor.shape.clone()))
    };
    pickles.entries(dictionary).map(tensor).collect()
}

/// The numbers of the storages that hold singles, by their keys.
fn storages<'a>(pickles: &Pickles<'a>, keys: Value<'a>) -> Result<BTreeMap<&'a str, &'a [[u8; 4]]>, Problem> {
    let cut = || "it ends within its numbers: fetch it again".to_owned();
    let mut rest = pickles.rest();
    let mut all = BTreeMap::new();
    for &key in pickles.elements(keys) {
        let storage = pickles.storages.iter().find(|storage| Value::Text(storage.key) == key);
        let storage = storage.ok_or("it has numbers that no tensor refers to")?;
        let (count, after) = rest.split_first_chunk().ok_or_else(cut)?;
        if u64::from_le_bytes(*count) != storage.length as u64 {
            return Err(format!("the storage {} in it has two lengths", storage.key));
        }
        let width = if let Kind::Other(width) = storage.kind { width } else { 4 };
        let length = storage.length.checked_mul(width).ok_or_else(cut)?;
        let (numbers, after) = after.split_at_checked(length).ok_or_else(cut)?;
        if storage.kind == Kind::Single {
            all.insert(storage.key, numbers.as_chunks().0);
        }
        rest = after;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one tensor `[2]`, with what stands for its name in `torch` and the count of its numbers.
    fn file(storage: &str, count: u64, rest: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(b"\x80\x02M\xe9\x03.");
        bytes.extend(b"\x80\x02}(X\x0d\0\0\0little_endian\x88u.");
        bytes.extend(
            b"\x80\x02}X\x01\0\0\0m}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagec",
        );
        bytes.extend(format!("{storage}\n").bytes());
        bytes.extend(b"X\x01\0\0\0kX\x03\0\0\0cpuK\x03NtQK\x01K\x02\x85K\x01\x85\x89NtRss.");
        bytes.extend(b"\x80\x02](X\x01\0\0\0ke.");
        bytes.extend(count.to_le_bytes());
        bytes.extend(rest);
        bytes
    }

    fn numbers() -> Vec<u8> {
        [1.5_f32, 2.5, -3.0].into_iter().flat_map(f32::to_le_bytes).collect()
    }

    #[test]
    fn a_tensor_is_read_from_its_part_of_a_storage() {
        let read = tensors(&file("torch\nFloatStorage", 3, &numbers()), "m").unwrap();
        assert_eq!(read, [("w".to_owned(), vec![2.5, -3.0], vec![2])]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let problem = |bytes: &[u8]| tensors(bytes, "m").unwrap_err();
        assert!(problem(b"PK\x03\x04").contains("zip"));
        assert!(problem(b"hello").contains("no file of torch.save"));
        assert!(tensors(&file("torch\nFloatStorage", 3, &numbers()), "x").unwrap_err().contains("no `x`"));
        assert!(problem(&file("os\nsystem", 3, &numbers())).contains("os.system, which is not run"));
        assert!(problem(&file("torch\nIntStorage", 3, &numbers())).contains("w is not of singles"));
        assert!(problem(&file("torch\nFloatStorage", 4, &numbers())).contains("two lengths"));
        assert!(problem(&file("torch\nFloatStorage", 3, &numbers()[1..])).contains("fetch it again"));
    }

    #[test]
    fn a_tensor_that_is_longer_than_its_storage_is_refused() {
        let whole = file("torch\nFloatStorage", 3, &numbers());
        let (from, to) = (b"QK\x01K\x02\x85", b"QK\x02K\x02\x85");
        let at = whole.windows(from.len()).position(|bytes| bytes == from).unwrap();
        let bytes = [&whole[..at], to, &whole[at + to.len()..]].concat();
        assert!(tensors(&bytes, "m").unwrap_err().contains("no sizes that can be"));
    }

    #[test]
    fn a_pickle_of_more_values_than_a_checkpoint_has_is_refused() {
        let bytes = [MAGIC, b"\x80\x02", vec![b'N'; (1 << 20) + 1].as_slice(), b"."].concat();
        assert!(tensors(&bytes, "m").unwrap_err().contains("more than 1048576 values"));
    }

    #[test]
    fn damage_never_panics_and_never_makes_numbers_up() {
        let whole = file("torch\nFloatStorage", 3, &numbers());
        for at in 0..whole.len() {
            assert!(tensors(&whole[..at], "m").is_err());
            for change in 1..=255_u8 {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                if let Ok(read) = tensors(&bytes, "m") {
                    assert!(
                        read.iter()
                            .all(|(_, values, shape)| values.len() as i32 == shape.iter().product::<i32>())
                    );
                    assert!(read.iter().all(|(_, values, _)| values.len() <= 3));
                }
            }
        }
    }
}
