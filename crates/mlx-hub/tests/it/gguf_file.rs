//! Writes small GGUF files.

use std::io::Write;

use mlx_hub::gguf::Container;
use tempfile::NamedTempFile;

pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;

const ARRAY: u32 = 9;

/// The parts of a GGUF file, to be put together by `bytes`.
#[derive(Clone)]
pub(crate) struct GgufFile {
    version: u32,
    alignment: usize,
    metadata: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
}

impl GgufFile {
    pub(crate) fn new() -> Self {
        Self { version: 3, alignment: 32, metadata: vec![], tensors: vec![], data: vec![] }
    }

    pub(crate) fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    /// Sets how the data is laid out, without saying so in the metadata.
    pub(crate) fn aligned(self, alignment: usize) -> Self {
        Self { alignment, ..self }
    }

    pub(crate) fn value(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.metadata.push([&text(key), &kind.to_le_bytes()[..], value].concat());
        self
    }

    pub(crate) fn u32(self, key: &str, value: u32) -> Self {
        self.value(key, U32, &value.to_le_bytes())
    }

    pub(crate) fn f32(self, key: &str, value: f32) -> Self {
        self.value(key, F32, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.value(key, STRING, &text(value))
    }

    pub(crate) fn array(self, key: &str, kind: u32, items: &[Vec<u8>]) -> Self {
        let head = [&kind.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
        self.value(key, ARRAY, &[head, items.concat()].concat())
    }

    pub(crate) fn texts(self, key: &str, items: &[&str]) -> Self {
        let items: Vec<_> = items.iter().map(|item| text(item)).collect();
        self.array(key, STRING, &items)
    }

    /// Adds a tensor; `dims` are in the file's order, the fastest first.
    pub(crate) fn tensor(mut self, name: &str, dims: &[u64], kind: u32, data: &[u8]) -> Self {
        let offset = self.data.len() as u64;
        self = self.tensor_at(name, dims, kind, offset);
        self.data.extend(data);
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        self
    }

    pub(crate) fn tensor_at(mut self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        let mut info = text(name);
        info.extend((dims.len() as u32).to_le_bytes());
        dims.iter().for_each(|dim| info.extend(dim.to_le_bytes()));
        info.extend(kind.to_le_bytes());
        info.extend(offset.to_le_bytes());
        self.tensors.push(info);
        self
    }

    pub(crate) fn f32_tensor(self, name: &str, dims: &[u64], data: &[f32]) -> Self {
        let data: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, dims, 0, &data)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.metadata.len() as u64).to_le_bytes());
        bytes.extend(self.metadata.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        bytes.extend(&self.data);
        bytes
    }

    pub(crate) fn write(&self) -> NamedTempFile {
        write(&self.bytes())
    }

    pub(crate) fn open_error(&self) -> String {
        open_error(&self.bytes())
    }
}

pub(crate) fn write(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// What opening these bytes fails with, without the path in front.
pub(crate) fn open_error(bytes: &[u8]) -> String {
    let file = write(bytes);
    let error = Container::open(file.path()).unwrap_err().to_string();
    let path = format!("{}: ", file.path().display());
    error.strip_prefix(&path).unwrap_or_else(|| panic!("`{error}` does not name the file")).to_owned()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}
