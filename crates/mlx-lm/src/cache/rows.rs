//! Keys and values as arrays, plain or quantized.

use std::ops::Range;

use mlx_core::{Array, Quantization, Quantized, Result, concatenate};

/// The axis of tokens.
const TOKENS: i32 = 2;

/// Rows of keys and values that belong together: arrays `[batch, kv_heads, rows, _]`, first those of the keys.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    parts: Vec<Array>,
    scheme: Option<Quantization>,
}

/// Keys or values.
pub(super) enum Side {
    Plain(Array),
    Quantized(Quantized),
}

impl Rows {
    /// Keys and values `[batch, kv_heads, rows, width]`, quantized if there is a scheme.
    pub(super) fn new(keys: &Array, values: &Array, scheme: Option<Quantization>) -> Result<Self> {
        let plain = Self { parts: vec![keys.clone(), values.clone()], scheme: None };
        scheme.map_or(Ok(plain.clone()), |scheme| plain.quantized(scheme))
    }

    /// Parts as [`parts`](Self::parts) gives them.
    pub(super) fn from_parts(parts: Vec<Array>, scheme: Option<Quantization>) -> Self {
        Self { parts, scheme }
    }

    pub(super) fn parts(&self) -> &[Array] {
        &self.parts
    }

    pub(super) fn scheme(&self) -> Option<Quantization> {
        self.scheme
    }

    pub(super) fn count(&self) -> Result<i32> {
        self.parts.first().map_or(Ok(0), |part| part.dim(TOKENS))
    }

    pub(super) fn batch(&self) -> Result<i32> {
        self.parts.first().map_or(Ok(0), |part| part.dim(0))
    }

    /// The same rows in another way to store them; those that are quantized stay as they are.
    pub(super) fn quantized(&self, scheme: Quantization) -> Result<Self> {
        if self.scheme.is_some() {
            return Ok(self.clone());
        }
        let mut parts = Vec::new();
        for part in &self.parts {
            let Quantized { weight, scales, biases, .. } = Quantized::of(part, scheme)?;
            parts.extend([weight, scales]);
            parts.extend(biases);
        }
        Ok(Self { parts, scheme: Some(scheme) })
    }

    pub(super) fn keys(&self) -> Result<Side> {
        self.side(self.parts.get(..self.parts.len() / 2))
    }

    pub(super) fn values(&self) -> Result<Side> {
        self.side(self.parts.get(self.parts.len() / 2..))
    }

    fn side(&self, parts: Option<&[Array]>) -> Result<Side> {
        match (parts, self.scheme) {
            (Some([plain]), None) => Ok(Side::Plain(plain.clone())),
            (Some([weight, scales, biases]), Some(scheme)) => Ok(Side::Quantized(Quantized::new(
                weight.clone(),
                scales.clone(),
                Some(biases.clone()),
                scheme,
            ))),
            _ => Err(super::error("keys and values are not stored alike")),
        }
    }

    fn map(&self, change: impl Fn(&Array) -> Result<Array>) -> Result<Self> {
        let parts = self.parts.iter().map(change).collect::<Result<_>>()?;
        Ok(Self { parts, scheme: self.scheme })
    }

    /// Some of the rows.
    pub(super) fn slice(&self, rows: Range<i32>) -> Result<Self> {
        self.section(0..self.batch()?, rows)
    }

    /// Some of the rows of texts that stand one after the other.
    pub(super) fn section(&self, texts: Range<i32>, rows: Range<i32>) -> Result<Self> {
        if texts == (0..self.batch()?) && rows == (0..self.count()?) {
            return Ok(self.clone());
        }
        self.map(|part| part.index((texts.clone(), .., rows.clone())))
    }

    /// The texts of a batch that `texts` `[n]` names.
    pub(super) fn take(&self, texts: &Array) -> Result<Self> {
        self.map(|part| part.take(texts, 0))
    }

    /// Some texts of a batch that stand one after the other.
    pub(super) fn texts(&self, texts: Range<i32>) -> Result<Self> {
        self.section(texts, 0..self.count()?)
    }

    /// Empty rows like these.
    pub(super) fn zeros(&self, batch: i32, rows: i32) -> Result<Self> {
        self.map(|part| {
            let [_, heads, _, width] = part.dims()?;
            Array::zeros([batch, heads, rows, width], part.dtype())
        })
    }

    /// These rows with `new` over those from row `at` of text `text`.
    pub(super) fn write(&self, text: i32, at: i32, new: &Self) -> Result<Self> {
        let parts = self.parts.iter().zip(&new.parts);
        let parts =
            parts.map(|(part, new)| part.slice_update(new, [text, 0, at, 0])).collect::<Result<_>>()?;
        Ok(Self { parts, scheme: self.scheme })
    }

    /// Rows one after the other.
    pub(super) fn joined(pieces: &[&Self]) -> Result<Self> {
        let used: Vec<_> = pieces.iter().map(|&piece| Ok((piece, piece.count()?))).collect::<Result<_>>()?;
        let used: Vec<_> = used.into_iter().filter(|&(_, count)| count > 0).map(|(piece, _)| piece).collect();
        Self::concatenated(if used.is_empty() { pieces } else { &used }, TOKENS)
    }

    /// The rows of several batches as those of one.
    pub(super) fn stacked(batches: &[Self]) -> Result<Self> {
        Self::concatenated(&batches.iter().collect::<Vec<_>>(), 0)
    }

    fn concatenated(pieces: &[&Self], axis: i32) -> Result<Self> {
        let Some((first, others)) = pieces.split_first() else {
            return Err(super::error("there is nothing to put together"));
        };
        if others.is_empty() {
            return Ok((*first).clone());
        }
        let parts = (0..first.parts.len())
            .map(|at| concatenate(pieces.iter().filter_map(|piece| piece.parts.get(at)), axis))
            .collect::<Result<_>>()?;
        Ok(Self { parts, scheme: first.scheme })
    }
}

impl Side {
    /// The numbers themselves.
    pub(super) fn dense(self) -> Result<Array> {
        match self {
            Self::Plain(plain) => Ok(plain),
            Self::Quantized(quantized) => quantized.dequantize(None),
        }
    }
}
