//! A GGUF file presented as a Hugging Face checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use super::architecture::Architecture;
use super::config;
use super::container::Container;
use super::header::TensorInfo;
use super::tensor::{Data, Tensor};
use super::value::Value;
use super::{quant, row};
use crate::{Error, Result};

/// Llama 3's rotary factors: part of the configuration, not a weight.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The rotary factors of Phi for long and for short texts, which are part of the configuration, too.
pub(super) const LONG_FACTORS: &str = "rope_factors_long.weight";
pub(super) const SHORT_FACTORS: &str = "rope_factors_short.weight";

/// A GGUF file with Hugging Face names for its configuration and tensors.
#[derive(Debug)]
pub struct Gguf {
    container: Container,
    architecture: &'static Architecture,
    /// Hugging Face's name to the file's.
    names: BTreeMap<String, String>,
}

impl Gguf {
    /// Opens a GGUF file of a known architecture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Container::open(path)?)
    }

    /// Finds the Hugging Face names of an open file's tensors; a tensor without one is an error.
    pub fn new(container: Container) -> Result<Self> {
        let parts = container.value("split.count", "a whole number", Value::as_u64)?.unwrap_or(1);
        if parts > 1 {
            return Err(
                container.error(format!("one of {parts} parts of a split model: merge them into one file"))
            );
        }
        let architecture = architecture(&container)?;
        let mut names = BTreeMap::new();
        let mut unknown = Vec::new();
        let is_setting = |name: &str| [ROPE_FACTORS, LONG_FACTORS, SHORT_FACTORS].contains(&name);
        for tensor in container.tensors().iter().filter(|tensor| !is_setting(&tensor.name)) {
            match architecture.tensor_name(&tensor.name) {
                Some(name) => drop(names.insert(name, tensor.name.clone())),
                None => unknown.push(tensor.name.as_str()),
            }
        }
        if !unknown.is_empty() {
            let (name, unknown) = (architecture.name, unknown.join(", "));
            return Err(container.error(format!("architecture `{name}` has no tensors {unknown}")));
        }
        Ok(Self { container, architecture, names })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.container.path()
    }

    /// The file under its own names.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The configuration with the keys of a Hugging Face `config.json`.
    pub fn config(&self) -> Result<serde_json::Value> {
        config::read(&self.container, self.architecture)
    }

    /// The Hugging Face names of all tensors, sorted.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Where and how a tensor is stored, by its Hugging Face name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.container.tensor(self.names.get(name)?)
    }

    /// Reads a tensor by its Hugging Face name, with its rows in Hugging Face's order and its norms as there.
    pub fn load(&self, name: &str) -> Result<Tensor> {
        let info = self.tensor(name).ok_or_else(|| self.container.no_tensor(name))?;
        let mut bytes = self.container.bytes(info)?;
        if let Some(heads) = self.interleaved_heads(name)? {
            let rows = info.shape.first().copied().unwrap_or_default();
            bytes = row::deinterleave(&bytes, rows, heads).ok_or_else(|| {
                self.container
                    .error(format!("the {rows} rows of `{}` do not divide into {heads} heads", info.name))
            })?;
        }
        let mut data = quant::decode(info.format, &bytes);
        if let Data::F32(values) = &mut data
            && self.architecture.norms_from_one
            && name.ends_with("norm.weight")
        {
            values.iter_mut().for_each(|value| *value -= 1.0);
        }
        Ok(Tensor { shape: info.shape.clone(), data })
    }

    /// How many heads a tensor's rows make up, if they are ordered for interleaved rotation.
    fn interleaved_heads(&self, name: &str) -> Result<Option<usize>> {
        let key_heads = name.contains(".self_attn.k_proj.");
        if !self.architecture.interleaved || !(key_heads || name.contains(".self_attn.q_proj.")) {
            return Ok(None);
        }
        let heads = config::heads(&self.container, self.architecture)?;
        Ok(Some(if key_heads { heads.key_value } else { heads.query }))
    }
}

fn architecture(container: &Container) -> Result<&'static Architecture> {
    let found = container.metadata().get("general.architecture").and_then(Value::as_str);
    let found =
        found.ok_or_else(|| container.error("metadata `general.architecture` is missing or not text"))?;
    Architecture::find(found).ok_or_else(|| Error::Architecture {
        path: container.path().to_owned(),
        found: found.to_owned(),
        known: Architecture::known(),
    })
}
