//! Keys and values of one attention layer.

use std::ops::Range;
use std::rc::Rc;

use mlx_core::{Array, Quantization, Result};
use mlx_nn::{LeftPadding, Offset};
use serde::{Deserialize, Serialize};

use super::mask::View;
use super::rows::Rows;
use super::upcoming::{Ahead, Awaited};
use super::{Mask, Scoring, Seen, error};

/// Rows are added this many at a time, so that most tokens are written in place.
pub(crate) const STEP: i32 = 256;

/// What a layer keeps of the keys and values it has seen, `[batch, kv_heads, tokens, width]`.
///
/// Tokens have places on a time line that all texts of a batch share; a text begins where its padding ends. The
/// buffer has room for the first tokens of each text, if those are kept, then a ring: place `p` is in row
/// `p % ring`. A token goes to the room of the first ones when it leaves the ring.
#[derive(Clone, Debug)]
pub struct AttentionCache {
    pub(super) reach: Reach,
    pub(super) quantize: Option<Quantize>,
    pub(super) rows: Option<Rows>,
    /// How many more texts there is room for behind those of the batch.
    pub(super) spare: i32,
    /// The places seen.
    pub(super) end: i32,
    /// The places that are to have room once rows are added.
    pub(super) reserved: i32,
    pub(super) padding: Option<Rc<LeftPadding>>,
    /// Where texts go on that have images in them.
    pub(super) ahead: Option<Rc<Ahead>>,
    /// What is said of the next tokens.
    pub(super) awaited: Option<Rc<Awaited>>,
}

/// How far back a layer remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reach {
    All,
    /// The first `keep` tokens and the last `size - keep`.
    Last {
        size: i32,
        keep: i32,
    },
    /// The last `size` tokens, of which a token sees those of its chunk.
    Chunk {
        size: i32,
    },
}

/// How rows are quantized once so many tokens are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantize {
    pub(super) scheme: Quantization,
    pub(super) start: i32,
}

impl Reach {
    pub(super) fn keep(self) -> i32 {
        match self {
            Self::Last { keep, .. } => keep,
            Self::All | Self::Chunk { .. } => 0,
        }
    }

    /// The tokens in the ring.
    pub(super) fn ring(self) -> i32 {
        match self {
            Self::All => i32::MAX,
            Self::Last { size, keep } => size - keep,
            Self::Chunk { size } => size,
        }
    }
}

impl AttentionCache {
    pub(super) fn new(reach: Reach) -> Self {
        Self {
            reach,
            quantize: None,
            rows: None,
            spare: 0,
            end: 0,
            reserved: 0,
            padding: None,
            ahead: None,
            awaited: None,
        }
    }

    /// The position of the next token, for each text of a batch.
    pub fn offset(&self) -> Offset<'_> {
        if let Some(places) = self.awaited.as_ref().and_then(|awaited| awaited.places()) {
            return Offset::At(places);
        }
        let ahead = self.ahead.as_ref().map(|ahead| ahead.shift());
        match (ahead.or(self.padding.as_deref()), self.end) {
            (None, end) => Offset::All(end),
            (Some(shift), end) => match shift.widths() {
                [width] => Offset::All(end - width),
                _ => Offset::Padded { end, padding: shift },
            },
        }
    }

    /// See [`LayerCache::attend`](super::LayerCache::attend).
    pub fn attend<'a>(
        &mut self,
        queries: &Array,
        keys: &Array,
        values: &Array,
        scoring: impl Into<Scoring<'a>>,
        mask: &Mask,
    ) -> Result<Array> {
        self.push(keys, values)?.attend(queries, scoring, mask)
    }

    /// Appends keys and values. Returns those that the new tokens may see.
    pub fn push(&mut self, keys: &Array, values: &Array) -> Result<Seen> {
        self.push_rows(&Rows::new(keys, values, self.scheme(keys, values)?)?)
    }

    /// As [`push`](Self::push), of rows that are stored as they are to be.
    pub(super) fn push_rows(&mut self, new: &Rows) -> Result<Seen> {
        let length = new.count()?;
        let Some(end) = self.end.checked_add(length).filter(|&end| end < i32::MAX - STEP) else {
            return Err(error("it cannot hold more tokens"));
        };
        if let (Some(rows), Some(scheme)) = (&self.rows, new.scheme()) {
            self.rows = Some(rows.quantized(scheme)?);
        }
        let together = self.take_awaited(length, end)?;
        let (rows, view) = if length <= 1 || end <= self.reach.ring() {
            self.write(new, end)?
        } else {
            self.renew(new, end)?
        };
        self.end = end;
        let view = View { length, padding: self.padding.clone(), together, ..view };
        Ok(Seen::new(rows, view))
    }

    /// See [`KvCache::reserve`](super::KvCache::reserve).
    pub(super) fn reserve(&mut self, tokens: i32) {
        self.reserved = self.end.saturating_add(tokens);
    }

    /// How the next rows are stored. What cannot be quantized later is refused at once.
    fn scheme(&self, keys: &Array, values: &Array) -> Result<Option<Quantization>> {
        let held = self.rows.as_ref().and_then(Rows::scheme);
        let Some(scheme) = held.or(self.quantize.map(|quantize| quantize.scheme)) else { return Ok(None) };
        for width in [keys.dim(3)?, values.dim(3)?] {
            if width % scheme.group_size != 0 {
                let group = scheme.group_size;
                return Err(error(format!(
                    "keys or values are {width} wide, which groups of {group} do not divide: give another kv_group_size"
                )));
            }
        }
        let due = held.is_some() || self.quantize.is_some_and(|quantize| self.end >= quantize.start);
        Ok(due.then_some(scheme))
    }

    /// Writes rows that do not run over the end of the ring.
    fn write(&mut self, new: &Rows, end: i32) -> Result<(Rows, View)> {
        let (keep, ring) = (self.reach.keep(), self.reach.ring());
        let used = end.min(ring);
        let mut rows = self.rows.take().map_or_else(|| new.zeros(new.batch()?, 0), Ok)?;
        let room = self.capacity(used) + keep - rows.count()?;
        if room > 0 && rows.count()? < used + keep {
            rows = Rows::joined(&[&rows, &rows.zeros(rows.batch()?, room)?])?;
        }
        let slot = self.end % ring;
        if self.end >= ring {
            let leaving = rows.slice(keep + slot..keep + slot + 1)?;
            rows = self.keep_first(rows, &leaving, self.end - ring..end - ring)?;
        }
        let rows = rows.write(0, keep + slot, new)?;
        let gone = end.saturating_sub(ring).max(0);
        let kept = if gone > 0 { keep } else { 0 };
        let seen = rows.section(0..rows.batch()? - self.spare, keep - kept..keep + used)?;
        self.rows = Some(rows);
        Ok((seen, View { turn: gone % ring, ..self.view(kept, gone, end) }))
    }

    /// Makes a new buffer of the old rows and those that run over the end of the ring.
    fn renew(&mut self, new: &Rows, end: i32) -> Result<(Rows, View)> {
        let (keep, ring) = (self.reach.keep(), self.reach.ring());
        let (first, old) = match self.in_order()? {
            Some(held) => held,
            None => (new.zeros(new.batch()?, keep)?, new.zeros(new.batch()?, 0)?),
        };
        let before = (self.end - ring).max(0);
        let all = Rows::joined(&[&old, new])?;
        let kept = if before > 0 { keep } else { 0 };
        let seen = Rows::joined(&[&first.slice(0..kept)?, &all])?;
        let gone = end - ring;
        let leaving = all.slice(0..gone - before)?;
        let first = self.keep_first(first, &leaving, before..gone)?;
        self.rows = Some(self.placed(&first, &all.slice(gone - before..end - before)?, end)?);
        self.spare = 0;
        Ok((seen, self.view(kept, before, end)))
    }

    fn view(&self, kept: i32, gone: i32, end: i32) -> View {
        let (window, keep) = (self.reach.ring(), self.reach.keep());
        View { kept, gone, end, length: 0, turn: 0, window, keep, padding: None, together: None }
    }

    /// Those of `leaving`, which stand at `places`, that are the first tokens of a text, written to where these
    /// are kept.
    fn keep_first(&self, mut rows: Rows, leaving: &Rows, places: Range<i32>) -> Result<Rows> {
        let keep = self.reach.keep();
        let widths = self.padding.as_ref().map_or(&[0][..], |padding| padding.widths());
        for (text, width) in (0..).zip(widths) {
            let tokens = (places.start - width).max(0)..(places.end - width).min(keep);
            if tokens.is_empty() {
                continue;
            }
            let shift = width - places.start;
            let mut first = leaving.slice(tokens.start + shift..tokens.end + shift)?;
            if self.padding.is_some() {
                first = first.take(&Array::from([text]))?;
            }
            rows = rows.write(text, tokens.start, &first)?;
        }
        Ok(rows)
    }

    /// The buffers, without the room for further texts.
    pub(super) fn held(&self) -> Result<Option<Rows>> {
        self.rows.as_ref().map(|rows| rows.texts(0..rows.batch()? - self.spare)).transpose()
    }

    /// The first rows, if any are kept, and those of the ring in the order of their places.
    pub(super) fn in_order(&self) -> Result<Option<(Rows, Rows)>> {
        let Some(rows) = self.held()? else { return Ok(None) };
        let (keep, ring) = (self.reach.keep(), self.reach.ring());
        let first = rows.slice(0..keep)?;
        if self.end <= ring {
            return Ok(Some((first, rows.slice(keep..keep + self.end)?)));
        }
        let turn = keep + self.end % ring;
        let ring = Rows::joined(&[&rows.slice(turn..keep + ring)?, &rows.slice(keep..turn)?])?;
        Ok(Some((first, ring)))
    }

    /// A buffer of the first rows and of the last ones before `end`.
    pub(super) fn placed(&self, first: &Rows, last: &Rows, end: i32) -> Result<Rows> {
        let ring = self.reach.ring();
        let count = last.count()?;
        if end <= ring {
            let room = last.zeros(last.batch()?, self.capacity(count) - count)?;
            return Rows::joined(&[first, last, &room]);
        }
        let turn = end % ring;
        Rows::joined(&[first, &last.slice(ring - turn..ring)?, &last.slice(0..ring - turn)?])
    }

    /// The most tokens that can be taken back.
    pub(super) fn trimmable(&self) -> i32 {
        let padding = self.padding.as_ref().and_then(|padding| padding.widths().iter().max().copied());
        if self.end > self.reach.ring() { 0 } else { self.end - padding.unwrap_or_default() }
    }

    pub(super) fn arrays(&self) -> &[Array] {
        self.rows.as_ref().map_or(&[], Rows::parts)
    }

    /// The rows of the ring's buffer where so many are in use: those that were reserved, or more in steps.
    fn capacity(&self, used: i32) -> i32 {
        let steps = used.saturating_add(STEP - 1) / STEP;
        let rows = if used <= self.reserved { self.reserved } else { steps.saturating_mul(STEP) };
        rows.min(self.reach.ring())
    }
}
