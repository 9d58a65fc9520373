//! Prompt caches that mlx-lm 0.32.2 has written.
//!
//! Its files name arrays by their path in nested lists: the layer, then the field of that layer's class. The
//! metadata is a list too: what the user added, the classes, and which arrays stand for something else.

use std::collections::BTreeMap;
use std::path::Path;

use mlx_core::{Array, Quantization, io};

use super::attention::{AttentionCache, Reach};
use super::file::{Refusal, text};
use super::rows::Rows;
use super::{KvCache, LayerCache, StateCache};
use crate::{Error, Result};

impl KvCache {
    /// Reads a prompt cache of mlx-lm 0.32.2. It does not say of what model it is; `like` is a cache of the model
    /// at hand, whose layers it must fit.
    ///
    /// # Errors
    /// The file is missing, damaged or of another kind, has a class of cache that is not known, or does not fit.
    pub fn load_mlx_lm(path: impl AsRef<Path>, like: &Self) -> Result<Self> {
        let path = path.as_ref();
        let io::Safetensors { arrays, metadata } = io::load_safetensors(path)?;
        let read = Foreign { arrays, metadata }.cache().and_then(|cache| cache.complete(like));
        read.map_err(|why| Error::PromptCache { path: path.to_owned(), why })
    }
}

/// What such a file holds.
struct Foreign {
    arrays: BTreeMap<String, Array>,
    metadata: BTreeMap<String, String>,
}

impl Foreign {
    fn cache(&self) -> Refusal<KvCache> {
        let classes = (0..).map_while(|at| self.metadata.get(&format!("1.{at}")));
        let layers: Vec<_> = (0..)
            .zip(classes)
            .map(|(at, class)| self.layer(class, &at.to_string()))
            .collect::<Refusal<_>>()?;
        if layers.is_empty() {
            return Err("it is no prompt cache of mlx-lm 0.32.2".into());
        }
        let mut cache = KvCache::new(layers);
        let end = cache.layers.iter().map(LayerCache::end).max().unwrap_or_default();
        for layer in cache.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            if let LayerCache::State(state) = layer {
                state.end = end;
            }
        }
        Ok(cache)
    }

    fn layer(&self, class: &str, at: &str) -> Refusal<LayerCache> {
        let about = |why| format!("layer {at}, {class}: {why}");
        let number = |field| self.number(&format!("{at}.{field}")).map_err(about);
        let rows = || self.rows(at).map_err(about);
        let cache = match class {
            "KVCache" => attention(Reach::All, rows()?, number(2)?),
            "ConcatenateKVCache" => match rows()? {
                Some(rows) => {
                    rows.count().map_err(text).and_then(|end| attention(Reach::All, Some(rows), end))
                }
                None => attention(Reach::All, None, 0),
            },
            "QuantizedKVCache" => {
                let scheme = Quantization::affine(number(4)?, number(3)?);
                let rows = self.quantized(at, scheme).map_err(about)?;
                attention(Reach::All, rows, number(2)?)
            }
            "RotatingKVCache" => rotating(rows()?, number(2)?, number(3)?, number(4)?, number(5)?),
            "ChunkedKVCache" => {
                let (end, size, start) = (number(2)?, number(3)?, number(4)?);
                let rows = rows()?.map(|rows| part(&rows, 0, end.saturating_sub(start))).transpose();
                rows.and_then(|rows| attention(Reach::Chunk { size }, rows, end))
            }
            "ArraysCache" => self.state(at),
            "CacheList" => self.list(at),
            _ => Err("such caches cannot be read".into()),
        };
        cache.map_err(about)
    }

    /// An array; none if the file says so.
    fn array(&self, name: &str) -> Refusal<Option<&Array>> {
        let array = self.arrays.get(name).ok_or_else(|| format!("{name} is missing"))?;
        Ok((self.kind(name) != Some("none")).then_some(array))
    }

    /// What an array stands for, if not for itself.
    fn kind(&self, name: &str) -> Option<&str> {
        let mut entries =
            (1..).map_while(|at| self.metadata.get(&format!("2.{at}.0")).map(|entry| (at, entry)));
        let at = entries.find(|(_, entry)| *entry == name)?.0;
        self.metadata.get(&format!("2.{at}.1")).map(String::as_str)
    }

    fn number(&self, name: &str) -> Refusal<i32> {
        let array = self.array(name)?.ok_or_else(|| format!("{name} is empty"))?;
        array.astype(mlx_core::Dtype::Int32).and_then(|array| array.item()).map_err(text)
    }

    fn string(&self, name: &str) -> Refusal<String> {
        let array = self.array(name)?.ok_or_else(|| format!("{name} is empty"))?;
        let letters =
            array.astype(mlx_core::Dtype::Uint32).and_then(|array| array.to_vec::<u32>()).map_err(text)?;
        Ok(letters.into_iter().filter_map(char::from_u32).collect())
    }

    fn rows(&self, at: &str) -> Refusal<Option<Rows>> {
        let (keys, values) = (self.array(&format!("{at}.0"))?, self.array(&format!("{at}.1"))?);
        Ok(keys.zip(values).map(|(keys, values)| Rows::from_parts(vec![keys.clone(), values.clone()], None)))
    }

    fn quantized(&self, at: &str, scheme: Quantization) -> Refusal<Option<Rows>> {
        if self.arrays.contains_key(&format!("{at}.0")) {
            return Ok(None);
        }
        let names = ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"].map(|part| format!("{at}.{part}"));
        let parts = names.iter().filter_map(|name| self.array(name).transpose()).map(|part| part.cloned());
        Ok(Some(Rows::from_parts(parts.collect::<Refusal<_>>()?, Some(scheme))))
    }

    fn state(&self, at: &str) -> Refusal<LayerCache> {
        if self.array(&format!("{at}.1"))?.is_some() || self.array(&format!("{at}.2"))?.is_some() {
            return Err("it is a batch".into());
        }
        let names =
            (0..).map(|part| format!("{at}.0.{part}")).take_while(|name| self.arrays.contains_key(name));
        let arrays = names.map(|name| Ok(self.array(&name)?.cloned())).collect::<Refusal<Vec<_>>>()?;
        Ok(LayerCache::State(StateCache { arrays, ..StateCache::new(0) }))
    }

    fn list(&self, at: &str) -> Refusal<LayerCache> {
        let parts = (0..).map(|part| format!("{at}.{part}"));
        let parts = parts.take_while(|part| self.arrays.contains_key(&format!("{part}.1")));
        let part = |part: String| self.layer(&self.string(&format!("{part}.1"))?, &format!("{part}.0"));
        Ok(LayerCache::List(parts.map(part).collect::<Refusal<_>>()?))
    }
}

fn part(rows: &Rows, start: i32, end: i32) -> Refusal<Rows> {
    let count = rows.count().map_err(text)?;
    if !(0..=end).contains(&start) || end > count {
        return Err(format!("rows {start} to {end} of {count}"));
    }
    rows.slice(start..end).map_err(text)
}

/// A cache of rows in order, of which it takes the last ones before `end`.
fn attention(reach: Reach, rows: Option<Rows>, end: i32) -> Refusal<LayerCache> {
    let mut cache = AttentionCache::new(reach);
    let Some(rows) = rows else { return Ok(LayerCache::Attention(cache)) };
    let count = rows.count().map_err(text)?;
    let used = if reach == Reach::All { end } else { count };
    let first = part(&rows, 0, reach.keep().min(used))?;
    let last = part(&rows, used.saturating_sub(end.min(reach.ring())), used)?;
    cache.fill(first.parts().to_vec(), last.parts().to_vec(), rows.scheme(), end)?;
    Ok(LayerCache::Attention(cache))
}

/// A ring whose oldest row after the first `keep` is at `turn`.
fn rotating(rows: Option<Rows>, end: i32, keep: i32, size: i32, turn: i32) -> Refusal<LayerCache> {
    if keep < 0 || size <= keep {
        return Err(format!("{size} tokens with the first {keep}"));
    }
    let reach = Reach::Last { size, keep };
    let Some(rows) = rows else { return attention(reach, None, 0) };
    let count = rows.count().map_err(text)?;
    let ordered = if turn == count {
        rows
    } else if turn < end {
        let pieces = [part(&rows, 0, keep)?, part(&rows, turn, count)?, part(&rows, keep, turn)?];
        Rows::joined(&pieces.each_ref()).map_err(text)?
    } else {
        part(&rows, 0, turn)?
    };
    attention(reach, Some(ordered), end)
}
