//! Voices: for each number of phonemes, a vector of the style in which they are spoken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, io};

use super::checkpoint::with_ending;
use crate::{Error, Result, torch};

/// A voice, or a mixture of voices.
#[derive(Clone, Debug)]
pub struct Voice {
    name: String,
    /// `[phonemes, 2 · style]`: the style of the sound, then that of the prosody.
    styles: Array,
}

impl Voice {
    /// What it was called when it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The styles of the sound and of the prosody for so many phonemes, `[1, style]` each.
    pub(super) fn styles(&self, phonemes: usize) -> mlx_core::Result<[Array; 2]> {
        let [rows, width] = self.styles.dims()?;
        let row = i32::try_from(phonemes).unwrap_or(i32::MAX).clamp(1, rows) - 1;
        let style = self.styles.index(row..row + 1)?;
        Ok([style.index((.., ..width / 2))?, style.index((.., width / 2..))?])
    }
}

/// Where the voices of a checkpoint are.
pub(super) struct Voices {
    files: BTreeMap<String, PathBuf>,
    /// Archives of several voices, and their names.
    archives: Vec<(PathBuf, Vec<String>)>,
    /// Numbers of a style's vector.
    width: i32,
}

/// How files of one voice end.
const ENDINGS: [&str; 4] = ["safetensors", "npy", "pt", "bin"];

impl Voices {
    /// Looks for them in the folder of a checkpoint, and in `voices` in it.
    pub(super) fn find(folder: &Path, width: i32) -> Result<Self> {
        let inner = folder.join("voices");
        let mut files = BTreeMap::new();
        if inner.is_dir() {
            for ending in ENDINGS {
                let each = with_ending(&inner, ending)?.into_iter();
                files.extend(each.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path))));
            }
        }
        let mut archives = Vec::new();
        for path in with_ending(folder, "npz")?.into_iter().chain(with_ending(folder, "bin")?) {
            if is_zip(&path)? {
                let names = io::read_npz(open(&path)?)?.into_keys().collect();
                archives.push((path, names));
            } else if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) {
                files.insert(name.to_owned(), path);
            }
        }
        Ok(Self { files, archives, width })
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let of_archives = self.archives.iter().flat_map(|(_, names)| names);
        let mut names: Vec<String> = self.files.keys().chain(of_archives).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    /// The voice of this name or in this file, or a mixture: `af_heart:0.6,am_michael:0.4`, in equal parts without numbers.
    pub(super) fn get(&self, name: &str) -> Result<Voice> {
        let mut sum: Option<Array> = None;
        let mut parts = 0.0;
        for part in name.split(',').map(str::trim) {
            let (voice, share) = share(part)?;
            let styles = (self.one(voice)? * share)?;
            parts += share;
            sum = Some(match sum {
                Some(sum) if sum.shape() == styles.shape() => (sum + styles)?,
                Some(sum) => {
                    let range = format!("{:?} and {:?} cannot be mixed", sum.shape(), styles.shape());
                    return Err(Error::option("voice", part, range));
                }
                None => styles,
            });
        }
        match sum {
            Some(sum) if parts > 0.0 => {
                let styles = (sum / parts)?;
                styles.eval()?;
                Ok(Voice { name: name.to_owned(), styles })
            }
            _ => Err(Error::option("voice", name, "the parts of voices must be more than 0")),
        }
    }

    /// The styles of one voice: `[phonemes, width]`.
    fn one(&self, name: &str) -> Result<Array> {
        if let Some(path) = self.files.get(name) {
            return self.styles(path, name);
        }
        if let Some((path, _)) =
            self.archives.iter().find(|(_, names)| names.iter().any(|known| known == name))
        {
            return self.styles(path, name);
        }
        let path = Path::new(name);
        if path.is_file() {
            return self.styles(path, path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name));
        }
        let known = self.names();
        let range = if known.is_empty() {
            "there is no such file, and no voices beside the model".to_owned()
        } else {
            format!("there is no such file; known are {}", known.join(", "))
        };
        Err(Error::option("voice", name, range))
    }

    fn styles(&self, path: &Path, name: &str) -> Result<Array> {
        let file = || path.display().to_string();
        let array = match path.extension().and_then(|ending| ending.to_str()) {
            _ if is_zip(path)? && path.extension().is_some_and(|ending| ending == "pt") => {
                only(torch::archive(path)?, "")
            }
            _ if is_zip(path)? => only(io::read_npz(open(path)?)?, name),
            Some("safetensors") => only(io::load_safetensors(path)?.arrays, "voice"),
            Some("npy") => Some(io::load_npy(path)?),
            _ => Some(numbers(path, self.width)?),
        };
        let array = array.ok_or_else(|| Error::config(file(), format!("has no voice {name}")))?;
        let rows = array.size() as i32 / self.width.max(1);
        if array.shape().last() != Some(&self.width) || !array.dtype().is_float() || rows < 1 {
            let problem = format!(
                "is no voice of this model: it holds {:?}, not floats [.., {}]",
                array.shape(),
                self.width
            );
            return Err(Error::config(file(), problem));
        }
        Ok(array.astype(Dtype::Float32)?.reshape([rows, self.width])?)
    }
}

/// A voice and its part of a mixture.
fn share(part: &str) -> Result<(&str, f32)> {
    match part.rsplit_once(':') {
        Some((voice, share)) if !share.contains(['/', '\\']) => match share.parse() {
            Ok(share) if (0.0..=1e6).contains(&share) => Ok((voice, share)),
            _ => Err(Error::option(
                "voice",
                part,
                "behind the colon there must be a number, as in `af_heart:0.6`",
            )),
        },
        _ => Ok((part, 1.0)),
    }
}

/// The array of this name, or the only one.
fn only(mut arrays: BTreeMap<String, Array>, name: &str) -> Option<Array> {
    match arrays.remove(name) {
        None if arrays.len() == 1 => arrays.into_values().next(),
        found => found,
    }
}

/// Singles as they lie in memory, in rows of `width`.
fn numbers(path: &Path, width: i32) -> Result<Array> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let (numbers, odd) = bytes.as_chunks();
    let values: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    if !odd.is_empty() || values.is_empty() || !values.len().is_multiple_of(width.max(1) as usize) {
        let problem = format!("is no voice: {} bytes are no rows of {width} floats", bytes.len());
        return Err(Error::config(path.display().to_string(), problem));
    }
    let rows = values.len() as i32 / width;
    Ok(Array::from_vec(values, [rows, width])?)
}

fn open(path: &Path) -> Result<std::io::BufReader<std::fs::File>> {
    let file = std::fs::File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(std::io::BufReader::new(file))
}

fn is_zip(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    let read = open(path)?.take(4).read_to_end(&mut start);
    read.map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(start == b"PK\x03\x04")
}
