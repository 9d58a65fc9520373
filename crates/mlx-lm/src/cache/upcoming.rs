//! Tokens that are no text: an image has positions of its own, and its tokens may see one another.

use std::ops::Range;
use std::rc::Rc;

use mlx_core::Result;
use mlx_nn::{LeftPadding, Places};
use serde::{Deserialize, Serialize};

use super::{AttentionCache, KvCache, LayerCache, error};

/// What the tokens of the next pass have that text has not.
#[derive(Clone, Debug, Default)]
pub struct Upcoming {
    /// Their positions, and that of the token after them. Without these, each token is one position behind the last.
    pub positions: Option<(Places, i32)>,
    /// Places of tokens that see all of each other, the later ones too, counted from the first token of the text.
    pub together: Vec<Range<i32>>,
    /// How far they do.
    pub sight: Sight,
}

/// How far tokens see that see later ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// To all of their own, however far those are.
    #[default]
    Far,
    /// As `Far`; but where layers see a window, what is before that is hidden.
    Windowed,
    /// As `Windowed`, and in layers without a window they see what is before them only.
    InWindows,
}

/// Tokens that see all of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Together {
    pub(super) places: Vec<Range<i32>>,
    pub(super) sight: Sight,
}

/// How positions differ from places in one text, from some places on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaps(Vec<Leap>);

/// From this place of a text on, positions are so far ahead of places; behind, if that is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Leap {
    place: i32,
    ahead: i32,
}

/// Where the texts of a cache go on, if not where their places are.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) texts: Vec<Leaps>,
    /// From places to positions: padding, and what positions are behind.
    shift: LeftPadding,
}

/// What is said of the next tokens of a layer, shared by all layers.
#[derive(Debug)]
pub(super) struct Awaited {
    positions: Option<(Places, i32)>,
    /// Tokens at which text may go on if the cache goes back to them, and their positions.
    resumed: Vec<[i32; 2]>,
    pub(super) together: Rc<Together>,
}

impl KvCache {
    /// Says what the tokens of the next pass have that text has not. It counts for that pass alone.
    ///
    /// # Errors
    /// The cache is of several texts.
    pub fn expect(&mut self, next: Upcoming) -> Result<()> {
        if !self.padding().is_empty() || self.layers.iter().flat_map(LayerCache::arrays).any(is_several) {
            return Err(error("images come into a text before it joins others"));
        }
        let Upcoming { positions, together, sight } = next;
        let together = Rc::new(Together { places: together, sight });
        let resumed = positions.as_ref().map_or(Ok(Vec::new()), |(places, _)| resumed(places))?;
        let awaited = Rc::new(Awaited { positions, resumed, together });
        for layer in self.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            if let LayerCache::Attention(cache) = layer {
                cache.awaited = Some(Rc::clone(&awaited));
            }
        }
        self.shown = true;
        Ok(())
    }
}

/// Tokens whose positions are the same along all axes, as those of text are.
fn resumed(places: &Places) -> Result<Vec<[i32; 2]>> {
    let values = places.values()?;
    let count = usize::try_from(places.count()).unwrap_or_default().max(1);
    let (first, others) = values.split_at(count.min(values.len()));
    let same = |at: usize, position| others.chunks(count).all(|axis| axis.get(at) == Some(&position));
    let tokens = (0..).zip(first.iter().enumerate());
    Ok(tokens
        .filter(|(_, (at, position))| same(*at, **position))
        .map(|(at, (_, position))| [at, *position])
        .collect())
}

fn is_several(array: &mlx_core::Array) -> bool {
    array.shape().first().is_some_and(|&texts| texts > 1)
}

impl Leaps {
    /// How far positions are ahead at the end of a text.
    fn ahead(&self, end: i32) -> i32 {
        self.0.iter().rfind(|leap| leap.place <= end).map_or(0, |leap| leap.ahead)
    }

    /// Whether a text of so many tokens can have them.
    pub(super) fn fit(&self, end: i32) -> bool {
        let fits =
            |leap: &Leap| (0..=end).contains(&leap.place) && leap.ahead.unsigned_abs() < i32::MAX as u32 / 4;
        self.0.iter().all(fits) && self.0.is_sorted_by_key(|leap| leap.place)
    }

    /// Takes up the position of a place, if that is not where it would be.
    fn resume(&mut self, place: i32, position: i32) {
        if self.ahead(place) != position.saturating_sub(place) {
            self.leap(place, position);
        }
    }

    fn leap(&mut self, end: i32, position: i32) {
        self.0.retain(|leap| leap.place < end);
        self.0.push(Leap { place: end, ahead: position.saturating_sub(end) });
    }
}

impl Ahead {
    /// Where texts of such leaps go on that end at a place, some behind padding; absent if that is where they end.
    pub(super) fn new(
        texts: Vec<Leaps>,
        end: i32,
        padding: Option<&LeftPadding>,
    ) -> Result<Option<Rc<Self>>> {
        if texts.iter().all(|leaps| leaps.0.is_empty()) {
            return Ok(None);
        }
        let widths = padding.map_or(&[][..], LeftPadding::widths);
        let widths = texts.iter().enumerate().map(|(text, leaps)| {
            let width = widths.get(text).copied().unwrap_or_default();
            width.saturating_sub(leaps.ahead(end - width))
        });
        let shift = LeftPadding::new(widths.collect())?;
        Ok(Some(Rc::new(Self { texts, shift })))
    }

    pub(super) fn shift(&self) -> &LeftPadding {
        &self.shift
    }
}

impl Awaited {
    pub(super) fn places(&self) -> Option<&Places> {
        self.positions.as_ref().map(|(places, _)| places)
    }
}

impl AttentionCache {
    /// The leaps of each text, of which there are so many.
    pub(super) fn leaps(&self, texts: usize) -> Vec<Leaps> {
        match &self.ahead {
            Some(ahead) => ahead.texts.clone(),
            None => vec![Leaps::default(); texts],
        }
    }

    /// Takes up that the text now ends at another place, back where it was before.
    pub(super) fn ends_at(&mut self, end: i32) -> Result<()> {
        self.end = end;
        let Some(ahead) = &self.ahead else { return Ok(()) };
        let mut texts = ahead.texts.clone();
        let widths = self.padding.as_deref().map_or(&[][..], LeftPadding::widths);
        for (text, leaps) in texts.iter_mut().enumerate() {
            let width = widths.get(text).copied().unwrap_or_default();
            leaps.0.retain(|leap| leap.place <= end - width);
        }
        self.ahead = Ahead::new(texts, end, self.padding.as_deref())?;
        Ok(())
    }

    /// Takes up `length` tokens that were awaited, and where those after them go on.
    pub(super) fn take_awaited(&mut self, length: i32, end: i32) -> Result<Option<Rc<Together>>> {
        let Some(awaited) = self.awaited.take() else { return Ok(None) };
        if let Some((places, next)) = &awaited.positions {
            if places.count() != length {
                let count = places.count();
                return Err(error(format!("{length} tokens came where {count} have positions")));
            }
            let mut texts = self.leaps(1);
            for leaps in &mut texts {
                for [at, position] in &awaited.resumed {
                    leaps.resume(end - length + at, *position);
                }
                leaps.leap(end, *next);
            }
            self.ahead = Ahead::new(texts, end, self.padding.as_deref())?;
        }
        Ok(Some(Rc::clone(&awaited.together)).filter(|together| !together.places.is_empty()))
    }
}
