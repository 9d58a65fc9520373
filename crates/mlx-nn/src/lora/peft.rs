//! The folder of PEFT.
//!
//! Names follow its `get_peft_model_state_dict`; every factor is the transpose of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mlx_core::Array;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::adapter::Arrays;
use super::file::{Adapters, CONFIG, Stored, read_arrays, read_json, write_arrays, write_json};
use super::{Options, Role, place};
use crate::{Error, Module, Result};

const ARRAYS: &str = "adapter_model.safetensors";
const PREFIX: &str = "base_model.model.";
/// PEFT's names, and ours.
const NAMES: [(&str, &str); 6] = [
    (".lora_A.weight", "lora_a"),
    (".lora_B.weight", "lora_b"),
    (".lora_embedding_A", "lora_a"),
    (".lora_embedding_B", "lora_b"),
    (".lora_magnitude_vector", "m"),
    (".lora_magnitude_vector.weight", "m"),
];

/// What matters here of a `LoraConfig`.
#[derive(Serialize, Deserialize)]
struct Config {
    peft_type: String,
    r: i32,
    lora_alpha: Alpha,
    #[serde(default)]
    lora_dropout: f32,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    use_rslora: bool,
    /// Ranks and alphas of layers that have others.
    #[serde(default)]
    rank_pattern: BTreeMap<String, i32>,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, Alpha>,
    #[serde(default)]
    target_modules: Value,
    #[serde(default)]
    bias: Value,
    /// Activated adapters work from these tokens on only.
    #[serde(default)]
    alora_invocation_tokens: Value,
}

/// The scale times the rank, a whole number where it can be.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Alpha {
    Whole(i64),
    Real(f64),
}

pub(super) fn read(folder: &Path) -> Result<Stored> {
    let config: Config = read_json(&folder.join(CONFIG))?;
    config.check()?;
    let mut arrays = BTreeMap::new();
    for (key, array) in read_arrays(&folder.join(ARRAYS))? {
        if config.use_dora && key.contains(".lora_embedding_") {
            return Err(Error::config(
                "use_dora",
                format!("PEFT's magnitudes of tables are of columns: {key}"),
            ));
        }
        match ours(&key) {
            Some(name) => arrays.insert(name, transposed(&array)?),
            None => arrays.insert(key, array),
        };
    }
    Ok(Stored { arrays, options: Box::new(move |path| config.options(path)) })
}

pub(super) fn write<M: Module>(folder: &Path, model: &M, adapters: &Adapters<'_>) -> Result<()> {
    let mut arrays = Vec::new();
    for (path, adapter) in adapters {
        let [a, b] = match adapter.role() {
            Role::Linear => [".lora_A.weight", ".lora_B.weight"],
            Role::Table if adapter.options().magnitudes => {
                return Err(Error::config("magnitudes", format!("PEFT has other ones for tables: {path}")));
            }
            Role::Table => [".lora_embedding_A", ".lora_embedding_B"],
        };
        let Arrays { lora_a, lora_b, m } = adapter.arrays();
        arrays.push((format!("{PREFIX}{path}{a}"), transposed(&lora_a)?));
        arrays.push((format!("{PREFIX}{path}{b}"), transposed(&lora_b)?));
        arrays.extend(m.map(|m| (format!("{PREFIX}{path}.lora_magnitude_vector"), m)));
    }
    write_arrays(&folder.join(ARRAYS), &arrays, &[("format", "pt")])?;
    write_json(&folder.join(CONFIG), &Config::new(adapters, targets(model, adapters)))
}

impl Config {
    fn new(adapters: &Adapters<'_>, targets: BTreeSet<&str>) -> Self {
        let first = adapters.first().map(|(_, adapter)| adapter.options()).unwrap_or_default();
        let mut config = Self {
            peft_type: "LORA".to_owned(),
            r: first.rank,
            lora_alpha: Alpha::of(&first),
            lora_dropout: first.dropout,
            use_dora: first.magnitudes,
            use_rslora: false,
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            target_modules: targets.into_iter().collect(),
            bias: "none".into(),
            alora_invocation_tokens: Value::Null,
        };
        for (path, adapter) in adapters {
            let options = adapter.options();
            if options.rank != config.r {
                config.rank_pattern.insert(path.clone(), options.rank);
            }
            if Alpha::of(&options) != config.lora_alpha {
                config.alpha_pattern.insert(path.clone(), Alpha::of(&options));
            }
        }
        config
    }

    fn check(&self) -> Result<()> {
        if self.peft_type != "LORA" {
            return Err(Error::config("peft_type", format!("`{}` is not known, only LORA", self.peft_type)));
        }
        if !self.alora_invocation_tokens.is_null() {
            return Err(Error::config("alora_invocation_tokens", "adapters here work on all tokens"));
        }
        for pattern in self.rank_pattern.keys().chain(self.alpha_pattern.keys()) {
            if literal(pattern).contains(|c: char| r"\*+?[](){}|^$".contains(c)) {
                let problem = format!("`{pattern}` is an expression: list the paths that it stands for");
                return Err(Error::config("rank_pattern, alpha_pattern", problem));
            }
        }
        self.options("").check()?;
        self.rank_pattern.keys().try_for_each(|path| self.options(path).check())
    }

    fn options(&self, path: &str) -> Options {
        let rank = *at(&self.rank_pattern, path).unwrap_or(&self.r);
        let by = if self.use_rslora { f64::from(rank).sqrt() } else { f64::from(rank) };
        let scale = at(&self.alpha_pattern, path).unwrap_or(&self.lora_alpha).number() / by;
        Options { rank, scale: scale as f32, dropout: self.lora_dropout, magnitudes: self.use_dora }
    }
}

impl Alpha {
    fn of(options: &Options) -> Self {
        let alpha = f64::from(options.scale) * f64::from(options.rank);
        if alpha.fract() == 0.0 { Self::Whole(alpha as i64) } else { Self::Real(alpha) }
    }

    fn number(self) -> f64 {
        match self {
            Self::Whole(alpha) => alpha as f64,
            Self::Real(alpha) => alpha,
        }
    }
}

/// The value for a layer: that of its path, or of the end of it.
fn at<'a, T>(patterns: &'a BTreeMap<String, T>, path: &str) -> Option<&'a T> {
    let ends = |end: &str| path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    patterns.iter().find(|(pattern, _)| ends(literal(pattern))).map(|(_, value)| value)
}

/// A pattern without the sign for the start of a path.
fn literal(pattern: &str) -> &str {
    pattern.strip_prefix('^').unwrap_or(pattern)
}

/// Our name of an array that has a place in a model.
fn ours(key: &str) -> Option<String> {
    let path = key.strip_prefix(PREFIX)?;
    NAMES.iter().find_map(|(end, name)| Some(format!("{}.{name}", path.strip_suffix(end)?)))
}

/// Matrices are turned, vectors stay.
fn transposed(array: &Array) -> Result<Array> {
    Ok(array.t()?.contiguous(false)?)
}

/// How PEFT finds the adapted layers again: by the last name if all layers of that name are adapted, else by path.
fn targets<'a, M: Module>(model: &M, adapters: &'a Adapters<'_>) -> BTreeSet<&'a str> {
    let names: BTreeSet<_> = adapters.iter().map(|(path, _)| last(path)).collect();
    let so_named = place::all(model).iter().filter(|(path, _)| names.contains(last(path))).count();
    if so_named == adapters.len() { names } else { adapters.iter().map(|(path, _)| path.as_str()).collect() }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
