//! `model.bin` of CTranslate2.
//!
//! Little-endian: version, name and revision of the model, then each variable with its name, sizes, type and bytes,
//! then other names of some of them. A text is its length in 16 bits and bytes that end in a zero.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use half::{bf16, f16};
use mlx_core::{Array, Dtype};

use crate::{Error, Result};

/// What a reader of a file found wrong, without the file's name.
type Reading<T> = Result<T, String>;

/// The versions of the format that can be read.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=6;

/// The variables of a model, under their own names and the other ones. Bytes that stand for floats are floats here.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Array>> {
    let file = File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let left = file.metadata().map_err(|source| Error::File { path: path.to_owned(), source })?.len();
    let read = Reader { from: BufReader::new(file), left }.variables();
    read.map_err(|problem| Error::config(path.display().to_string(), problem))
}

struct Reader<R> {
    from: R,
    /// Bytes that are left of the file.
    left: u64,
}

/// A variable as it is stored.
struct Variable {
    shape: Vec<i32>,
    kind: u8,
    bytes: Vec<u8>,
}

impl<R: Read> Reader<R> {
    fn variables(mut self) -> Reading<BTreeMap<String, Array>> {
        let version = u32::from_le_bytes(self.take()?);
        if !VERSIONS.contains(&version) {
            let (first, last) = VERSIONS.into_inner();
            return Err(format!("its version is {version}, and only {first} to {last} can be read"));
        }
        let model = self.text()?;
        if !model.starts_with("Whisper") {
            return Err(format!("it is a `{model}`, not a Whisper model"));
        }
        self.take::<4>()?;
        let count = u32::from_le_bytes(self.take()?);
        let mut stored = BTreeMap::new();
        for _ in 0..count {
            let name = self.text()?;
            let variable = self.variable().map_err(|problem| format!("{name}: {problem}"))?;
            stored.insert(name, variable);
        }
        let mut arrays = floats(&stored)?;
        for _ in 0..u32::from_le_bytes(self.take()?) {
            let (other, name) = (self.text()?, self.text()?);
            if let Some(array) = arrays.get(&name).cloned() {
                arrays.insert(other, array);
            }
        }
        Ok(arrays)
    }

    fn variable(&mut self) -> Reading<Variable> {
        let [rank] = self.take()?;
        let shape = (0..rank)
            .map(|_| {
                let size = u32::from_le_bytes(self.take()?);
                i32::try_from(size).map_err(|_| format!("a size of {size} is too large"))
            })
            .collect::<Reading<Vec<_>>>()?;
        let [kind] = self.take()?;
        let length = u32::from_le_bytes(self.take()?);
        let bytes = self.bytes(length.into())?;
        Ok(Variable { shape, kind, bytes })
    }

    fn text(&mut self) -> Reading<String> {
        let length = u16::from_le_bytes(self.take()?);
        let mut bytes = self.bytes(length.into())?;
        bytes.pop_if(|last| *last == 0);
        String::from_utf8(bytes).map_err(|_| "a name in it is not UTF-8".to_owned())
    }

    fn take<const N: usize>(&mut self) -> Reading<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        bytes.try_into().map_err(|_| cut_off())
    }

    /// So many bytes, for which no room is made before the file is known to have them.
    fn bytes(&mut self, length: u64) -> Reading<Vec<u8>> {
        self.left = self.left.checked_sub(length).ok_or_else(cut_off)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| cut_off())?];
        self.from.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

fn cut_off() -> String {
    "it ends too early: download it again".to_owned()
}

/// The arrays of all variables that are floats, or stand for some with a scale for each row.
fn floats(stored: &BTreeMap<String, Variable>) -> Reading<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    for (name, variable) in stored {
        let about = |problem: String| format!("{name}: {problem}");
        let array = variable.array().map_err(about)?;
        let array = match stored.get(&format!("{name}_scale")) {
            Some(scale) if matches!(variable.kind, 1 | 2) => {
                scaled(&array, &scale.array().map_err(about)?).map_err(|error| about(error.to_string()))?
            }
            _ => array,
        };
        arrays.insert(name.clone(), array);
    }
    arrays.retain(|name, _| !name.ends_with("_scale"));
    Ok(arrays)
}

/// Rows of whole numbers, each divided by its scale.
fn scaled(rows: &Array, scale: &Array) -> mlx_core::Result<Array> {
    rows.astype(Dtype::Float32)? / scale.astype(Dtype::Float32)?.reshape([-1, 1])?
}

impl Variable {
    fn array(&self) -> Reading<Array> {
        let array = match self.kind {
            0 => self.elements(f32::from_le_bytes),
            1 => self.elements(i8::from_le_bytes),
            2 => self.elements(i16::from_le_bytes),
            3 => self.elements(i32::from_le_bytes),
            4 => self.elements(f16::from_le_bytes),
            5 => self.elements(bf16::from_le_bytes),
            kind => return Err(format!("its type {kind} is not known")),
        };
        array.map_err(|error| error.to_string())
    }

    fn elements<T: mlx_core::Element, const N: usize>(
        &self,
        of: fn([u8; N]) -> T,
    ) -> mlx_core::Result<Array> {
        let (elements, _) = self.bytes.as_chunks::<N>();
        Array::from_vec(elements.iter().map(|&bytes| of(bytes)).collect(), &self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len() + 1).unwrap().to_le_bytes();
        [&length[..], text.as_bytes(), &[0]].concat()
    }

    fn variable(name: &str, shape: &[u32], kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = text(name);
        bytes.push(shape.len() as u8);
        bytes.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        bytes.push(kind);
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// A model of a matrix in bytes with scales, and a row of floats with another name.
    fn model() -> Vec<u8> {
        let scale: Vec<_> = [2.0_f32, 4.0].iter().flat_map(|scale| scale.to_le_bytes()).collect();
        [
            6_u32.to_le_bytes().to_vec(),
            text("WhisperSpec"),
            3_u32.to_le_bytes().to_vec(),
            3_u32.to_le_bytes().to_vec(),
            variable("a/weight", &[2, 2], 1, &[2, 4, 8, 0xfc]),
            variable("a/weight_scale", &[2], 0, &scale),
            variable("b", &[1], 4, &f16::from_f32(0.5).to_le_bytes()),
            1_u32.to_le_bytes().to_vec(),
            text("c"),
            text("b"),
        ]
        .concat()
    }

    fn read(bytes: &[u8]) -> Reading<BTreeMap<String, Array>> {
        Reader { from: bytes, left: bytes.len() as u64 }.variables()
    }

    #[test]
    fn rows_of_bytes_are_divided_by_their_scales() {
        let arrays = read(&model()).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["a/weight", "b", "c"]);
        assert_eq!(arrays["a/weight"].to_vec::<f32>().unwrap(), [1.0, 2.0, 2.0, -1.0]);
        assert_eq!(arrays["c"].to_vec::<f16>().unwrap(), [f16::from_f32(0.5)]);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_an_error() {
        let whole = model();
        for length in 0..whole.len() {
            read(&whole[..length]).unwrap_err();
        }
    }

    #[test]
    fn another_model_and_another_version_are_named() {
        let mut other = model();
        other[6] = b'B';
        assert!(read(&other).unwrap_err().contains("`Bhisper"));
        other[0] = 9;
        assert!(read(&other).unwrap_err().contains("version is 9"));
    }

    #[test]
    fn a_length_beyond_the_file_allocates_nothing() {
        let mut bytes = model();
        let at = bytes.len() - text("c").len() - text("b").len() - 4 - 2 - 4;
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&bytes).unwrap_err().contains("ends too early"));
    }
}
