//! Several texts in one cache: they end at the same place, and the shorter ones begin with padding.

use std::rc::Rc;

use mlx_core::{Array, concatenate, eval};
use mlx_nn::LeftPadding;

use super::attention::AttentionCache;
use super::rows::Rows;
use super::upcoming::Ahead;
use super::{KvCache, LayerCache, StateCache};
use crate::{Error, Result};

type Padding = Option<Rc<LeftPadding>>;

impl KvCache {
    /// This empty cache for a batch of prompts that begin with so many tokens of padding each.
    ///
    /// # Errors
    /// The cache is not empty, or a width is negative.
    pub fn with_padding(mut self, widths: &[i32]) -> Result<Self> {
        if self.offset() != 0 || widths.iter().any(|&width| width < 0) {
            return Err(Error::Cache("padding is for the start of an empty cache, and not negative".into()));
        }
        let padding = padding(widths.to_vec())?;
        for layer in self.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            match layer {
                LayerCache::Attention(cache) => cache.padding.clone_from(&padding),
                LayerCache::State(cache) => cache.padding.clone_from(&padding),
                LayerCache::List(_) => {}
            }
        }
        Ok(self)
    }

    /// The width of the padding before each text of a batch; empty if there is none.
    pub fn padding(&self) -> &[i32] {
        let leaf = self.layers.first().and_then(|layer| layer.leaves().into_iter().next());
        leaf.and_then(LayerCache::padding).map_or(&[], LeftPadding::widths)
    }

    /// The texts of several caches as one batch, in order.
    ///
    /// # Errors
    /// There is no cache, or the caches are not of one model with the same options.
    pub fn merge<'a>(caches: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        Self::merged(caches, false)
    }

    /// As [`merge`](Self::merge), in the memory of the first one where it has room, and with room for more.
    pub(crate) fn join<'a>(caches: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        Self::merged(caches, true)
    }

    fn merged<'a>(caches: impl IntoIterator<Item = &'a Self>, room: bool) -> Result<Self> {
        let caches: Vec<_> = caches.into_iter().collect();
        let layers = caches.first().map_or(0, |cache| cache.layers.len());
        if layers == 0 || caches.iter().any(|cache| cache.layers.len() != layers) {
            return Err(unlike());
        }
        let layer = |at| {
            let layers: Vec<_> = caches.iter().filter_map(|cache| cache.layers.get(at)).collect();
            LayerCache::merge(&layers, room)
        };
        let merged = Self::new((0..layers).map(layer).collect::<Result<Vec<_>>>()?);
        Ok(Self { shown: caches.iter().any(|cache| cache.shown), ..merged })
    }

    /// Adds the texts of another cache behind those of this one.
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub fn extend(&mut self, other: &Self) -> Result<()> {
        *self = Self::merge([&*self, other])?;
        Ok(())
    }

    /// The texts that `texts` names, in that order; padding that all of them share goes away.
    ///
    /// # Errors
    /// There is no such text.
    pub fn filter(&self, texts: &[usize]) -> Result<Self> {
        self.picked(texts, true)
    }

    fn picked(&self, texts: &[usize], room: bool) -> Result<Self> {
        let layers = self.layers.iter().map(|layer| layer.filter(texts, room)).collect::<Result<Vec<_>>>()?;
        Ok(Self { shown: self.shown, ..Self::new(layers) })
    }

    /// This one, computed here and now, so that what it was made of is needed no more.
    pub(crate) fn computed(self) -> Result<Self> {
        eval(self.arrays())?;
        Ok(self)
    }

    /// One text, to be kept: without room for the tokens that come next.
    pub(crate) fn snapshot(&self, text: usize) -> Result<Self> {
        self.picked(&[text], false)
    }

    /// Whether the texts of both can go on in one batch, each as it would alone.
    pub(crate) fn joins(&self, other: &Self) -> bool {
        let layers = || self.layers.iter().zip(&other.layers);
        self.layers.len() == other.layers.len() && layers().all(|(layer, other)| layer.joins(other))
    }

    /// Whether this is a cache of one text, of the layers and with the options that `empty` has.
    pub(crate) fn is_made_like(&self, empty: &Self) -> bool {
        let layers = || self.layers.iter().zip(&empty.layers);
        self.layers.len() == empty.layers.len()
            && layers().all(|(layer, empty)| layer.is_made_like(empty))
            && self.padding().is_empty()
            && self.arrays().all(|array| array.shape().first() == Some(&1))
    }

    /// The texts, of a batch of so many, whose keys and values are to be quantized before the next token, where
    /// those of others stay as they are.
    pub(crate) fn quantized_next(&self, texts: usize) -> Vec<usize> {
        let attention = self.layers.iter().flat_map(LayerCache::leaves).filter_map(LayerCache::attention);
        let Some((cache, start)) =
            attention.into_iter().find_map(|cache| Some((cache, cache.quantizes_at()?)))
        else {
            return Vec::new();
        };
        let width = |text| cache.padding.as_ref().and_then(|padding| padding.widths().get(text).copied());
        let due: Vec<_> =
            (0..texts).filter(|&text| cache.end - width(text).unwrap_or_default() >= start).collect();
        if due.len() == texts { Vec::new() } else { due }
    }

    /// One text, as if it had been alone.
    ///
    /// # Errors
    /// There is no such text.
    pub fn extract(&self, text: usize) -> Result<Self> {
        self.filter(&[text])
    }
}

fn unlike() -> Error {
    Error::Cache("caches of one batch must be of one model and have the same options".into())
}

/// None if it has no width.
fn padding(widths: Vec<i32>) -> Result<Padding> {
    if widths.iter().all(|&width| width == 0) {
        return Ok(None);
    }
    Ok(Some(Rc::new(LeftPadding::new(widths)?)))
}

/// The widths for `batch` texts whose places move by `shift`.
fn shifted(padding: &Padding, batch: i32, shift: i32) -> Vec<i32> {
    match padding {
        Some(padding) => padding.widths().iter().map(|width| width + shift).collect(),
        None => (0..batch).map(|_| shift).collect(),
    }
}

/// Some texts of a batch, and what becomes of their padding.
pub(super) struct Chosen {
    texts: Array,
    widths: Vec<i32>,
    /// The width that all shared, and have no more.
    shared: i32,
}

impl Chosen {
    /// Without the padding that all share, if that is to go.
    pub(super) fn new(texts: &[usize], batch: i32, padding: &Padding, goes: bool) -> Result<Self> {
        let widths = shifted(padding, batch, 0);
        let chosen: Option<Vec<_>> = texts.iter().map(|&text| widths.get(text).copied()).collect();
        let chosen = chosen.filter(|chosen| !chosen.is_empty());
        let chosen = chosen.ok_or_else(|| Error::Cache(format!("texts {texts:?} are not among {batch}")))?;
        let shared = chosen.iter().min().copied().filter(|_| goes).unwrap_or_default();
        let texts: Vec<_> = texts.iter().map(|&text| i32::try_from(text).unwrap_or(i32::MAX)).collect();
        Ok(Self {
            widths: chosen.iter().map(|width| width - shared).collect(),
            texts: Array::from_slice(&texts, [i32::try_from(texts.len()).unwrap_or(i32::MAX)])?,
            shared,
        })
    }
}

impl LayerCache {
    pub(super) fn padding(&self) -> Option<&LeftPadding> {
        match self {
            Self::Attention(cache) => cache.padding.as_deref(),
            Self::State(cache) => cache.padding.as_deref(),
            Self::List(parts) => parts.first()?.padding(),
        }
    }

    fn joins(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Attention(cache), Self::Attention(other)) => cache.joins(other),
            (Self::State(cache), Self::State(other)) => cache.joins(other),
            (Self::List(parts), Self::List(others)) => {
                parts.len() == others.len() && parts.iter().zip(others).all(|(part, other)| part.joins(other))
            }
            _ => false,
        }
    }

    fn is_made_like(&self, empty: &Self) -> bool {
        match (self, empty) {
            (Self::Attention(cache), Self::Attention(empty)) => {
                cache.reach == empty.reach && cache.quantize == empty.quantize
            }
            (Self::State(cache), Self::State(empty)) => cache.arrays.len() == empty.arrays.len(),
            (Self::List(parts), Self::List(empty)) => {
                parts.len() == empty.len()
                    && parts.iter().zip(empty).all(|(part, empty)| part.is_made_like(empty))
            }
            _ => false,
        }
    }

    fn merge(layers: &[&Self], room: bool) -> Result<Self> {
        let Some(first) = layers.first() else { return Err(unlike()) };
        let same = |kept: usize| if kept == layers.len() { Ok(()) } else { Err(unlike()) };
        match first {
            Self::Attention(_) => {
                let caches: Vec<_> = layers.iter().filter_map(|layer| layer.attention()).collect();
                same(caches.len())?;
                let merge = if room { AttentionCache::join } else { AttentionCache::merge };
                Ok(Self::Attention(merge(&caches)?))
            }
            Self::State(_) => {
                let caches: Vec<_> = layers.iter().filter_map(|layer| layer.recurrent()).collect();
                same(caches.len())?;
                Ok(Self::State(StateCache::merge(&caches)?))
            }
            Self::List(parts) => {
                let lists: Vec<_> = layers.iter().filter_map(|layer| layer.list()).collect();
                same(lists.iter().filter(|list| list.len() == parts.len()).count())?;
                let part =
                    |at| Self::merge(&lists.iter().filter_map(|list| list.get(at)).collect::<Vec<_>>(), room);
                Ok(Self::List((0..parts.len()).map(part).collect::<Result<_>>()?))
            }
        }
    }

    pub(super) fn filter(&self, texts: &[usize], room: bool) -> Result<Self> {
        Ok(match self {
            Self::Attention(cache) => Self::Attention(cache.filter(texts, room)?),
            Self::State(cache) => Self::State(cache.filter(texts, true)?),
            Self::List(parts) => {
                Self::List(parts.iter().map(|part| part.filter(texts, room)).collect::<Result<_>>()?)
            }
        })
    }

    pub(super) fn attention(&self) -> Option<&AttentionCache> {
        if let Self::Attention(cache) = self { Some(cache) } else { None }
    }

    fn recurrent(&self) -> Option<&StateCache> {
        if let Self::State(cache) = self { Some(cache) } else { None }
    }

    fn list(&self) -> Option<&[Self]> {
        if let Self::List(parts) = self { Some(parts) } else { None }
    }
}

impl AttentionCache {
    /// The number of texts.
    pub(super) fn batch(&self) -> Result<i32> {
        match (&self.rows, &self.padding) {
            (Some(rows), _) => Ok(rows.batch()? - self.spare),
            (None, Some(padding)) => Ok(i32::try_from(padding.widths().len()).unwrap_or(i32::MAX)),
            (None, None) => Ok(1),
        }
    }

    /// Where the rows will be quantized, if they are not yet.
    fn quantizes_at(&self) -> Option<i32> {
        let scheme = self.rows.as_ref().and_then(Rows::scheme);
        self.quantize.filter(|_| scheme.is_none()).map(|quantize| quantize.start)
    }

    fn joins(&self, other: &Self) -> bool {
        let scheme = |cache: &Self| cache.rows.as_ref().and_then(Rows::scheme);
        let quantized = |cache: &Self| match (scheme(cache), cache.quantize) {
            (Some(scheme), _) => Some(scheme),
            (None, Some(quantize)) if cache.end >= quantize.start => Some(quantize.scheme),
            (None, _) => None,
        };
        self.reach == other.reach && self.quantize == other.quantize && quantized(self) == quantized(other)
    }

    /// The texts of several caches, without what they hold, so that all end at the same place.
    pub(super) fn together(caches: &[&Self], end: i32) -> Result<Self> {
        let Some(first) = caches.first() else { return Err(unlike()) };
        if caches.iter().any(|cache| cache.reach != first.reach || cache.quantize != first.quantize) {
            return Err(unlike());
        }
        let (mut widths, mut leaps) = (Vec::new(), Vec::new());
        for cache in caches {
            let texts = shifted(&cache.padding, cache.batch()?, end - cache.end);
            leaps.extend(cache.leaps(texts.len()));
            widths.extend(texts);
        }
        let padding = padding(widths)?;
        let ahead = Ahead::new(leaps, end, padding.as_deref())?;
        Ok(Self { end, padding, ahead, rows: None, spare: 0, awaited: None, ..(*first).clone() })
    }

    pub(super) fn merge(caches: &[&Self]) -> Result<Self> {
        let end = caches.iter().map(|cache| cache.end).max().unwrap_or_default();
        let mut merged = Self::together(caches, end)?;
        let held = || caches.iter().filter_map(|cache| cache.rows.as_ref());
        let scheme = held().find_map(Rows::scheme);
        if held().any(|rows| rows.scheme().is_some_and(|other| Some(other) != scheme)) {
            return Err(unlike());
        }
        let Some(model) = held().next() else { return Ok(merged) };
        let model = scheme.map_or(Ok(model.clone()), |scheme| model.quantized(scheme))?;
        let (keep, count) = (merged.reach.keep(), end.min(merged.reach.ring()));
        let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
        for cache in caches {
            let batch = cache.batch()?;
            let (first, last) = match cache.in_order()? {
                Some(held) => held,
                None => (model.zeros(batch, keep)?, model.zeros(batch, 0)?),
            };
            let stored = |rows: Rows| scheme.map_or(Ok(rows.clone()), |scheme| rows.quantized(scheme));
            let (first, last) = (stored(first)?, stored(last)?);
            let before = model.zeros(batch, count - last.count()?)?;
            firsts.push(first);
            lasts.push(Rows::joined(&[&before, &last])?);
        }
        merged.rows = Some(merged.placed(&Rows::stacked(&firsts)?, &Rows::stacked(&lasts)?, end)?);
        Ok(merged)
    }

    fn filter(&self, texts: &[usize], room: bool) -> Result<Self> {
        let chosen = Chosen::new(texts, self.batch()?, &self.padding, true)?;
        let mut filtered = self.chosen(texts, &chosen)?;
        let Chosen { texts, shared, .. } = chosen;
        if let Some((first, last)) = self.in_order()? {
            let gone = self.end.saturating_sub(self.reach.ring()).max(0);
            let last = last.slice((shared - gone).max(0)..last.count()?)?;
            let (first, last) = (first.take(&texts)?, last.take(&texts)?);
            filtered.rows = Some(if room || filtered.end > self.reach.ring() {
                filtered.placed(&first, &last, filtered.end)?
            } else {
                Rows::joined(&[&first, &last])?
            });
        }
        Ok(filtered)
    }

    /// Some of the texts, without what they hold.
    pub(super) fn chosen(&self, texts: &[usize], chosen: &Chosen) -> Result<Self> {
        let leaps = self.leaps(usize::try_from(self.batch()?).unwrap_or_default());
        let leaps = texts.iter().filter_map(|&text| leaps.get(text).cloned()).collect();
        let (end, padding) = (self.end - chosen.shared, padding(chosen.widths.clone())?);
        let ahead = Ahead::new(leaps, end, padding.as_deref())?;
        Ok(Self { end, padding, ahead, rows: None, spare: 0, awaited: None, ..self.clone() })
    }
}

impl StateCache {
    fn batch(&self) -> Result<i32> {
        match (self.arrays().next(), &self.padding) {
            (Some(array), _) => Ok(array.dim(0)?),
            (None, Some(padding)) => Ok(i32::try_from(padding.widths().len()).unwrap_or(i32::MAX)),
            (None, None) => Ok(1),
        }
    }

    fn joins(&self, other: &Self) -> bool {
        self.arrays.len() == other.arrays.len() && self.lengths.is_none() && other.lengths.is_none()
    }

    fn merge(caches: &[&Self]) -> Result<Self> {
        let Some(first) = caches.first() else { return Err(unlike()) };
        if caches.iter().any(|cache| cache.arrays.len() != first.arrays.len() || cache.lengths.is_some()) {
            return Err(unlike());
        }
        let end = caches.iter().map(|cache| cache.end).max().unwrap_or_default();
        let mut widths = Vec::new();
        for cache in caches {
            widths.extend(shifted(&cache.padding, cache.batch()?, end - cache.end));
        }
        let arrays = (0..first.arrays.len()).map(|at| stacked(caches, at)).collect::<Result<_>>()?;
        Ok(Self { arrays, end, padding: padding(widths)?, lengths: None })
    }

    /// Some of the texts, without the padding that all share, if that is to go.
    pub(super) fn filter(&self, texts: &[usize], goes: bool) -> Result<Self> {
        let chosen = Chosen::new(texts, self.batch()?, &self.padding, goes)?;
        let pick =
            |array: &Option<Array>| array.as_ref().map(|array| array.take(&chosen.texts, 0)).transpose();
        let arrays = self.arrays.iter().map(pick).collect::<mlx_core::Result<_>>()?;
        let lengths = self.lengths.as_ref().map(|lengths| {
            texts.iter().filter_map(|&text| lengths.get(text)).map(|length| length - chosen.shared).collect()
        });
        Ok(Self { arrays, end: self.end - chosen.shared, padding: padding(chosen.widths)?, lengths })
    }
}

/// One array of several states; zeros for those that have none.
fn stacked(caches: &[&StateCache], at: usize) -> Result<Option<Array>> {
    let Some(model) = caches.iter().find_map(|cache| cache.get(at)) else { return Ok(None) };
    let mut pieces = Vec::new();
    for cache in caches {
        pieces.push(match cache.get(at) {
            Some(array) => array.clone(),
            None => {
                let mut shape = model.shape().to_vec();
                if let Some(batch) = shape.first_mut() {
                    *batch = cache.batch()?;
                }
                Array::zeros(shape, model.dtype())?
            }
        });
    }
    Ok(Some(concatenate(&pieces, 0)?))
}
