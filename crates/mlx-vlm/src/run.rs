//! Running the part of a prompt in which things are shown.

use std::ops::Range;

use mlx_core::{Array, Dtype, Index, Result as MlxResult, concatenate};
use mlx_lm::cache::{KvCache, Upcoming};
use mlx_nn::Places;

use crate::model::VisionLanguageModel;
use crate::prompt::Shown;
use crate::{Prompt, Result};

impl VisionLanguageModel {
    /// Runs the tokens of `prompt` that `cache` does not hold yet, up to what is behind the last image or to `end`, `step`
    /// at a time.
    pub(crate) fn run_shown(
        &self,
        prompt: &Prompt,
        cache: &mut KvCache,
        end: usize,
        step: usize,
    ) -> Result<()> {
        let end = prompt.text_from().min(end);
        let mut at = cache.offset().unsigned_abs() as usize;
        while at < end {
            let next = prompt.chunk_end(at, step).min(end);
            let hidden = self.hidden(prompt, at..next)?;
            cache.expect(prompt.upcoming(at..next)?)?;
            self.language().model().prefill_hidden(&hidden, cache)?;
            at = next;
        }
        Ok(())
    }

    /// Hidden states of tokens, with the vectors of what is shown in their places: `[1, length, hidden + more]`.
    pub(crate) fn hidden(&self, prompt: &Prompt, range: Range<usize>) -> Result<Array> {
        let tokens = prompt.tokens.get(range.clone()).unwrap_or_default();
        let decoder = self.language().model().decoder();
        let placeholders = self.family().tokens();
        // A placeholder may be outside the vocabulary.
        let known: Vec<_> =
            tokens.iter().map(|token| if placeholders.contains(token) { 0 } else { *token }).collect();
        let ids = Array::from_slice(&known, [1, i32::try_from(known.len()).unwrap_or(i32::MAX)])?;
        let text = decoder.embed(&ids)?;
        let Some(vectors) = self.vectors(prompt, range)? else { return Ok(text) };
        let places: Vec<i32> =
            (0..).zip(tokens).filter(|(_, token)| placeholders.contains(token)).map(|(at, _)| at).collect();
        Ok(put(text, places, &vectors)?)
    }

    /// The vectors of the placeholders in a range of tokens, `[placeholders, width]`; none if there are no such.
    fn vectors(&self, prompt: &Prompt, range: Range<usize>) -> Result<Option<Array>> {
        let mut parts = Vec::new();
        for Shown { seen, tokens } in &prompt.shown {
            let inside = tokens.start.max(range.start)..tokens.end.min(range.end);
            if inside.is_empty() {
                continue;
            }
            let count = |range: Range<usize>| {
                let tokens = prompt.tokens.get(range).unwrap_or_default();
                tokens.iter().filter(|token| self.family().tokens().contains(token)).count() as i32
            };
            let before = count(tokens.start..inside.start);
            let all = self.features().vectors(seen, self.family())?;
            parts.push(all.index(before..before + count(inside))?);
        }
        Ok(if parts.is_empty() { None } else { Some(concatenate(&parts, 0)?) })
    }
}

impl Prompt {
    /// Where a chunk of about `step` tokens ends: not among tokens that see each other.
    fn chunk_end(&self, at: usize, step: usize) -> usize {
        let mut end = at.saturating_add(step.max(1));
        for range in &self.layout.together {
            let [start, stop] = [range.start, range.end].map(|place| place.unsigned_abs() as usize);
            if start < end && end < stop {
                end = if start > at { start } else { stop };
            }
        }
        end
    }

    /// What the tokens of a range have that text has not.
    pub(crate) fn upcoming(&self, range: Range<usize>) -> Result<Upcoming> {
        let layout = &self.layout;
        let inside = |other: &Range<i32>| {
            (range.start as i32) < other.end && other.start < i32::try_from(range.end).unwrap_or(i32::MAX)
        };
        let together = layout.together.iter().filter(|other| inside(other)).cloned().collect();
        let Some(positions) = layout.positions.get(range.clone()).filter(|_| !layout.positions.is_empty())
        else {
            return Ok(Upcoming { positions: None, together });
        };
        let axes = (0..3).flat_map(|axis| positions.iter().filter_map(move |place| place.get(axis)));
        let axes: Vec<i32> = axes.copied().collect();
        let places = Array::from_slice(&axes, [3, 1, i32::try_from(positions.len()).unwrap_or(i32::MAX)])?;
        let next = layout.positions.get(range.end).map_or(layout.next, |[time, ..]| *time);
        Ok(Upcoming { positions: Some((Places::new(places)?, next)), together })
    }
}

/// Hidden states `[1, length, hidden]` with `vectors` `[places, width]` in their places. The wider of the two decides how
/// wide the result is: text has nothing to add to later layers.
fn put(text: Array, places: Vec<i32>, vectors: &Array) -> MlxResult<Array> {
    let [_, length, hidden] = text.dims()?;
    let width = vectors.dim(-1)?;
    let vectors = vectors.astype(text.dtype())?;
    let wide = if width > hidden {
        concatenate(
            [&text, &Array::zeros([1, length, width - hidden], Dtype::Float32)?.astype(text.dtype())?],
            -1,
        )?
    } else {
        text
    };
    wide.at((0, Index::from(places), ..width)).set(&vectors)
}
