//! A GGUF file under its own names.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::file::PositionedFile;
use super::header::{Header, TensorInfo};
use super::quant;
use super::tensor::Tensor;
use super::value::Value;
use crate::{Error, Result};

/// An open GGUF file: its metadata, and tensors that are read when asked for.
#[derive(Debug)]
pub struct Container {
    file: PositionedFile,
    header: Header,
    by_name: HashMap<String, usize>,
}

impl Container {
    /// Reads and checks the header of a GGUF file, version 2 or 3.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = PositionedFile::open(path.as_ref())?;
        let header = Header::read(file.stream(), file.len())
            .map_err(|problem| Error::Gguf { path: file.path().to_owned(), problem })?;
        let by_name =
            header.tensors.iter().enumerate().map(|(index, tensor)| (tensor.name.clone(), index)).collect();
        Ok(Self { file, header, by_name })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// All metadata, by key.
    pub fn metadata(&self) -> &BTreeMap<String, Value> {
        &self.header.metadata
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.header.tensors
    }

    /// Where and how a tensor is stored, by its name in the file.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).and_then(|&index| self.header.tensors.get(index))
    }

    /// Reads a tensor by its name in the file.
    pub fn load(&self, name: &str) -> Result<Tensor> {
        let info = self.tensor(name).ok_or_else(|| self.no_tensor(name))?;
        Ok(Tensor { shape: info.shape.clone(), data: quant::decode(info.format, &self.bytes(info)?) })
    }

    /// A tensor's bytes as they are in the file.
    pub(super) fn bytes(&self, info: &TensorInfo) -> Result<Vec<u8>> {
        self.file.read(info.offset, info.bytes)
    }

    /// A metadata value of a certain type, if the key is there.
    pub(super) fn value<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.metadata().get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.error(format!("metadata `{key}` is not {wanted}")))
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        Error::Gguf { path: self.path().to_owned(), problem: problem.into() }
    }

    pub(super) fn no_tensor(&self, name: &str) -> Error {
        Error::NoTensor { path: self.path().to_owned(), name: name.to_owned() }
    }
}
