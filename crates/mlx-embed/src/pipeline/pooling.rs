//! From the hidden states of a text to one vector.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_hub::Directory;
use serde::Deserialize;

use crate::{Error, Packed, Result};

/// How hidden states become one: several ways stand side by side.
#[derive(Clone, Debug)]
pub(super) struct Pooling {
    ways: Vec<Way>,
    /// Whether the tokens of a prompt count.
    include_prompt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The first hidden state.
    Cls,
    Max,
    Mean,
    /// The sum, divided by the root of how many there are.
    MeanSqrt,
    /// The mean with weights 1, 2, 3 and so on.
    Weighted,
    Last,
}

impl Default for Pooling {
    fn default() -> Self {
        Self { ways: vec![Way::Mean], include_prompt: true }
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
    /// One name, or several, in the place of the flags.
    pooling_mode: Option<Names>,
    #[serde(default = "yes")]
    include_prompt: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

fn yes() -> bool {
    true
}

impl Pooling {
    /// What `config.json` in the folder `path` says.
    pub(super) fn read(directory: &Directory, path: &str) -> Result<Self> {
        let config: Config = super::config(directory, path)?;
        let names = match &config.pooling_mode {
            Some(Names::One(name)) => vec![name.as_str()],
            Some(Names::Several(names)) => names.iter().map(String::as_str).collect(),
            None => Vec::new(),
        };
        let flags = [
            ("cls", config.pooling_mode_cls_token, Way::Cls),
            ("max", config.pooling_mode_max_tokens, Way::Max),
            ("mean", config.pooling_mode_mean_tokens, Way::Mean),
            ("mean_sqrt_len_tokens", config.pooling_mode_mean_sqrt_len_tokens, Way::MeanSqrt),
            ("weightedmean", config.pooling_mode_weightedmean_tokens, Way::Weighted),
            ("lasttoken", config.pooling_mode_lasttoken, Way::Last),
        ];
        let file = || format!("{path}/config.json");
        if let Some(name) = names.iter().find(|&&name| flags.iter().all(|(known, ..)| *known != name)) {
            return Err(Error::config(file(), format!("pooling_mode `{name}` is not supported")));
        }
        let chosen = flags.iter().filter(|(name, set, _)| *set || names.contains(name));
        let ways: Vec<_> = chosen.map(|&(.., way)| way).collect();
        if ways.is_empty() {
            return Err(Error::config(file(), "no way to pool is set"));
        }
        Ok(Self { ways, include_prompt: config.include_prompt })
    }

    /// Hidden states `[tokens, hidden]` to `[texts, ways · hidden]`.
    pub(super) fn forward(&self, hidden: &Array, texts: &Packed, prompt: i32) -> MlxResult<Array> {
        texts.each_group(hidden, |rows| {
            let skipped = if self.include_prompt { 0 } else { prompt.clamp(0, rows.dim(1)? - 1) };
            let rows = if skipped > 0 { rows.index((.., skipped..))? } else { rows.clone() };
            let ways = self.ways.iter().map(|way| way.pool(&rows)).collect::<MlxResult<Vec<_>>>()?;
            concatenate(&ways, -1)
        })
    }
}

impl Way {
    /// `[texts, length, hidden] -> [texts, hidden]`.
    fn pool(self, rows: &Array) -> MlxResult<Array> {
        let length = rows.dim(1)?;
        match self {
            Self::Cls => rows.index((.., 0)),
            Self::Last => rows.index((.., -1)),
            Self::Max => rows.max(1),
            Self::Mean => rows.mean(1),
            Self::MeanSqrt => rows.sum(1)? / (length as f32).sqrt(),
            Self::Weighted => {
                let weights = (Array::arange(0..length)? + 1)?.astype(rows.dtype())?.expand_dims(1)?;
                (rows * &weights)?.sum(1)? / weights.sum(..)?
            }
        }
    }
}
