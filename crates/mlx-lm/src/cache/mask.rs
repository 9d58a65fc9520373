//! Which earlier tokens a token may see.

use std::cell::RefCell;
use std::rc::Rc;

use mlx_core::{Array, Result, concatenate, select};
use mlx_nn::LeftPadding;

use super::upcoming::{Sight, Together};

/// The rule of one pass through the layers. What it means for the keys that a layer holds is worked out when the
/// layer attends, once for all layers that hold the same.
#[derive(Clone, Debug)]
pub struct Mask {
    rule: Rule,
    made: Rc<RefCell<Vec<(View, Array)>>>,
}

#[derive(Clone, Debug)]
enum Rule {
    Causal,
    Sliding(i32),
    Chunked(i32),
    Near(i32),
    Array(Array),
}

/// What a rule allows.
#[derive(Clone, Debug)]
pub(super) enum Visible {
    /// All keys.
    All,
    /// Those up to the query, where the last query is at the last key.
    Causal,
    /// Where an array is true, or plus an array of numbers.
    These(Array),
}

/// The keys of one pass, by the places of a batch's common time line. First come `kept` rows of each text's first
/// tokens, as far as they have left the ring; then the ring.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) kept: i32,
    /// The first place in the ring.
    pub(super) gone: i32,
    /// One past the last place in the ring, which is also that of the last query.
    pub(super) end: i32,
    /// How many queries there are.
    pub(super) length: i32,
    /// Where the ring begins in its buffer.
    pub(super) turn: i32,
    /// How far back a token sees, but for the first `keep` tokens.
    pub(super) window: i32,
    pub(super) keep: i32,
    pub(super) padding: Option<Rc<LeftPadding>>,
    /// Places that see all of each other, which not every rule would let them.
    pub(super) together: Option<Rc<Together>>,
}

impl Mask {
    /// Each token sees itself and those before it.
    pub fn causal() -> Self {
        Self::new(Rule::Causal)
    }

    /// Each token sees itself and the `window - 1` before it.
    pub fn sliding(window: i32) -> Self {
        Self::new(Rule::Sliding(window))
    }

    /// Each token sees itself and those before it in the same chunk of `size` tokens.
    pub fn chunked(size: i32) -> Self {
        Self::new(Rule::Chunked(size.max(1)))
    }

    /// Each token sees all others, or those that are at most `window - 1` before or behind it. All of a text must run at
    /// once.
    pub fn both_ways(window: Option<i32>) -> Self {
        Self::new(Rule::Near(window.unwrap_or(i32::MAX)))
    }

    fn new(rule: Rule) -> Self {
        Self { rule, made: Rc::default() }
    }

    pub(super) fn visible(&self, view: &View) -> Result<Visible> {
        if let Rule::Array(array) = &self.rule {
            return Ok(Visible::These(array.clone()));
        }
        let mixed = view.together.as_deref().is_some_and(|together| self.mixes(together));
        if view.padding.is_none() && self.hides_nothing(view) && !mixed {
            let all = view.length == 1 || matches!(self.rule, Rule::Near(_));
            return Ok(if all { Visible::All } else { Visible::Causal });
        }
        if let Some((_, array)) = self.made.borrow().iter().find(|(made, _)| made.same(view)) {
            return Ok(Visible::These(array.clone()));
        }
        let array = self.array(view)?;
        self.made.borrow_mut().push((view.clone(), array.clone()));
        Ok(Visible::These(array))
    }

    /// The mask as an array, for keys whose scores are computed elsewhere; none if all are visible.
    pub(super) fn array_for(&self, view: &View) -> Result<Option<Array>> {
        Ok(match self.visible(view)? {
            Visible::All => None,
            Visible::Causal => Some(self.array(view)?),
            Visible::These(array) => Some(array),
        })
    }

    /// Whether every query sees all keys up to its own, or all that there are.
    fn hides_nothing(&self, view: &View) -> bool {
        let (oldest, newest) = (if view.kept > 0 { 0 } else { view.gone }, view.end - 1);
        let filled = view.kept <= view.gone;
        filled
            && view.end - view.gone <= view.window
            && match self.rule {
                Rule::Causal => true,
                Rule::Sliding(window) | Rule::Near(window) => newest - oldest < window,
                Rule::Chunked(size) => newest / size == oldest / size,
                Rule::Array(_) => false,
            }
    }

    /// True where a query (row) sees a key (column): `[queries, keys]`, or `[batch, 1, queries, keys]`.
    fn array(&self, view: &View) -> Result<Array> {
        let queries = Array::arange(view.end - view.length..view.end)?.expand_dims(1)?;
        let shift = match &view.padding {
            Some(padding) => padding.shift().reshape([-1, 1, 1, 1])?,
            None => Array::from(0),
        };
        let keys = view.places(&shift)?;
        let mut seen = self.by_rule(view, [&queries, &keys], &shift)?;
        let Some(together) = view.together.as_deref().filter(|together| self.mixes(together)) else {
            return Ok(seen);
        };
        for range in &together.places {
            let within =
                |places: &Array| places.greater_equal(range.start)?.logical_and(places.less(range.end)?);
            let mut both = within(&queries)?.logical_and(within(&keys)?)?;
            if let (Rule::Sliding(window), Sight::Windowed | Sight::InWindows) = (&self.rule, together.sight)
            {
                both = both.logical_and((&queries - &keys)?.less(*window)?)?;
            }
            seen = seen.logical_or(both)?;
        }
        Ok(seen)
    }

    /// Whether this lets tokens see later ones that see them.
    fn mixes(&self, together: &Together) -> bool {
        together.sight != Sight::InWindows || matches!(self.rule, Rule::Sliding(_))
    }

    /// True where the rule lets a query see a key, both given by their places.
    fn by_rule(&self, view: &View, [queries, keys]: [&Array; 2], shift: &Array) -> Result<Array> {
        let position = (keys + shift)?;
        let back = (queries - keys)?;
        let real = position.greater_equal(0)?.logical_or(back.equal(0)?)?;
        if let Rule::Near(window) = self.rule {
            return back.abs()?.less(window)?.logical_and(real);
        }
        let near = back.less(view.window)?.logical_or(position.less(view.keep)?)?;
        let seen = back.greater_equal(0)?.logical_and(near)?.logical_and(real)?;
        match self.rule {
            Rule::Sliding(window) => seen.logical_and(back.less(window)?),
            Rule::Chunked(size) => {
                let into = (queries + shift)?.maximum(0)? % size;
                seen.logical_and(back.less_equal(into)?)
            }
            _ => Ok(seen),
        }
    }
}

/// True where a query (row) sees a key (column), or numbers to add: it broadcasts to
/// `[batch, heads, queries, keys]`. It is taken as it is, whatever a layer holds.
impl From<Array> for Mask {
    fn from(array: Array) -> Self {
        Self::new(Rule::Array(array))
    }
}

impl View {
    /// The place of each key. Kept rows that are still in the ring are put behind all queries.
    fn places(&self, shift: &Array) -> Result<Array> {
        let ring = Array::arange(self.gone..self.end)?.roll(self.turn, 0)?;
        if self.kept == 0 {
            return Ok(ring);
        }
        let first = (Array::arange(0..self.kept)? - shift)?;
        let kept = select(&first.less(self.gone)?, &first, self.end)?;
        let ring = match kept.shape() {
            &[batch, ..] if kept.ndim() > 1 => (ring + Array::zeros([batch, 1, 1, 1], kept.dtype())?)?,
            _ => ring,
        };
        concatenate([&kept, &ring], -1)
    }

    fn same(&self, other: &Self) -> bool {
        let numbers =
            |view: &Self| [view.kept, view.gone, view.end, view.length, view.turn, view.window, view.keep];
        let widths = |view: &Self| view.padding.as_ref().map(|padding| padding.widths().to_vec());
        numbers(self) == numbers(other) && widths(self) == widths(other) && self.together == other.together
    }
}
