//! Prompt caches as files: safetensors that hold the rows in use, and say of what they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use mlx_core::{Array, Quantization, eval, io};
use mlx_nn::LeftPadding;
use serde::{Deserialize, Serialize};

use super::attention::{AttentionCache, Quantize, Reach, STEP};
use super::rows::Rows;
use super::upcoming::{Ahead, Leaps};
use super::{KvCache, LayerCache, StateCache};
use crate::{Error, Result};

/// The version of the format, under this key of the metadata.
const FORMAT: (&str, &str) = ("prompt_cache_version", "1");
const TAG: &str = "tag";
const LAYERS: &str = "layers";
const TOKENS: &str = "tokens";

/// Why a file is refused.
pub(super) type Refusal<T> = std::result::Result<T, String>;

/// What the metadata says of one layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Saved {
    Attention {
        reach: Reach,
        quantize: Option<Later>,
        scheme: Option<Scheme>,
        end: i32,
        padding: Vec<i32>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leaps: Vec<Leaps>,
    },
    State {
        arrays: usize,
        end: i32,
        padding: Vec<i32>,
        lengths: Option<Vec<i32>>,
    },
    List(Vec<Saved>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Scheme {
    bits: i32,
    group_size: i32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Later {
    scheme: Scheme,
    start: i32,
}

impl KvCache {
    /// Writes the cache to a new file beside `path`, then puts it in place.
    ///
    /// `tag` ties the file to what it was made with: a hash of the model, the chat template and the tokens, say.
    ///
    /// # Errors
    /// The file cannot be written. Whatever was at `path` is then still there.
    pub fn save(&self, path: impl AsRef<Path>, tag: &str) -> Result<()> {
        self.write(path.as_ref(), tag, &[])
    }

    /// Writes the cache and the tokens that it is of.
    pub(super) fn write(&self, path: &Path, tag: &str, tokens: &[u32]) -> Result<()> {
        let mut arrays = Vec::new();
        let mut layers = Vec::new();
        for (at, layer) in self.layers.iter().enumerate() {
            layers.push(save(layer, &at.to_string(), &mut arrays)?);
        }
        let json = |error: serde_json::Error| Error::Cache(error.to_string());
        let (layers, tokens) =
            (serde_json::to_string(&layers).map_err(json)?, serde_json::to_string(tokens).map_err(json)?);
        let metadata = [FORMAT, (TAG, tag), (LAYERS, &layers), (TOKENS, &tokens)];
        let metadata = metadata.map(|(key, value)| (key.into(), value.into()));
        let arrays = arrays.iter().map(|(name, array)| (name.as_str(), array));
        Ok(io::save_safetensors(path, arrays, &BTreeMap::from(metadata))?)
    }

    /// Reads what [`save`](Self::save) wrote with the same `tag`. `like` is a cache of the model, which says what
    /// its layers are; what they keep is as it was saved.
    ///
    /// # Errors
    /// The file is missing, damaged, of another version or of another model, or has another tag.
    pub fn load(path: impl AsRef<Path>, tag: &str, like: &Self) -> Result<Self> {
        Ok(Self::read(path.as_ref(), tag, like)?.0)
    }

    /// Reads the cache and the tokens that it is of, if they were written.
    pub(super) fn read(path: &Path, tag: &str, like: &Self) -> Result<(Self, Vec<u32>)> {
        let file = io::load_safetensors(path)?;
        let tokens = file.metadata.get(TOKENS).and_then(|list| serde_json::from_str(list).ok());
        let read = read(file, tag).and_then(|cache| cache.complete(like));
        let cache = read.map_err(|why| Error::PromptCache { path: path.to_owned(), why })?;
        Ok((cache, tokens.unwrap_or_default()))
    }

    /// The cache of a file, once it is known to be whole.
    pub(super) fn complete(self, like: &Self) -> Refusal<Self> {
        let same = self.layers.len() == like.layers.len()
            && self.layers.iter().zip(&like.layers).all(|(layer, like)| layer.is_like(like));
        if !same {
            let (found, wanted) = (self.layers.len(), like.layers.len());
            return Err(format!(
                "it is of another model: its {found} layers are not the {wanted} of this one"
            ));
        }
        eval(self.arrays()).map_err(text)?;
        Ok(self)
    }
}

impl LayerCache {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Attention(_), Self::Attention(_)) => true,
            (Self::State(cache), Self::State(other)) => cache.arrays.len() == other.arrays.len(),
            (Self::List(parts), Self::List(others)) => {
                parts.len() == others.len()
                    && parts.iter().zip(others).all(|(part, other)| part.is_like(other))
            }
            _ => false,
        }
    }
}

pub(super) fn text(error: mlx_core::Error) -> String {
    error.to_string()
}

fn widths(padding: Option<&Rc<LeftPadding>>) -> Vec<i32> {
    padding.map_or_else(Vec::new, |padding| padding.widths().to_vec())
}

fn save(layer: &LayerCache, path: &str, arrays: &mut Vec<(String, Array)>) -> Result<Saved> {
    match layer {
        LayerCache::Attention(cache) => {
            if let Some((first, last)) = cache.in_order()? {
                let first = if cache.first_rows() > 0 { first.parts() } else { &[] };
                for (name, parts) in [("first", first), ("last", last.parts())] {
                    let named = parts.iter().enumerate();
                    arrays.extend(named.map(|(at, part)| (format!("{path}.{name}.{at}"), part.clone())));
                }
            }
            let scheme = |Quantization { bits, group_size, .. }| Scheme { bits, group_size };
            Ok(Saved::Attention {
                reach: cache.reach,
                quantize: cache.quantize.map(|q| Later { scheme: scheme(q.scheme), start: q.start }),
                scheme: cache.rows.as_ref().and_then(Rows::scheme).map(scheme),
                end: cache.end,
                padding: widths(cache.padding.as_ref()),
                leaps: cache.leaps(0),
            })
        }
        LayerCache::State(cache) => {
            let held = cache.arrays.iter().enumerate();
            arrays.extend(held.filter_map(|(at, array)| Some((format!("{path}.{at}"), array.clone()?))));
            Ok(Saved::State {
                arrays: cache.arrays.len(),
                end: cache.end,
                padding: widths(cache.padding.as_ref()),
                lengths: cache.lengths.clone(),
            })
        }
        LayerCache::List(parts) => {
            let parts = parts.iter().enumerate();
            let parts = parts.map(|(at, part)| save(part, &format!("{path}.{at}"), arrays));
            Ok(Saved::List(parts.collect::<Result<_>>()?))
        }
    }
}

fn read(file: io::Safetensors, tag: &str) -> Refusal<KvCache> {
    let io::Safetensors { mut arrays, metadata } = file;
    let entry = |key| metadata.get(key).map(String::as_str);
    match entry(FORMAT.0) {
        Some(version) if version == FORMAT.1 => {}
        Some(version) => return Err(format!("its version is {version}, and only {} can be read", FORMAT.1)),
        None => return Err("it is no prompt cache, or one of mlx-lm".into()),
    }
    if entry(TAG) != Some(tag) {
        return Err("it was made with another model or template: make it anew".into());
    }
    let layers: Vec<Saved> = serde_json::from_str(entry(LAYERS).unwrap_or_default())
        .map_err(|error| format!("{LAYERS}: {error}"))?;
    let layers = layers.into_iter().enumerate();
    let layers =
        layers.map(|(at, saved)| load(saved, &at.to_string(), &mut arrays)).collect::<Refusal<Vec<_>>>()?;
    match arrays.keys().next() {
        None => Ok(KvCache::new(layers)),
        Some(name) => Err(format!("nothing is known of its array {name}")),
    }
}

fn load(saved: Saved, path: &str, arrays: &mut BTreeMap<String, Array>) -> Refusal<LayerCache> {
    let about = |why| format!("layer {path}: {why}");
    match saved {
        Saved::Attention { reach, quantize, scheme, end, padding, leaps } => {
            let mut parts = |name: &str| {
                let names = (0..).map(|at| format!("{path}.{name}.{at}"));
                names.map_while(|name| arrays.remove(&name)).collect::<Vec<_>>()
            };
            let (first, last) = (parts("first"), parts("last"));
            let mut cache = AttentionCache::new(reach);
            let later = |Later { scheme, start }| Quantize { scheme: scheme.affine(), start };
            cache.quantize = quantize.map(later);
            cache.padding = left_padding(padding, end).map_err(about)?;
            if leaps.iter().any(|leaps| !leaps.fit(end)) {
                return Err(about(format!("positions leap where its {end} tokens do not")));
            }
            cache.ahead = Ahead::new(leaps, end, cache.padding.as_deref()).map_err(text)?;
            let scheme = scheme.map(Scheme::affine);
            cache.fill(first, last, scheme, end).map_err(about)?;
            Ok(LayerCache::Attention(cache))
        }
        Saved::State { arrays: count, end, padding, lengths } => {
            if count > arrays.len().saturating_add(64) {
                return Err(about(format!("{count} arrays are not there")));
            }
            let held = (0..count).map(|at| arrays.remove(&format!("{path}.{at}"))).collect();
            let padding = left_padding(padding, end).map_err(about)?;
            Ok(LayerCache::State(StateCache { arrays: held, end, padding, lengths }))
        }
        Saved::List(parts) => {
            let parts = parts.into_iter().enumerate();
            let parts = parts.map(|(at, part)| load(part, &format!("{path}.{at}"), arrays));
            Ok(LayerCache::List(parts.collect::<Refusal<_>>()?))
        }
    }
}

impl Scheme {
    fn affine(self) -> Quantization {
        Quantization::affine(self.bits, self.group_size)
    }
}

fn left_padding(widths: Vec<i32>, end: i32) -> Refusal<Option<Rc<LeftPadding>>> {
    if widths.iter().any(|width| !(0..=end).contains(width)) {
        return Err(format!("padding of {widths:?} among {end} tokens"));
    }
    if widths.is_empty() {
        return Ok(None);
    }
    Ok(Some(Rc::new(LeftPadding::new(widths).map_err(text)?)))
}

impl AttentionCache {
    /// How many rows of first tokens a file has: none before a token has left the ring.
    fn first_rows(&self) -> i32 {
        if self.end > self.reach.ring() { self.reach.keep() } else { 0 }
    }

    /// Takes up rows of a file: the first ones if tokens have left the ring, and the last ones in order.
    pub(super) fn fill(
        &mut self,
        first: Vec<Array>,
        last: Vec<Array>,
        scheme: Option<Quantization>,
        end: i32,
    ) -> Refusal<()> {
        if !self.reach.makes_sense() || !(0..i32::MAX - STEP).contains(&end) {
            return Err(format!("{end} tokens of {:?}", self.reach));
        }
        self.end = end;
        if last.is_empty() && end == 0 {
            return Ok(());
        }
        let (keep, ring) = (self.reach.keep(), self.reach.ring());
        let last = self.rows_of(last, scheme, end.min(ring))?;
        let first = match self.first_rows() {
            0 => last.zeros(last.batch().map_err(text)?, keep).map_err(text)?,
            rows => self.rows_of(first, scheme, rows)?,
        };
        self.rows = Some(self.placed(&first, &last, end).map_err(text)?);
        Ok(())
    }

    /// Parts that belong together and are so many rows.
    fn rows_of(&self, parts: Vec<Array>, scheme: Option<Quantization>, rows: i32) -> Refusal<Rows> {
        let batch = self.padding.as_ref().map(|padding| padding.widths().len());
        for part in &parts {
            let [texts, _, found, _] = part.dims().map_err(text)?;
            if found != rows || batch.is_some_and(|batch| usize::try_from(texts).ok() != Some(batch)) {
                return Err(format!("keys or values are {:?} and not {rows} rows", part.shape()));
            }
        }
        let stored = Rows::from_parts(parts, scheme);
        // Nothing of this is computed: it checks that the parts fit.
        let dense = |side: mlx_core::Result<super::rows::Side>| side?.dense()?.dims::<4>();
        let (keys, values) = (dense(stored.keys()).map_err(text)?, dense(stored.values()).map_err(text)?);
        if keys.get(..3) != values.get(..3) {
            return Err(format!("keys {keys:?} and values {values:?} do not go together"));
        }
        Ok(stored)
    }
}

impl Reach {
    fn makes_sense(self) -> bool {
        match self {
            Self::All => true,
            Self::Last { size, keep } => keep >= 0 && size > keep,
            Self::Chunk { size } => size > 0,
        }
    }
}
