//! What a config says about positions beyond those of the pretraining.

use serde::Deserialize;

use super::{Llama3, LongRope, Proportional, Yarn};

/// How rotary positions are stretched: the `rope_scaling` or `rope_parameters` of a `config.json`.
///
/// The names and defaults are those of mlx-lm, which takes the type from `type`, else from `rope_type`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Stored")]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    Default,
    /// Positions are divided by `factor`.
    Linear {
        /// How much the context is stretched.
        factor: f32,
    },
    /// The base grows with the length of the text, once that is longer than the model's context.
    Dynamic {
        /// How fast the base grows.
        factor: f32,
    },
    /// By bands of wavelengths.
    Llama3(Llama3),
    /// By how often features turn.
    Yarn(Yarn),
    /// By a factor for each wave.
    LongRope(LongRope),
    /// Not at all, but only some features turn.
    Proportional(Proportional),
    /// Three positions for images and video, which are the same one in text.
    Mrope(Sections),
}

/// Which pairs of features turn with which of three positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections {
    /// Pairs for time, height and width.
    pub counts: [i32; 3],
    /// Pairs of the three are in turn, and what is left is for time; otherwise one section follows the other.
    pub interleaved: bool,
}

/// The form in `config.json`: the fields of all types.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    kind: Option<String>,
    rope_type: Option<String>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<i32>,
    beta_fast: Option<f32>,
    beta_slow: Option<f32>,
    mscale: Option<f32>,
    mscale_all_dim: Option<f32>,
    truncate: Option<bool>,
    long_factor: Option<OneOrMany>,
    short_factor: Option<OneOrMany>,
    /// Short texts have factors of their own, which mlx-lm leaves unused.
    #[serde(default)]
    by_length: bool,
    partial_rotary_factor: Option<f32>,
    mrope_section: Option<Vec<i32>>,
    #[serde(alias = "interleaved")]
    mrope_interleaved: Option<bool>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "a factor is a number or a list of numbers")]
enum OneOrMany {
    One(f32),
    Many(Vec<f32>),
}

const KNOWN: &str = "default, linear, dynamic, llama3, yarn, deepseek_yarn, telechat3-yarn, longrope, su, \
                     proportional, mrope";

impl TryFrom<Stored> for RopeScaling {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let kind = stored.kind.as_deref().or(stored.rope_type.as_deref()).unwrap_or("default");
        stored.scaling(kind).map_err(|why| format!("rope type `{kind}` {why}"))
    }
}

impl Stored {
    fn scaling(&self, kind: &str) -> Result<RopeScaling, String> {
        Ok(match kind {
            "default" if self.mrope_section.is_none() => RopeScaling::Default,
            "linear" => RopeScaling::Linear { factor: self.factor()? },
            "dynamic" => RopeScaling::Dynamic { factor: self.factor()? },
            "llama3" => RopeScaling::Llama3(self.llama3()?),
            "yarn" | "deepseek_yarn" | "telechat3-yarn" => RopeScaling::Yarn(self.yarn()?),
            "longrope" | "su" => RopeScaling::LongRope(self.long_rope()?),
            "proportional" => RopeScaling::Proportional(self.proportional()?),
            "default" | "mrope" => RopeScaling::Mrope(self.sections()?),
            _ => return Err(format!("is not known, only {KNOWN}")),
        })
    }

    fn llama3(&self) -> Result<Llama3, String> {
        Ok(Llama3 {
            factor: self.factor()?,
            low_freq_factor: self.low_freq_factor.unwrap_or(1.0),
            high_freq_factor: self.high_freq_factor.unwrap_or(4.0),
            original_max_position_embeddings: self.original_max_position_embeddings.unwrap_or(8192),
        })
    }

    fn yarn(&self) -> Result<Yarn, String> {
        Ok(Yarn {
            factor: self.factor()?,
            original_max_position_embeddings: self.original_max_position_embeddings.unwrap_or(4096),
            beta_fast: self.beta_fast.unwrap_or(32.0),
            beta_slow: self.beta_slow.unwrap_or(1.0),
            mscale: self.mscale.unwrap_or(1.0),
            mscale_all_dim: self.mscale_all_dim.unwrap_or(0.0),
            truncate: self.truncate.unwrap_or(true),
        })
    }

    fn long_rope(&self) -> Result<LongRope, String> {
        let original = self.original_max_position_embeddings;
        Ok(LongRope {
            long_factor: needed("long_factor", self.long_factor.clone())?.into(),
            short_factor: match self.by_length {
                true => Some(needed("short_factor", self.short_factor.clone())?.into()),
                false => None,
            },
            original_max_position_embeddings: needed("original_max_position_embeddings", original)?,
        })
    }

    fn proportional(&self) -> Result<Proportional, String> {
        Ok(Proportional {
            partial_rotary_factor: self.partial_rotary_factor.unwrap_or(1.0),
            factor: self.factor.map_or(Ok(1.0), |_| self.factor())?,
        })
    }

    fn sections(&self) -> Result<Sections, String> {
        let found = needed("mrope_section", self.mrope_section.clone())?;
        let counts = found
            .try_into()
            .map_err(|found: Vec<_>| format!("has {} entries in `mrope_section`, not 3", found.len()))?;
        Ok(Sections { counts, interleaved: self.mrope_interleaved.unwrap_or(false) })
    }

    fn factor(&self) -> Result<f32, String> {
        let factor = needed("factor", self.factor)?;
        if factor > 0.0 { Ok(factor) } else { Err(format!("needs a positive `factor`, not {factor}")) }
    }
}

fn needed<T>(field: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("needs `{field}`"))
}

impl From<OneOrMany> for Vec<f32> {
    fn from(factor: OneOrMany) -> Self {
        match factor {
            OneOrMany::One(factor) => vec![factor],
            OneOrMany::Many(factors) => factors,
        }
    }
}
