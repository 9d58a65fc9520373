//! Texts that join a batch and leave it, in the memory that the batch has.
//!
//! [`KvCache::merge`] and [`KvCache::filter`] write all texts anew. Here buffers have room for further texts, and where one
//! leaves, the last one takes its place, so that others stay where they are.

use mlx_core::{Array, eval};

use super::attention::{AttentionCache, STEP};
use super::batch::Chosen;
use super::rows::Rows;
use super::{KvCache, LayerCache};
use crate::Result;

/// The most tokens of padding before a text of so many in a batch with longer ones. Longer ones are run apart: what is not
/// there costs as much as what is.
pub(crate) fn most_padding(tokens: i32) -> i32 {
    512 + tokens.clamp(0, 4096)
}

/// The order in which texts that stay move the least: each in its place, and the last ones where others leave.
pub(crate) fn in_place(stay: &[usize]) -> Vec<usize> {
    let (stays, mut moves): (Vec<usize>, Vec<usize>) = stay.iter().partition(|&&text| text < stay.len());
    let mut stays = stays.into_iter().peekable();
    (0..stay.len()).filter_map(|place| stays.next_if_eq(&place).or_else(|| moves.pop())).collect()
}

impl KvCache {
    /// Whether the texts of both are of so like lengths that they are run together.
    pub(crate) fn is_as_long_as(&self, other: &Self) -> bool {
        let [(short, long), (other_short, other_long)] = [self, other].map(Self::lengths);
        let (short, long) = (short.min(other_short), long.max(other_long));
        long - short <= most_padding(short)
    }

    /// The tokens of the shortest text and of the longest one.
    fn lengths(&self) -> (i32, i32) {
        let long = self.offset();
        let [least, most] = [self.padding().iter().min(), self.padding().iter().max()];
        (long - most.zip(least).map_or(0, |(most, least)| most - least), long)
    }

    /// As [`filter`](Self::filter), but in the memory of this one if that is worth it; then padding stays that all share.
    ///
    /// What has to be copied is copied here and now: a buffer of which something else is yet to be made is not written to in
    /// place, and each one that is written anew is given back before the next.
    pub(crate) fn retain(self, texts: &[usize]) -> Result<Self> {
        if !self.is_worth_its_memory(texts)? {
            let anew = |layer: LayerCache| {
                let kept = layer.filter(texts, true)?;
                eval(kept.arrays())?;
                Ok(kept)
            };
            let layers = self.layers.into_iter().map(anew).collect::<Result<Vec<_>>>()?;
            return Ok(Self { shown: self.shown, ..Self::new(layers) });
        }
        let moves: Vec<_> = texts.iter().copied().enumerate().filter(|(place, text)| place != text).collect();
        let moved = self.moved(&moves)?;
        let mut moved = moved.into_iter();
        let mut kept = self;
        for leaf in kept.layers.iter_mut().flat_map(LayerCache::leaves_mut) {
            *leaf = match leaf {
                LayerCache::Attention(cache) => {
                    LayerCache::Attention(cache.retain(texts, &moves, moved.next().flatten().as_ref())?)
                }
                LayerCache::State(cache) => LayerCache::State(cache.filter(texts, false)?),
                LayerCache::List(_) => continue,
            };
        }
        Ok(kept)
    }

    /// Copies of the texts that move, for each layer of attention.
    fn moved(&self, moves: &[(usize, usize)]) -> Result<Vec<Option<Rows>>> {
        let from = moves.iter().map(|&(_, text)| i32::try_from(text).unwrap_or(i32::MAX));
        let from: Vec<_> = from.collect();
        let from = Array::from_slice(&from, [i32::try_from(from.len()).unwrap_or(i32::MAX)])?;
        let caches = self.layers.iter().flat_map(LayerCache::leaves).filter_map(LayerCache::attention);
        let moved = caches.map(|cache| {
            let Some(rows) = cache.rows.as_ref().filter(|_| !moves.is_empty()) else { return Ok(None) };
            let used = cache.reach.keep().saturating_add(cache.end.min(cache.reach.ring()));
            Ok(Some(rows.slice(0..used.min(rows.count()?))?.take(&from)?))
        });
        let moved = moved.collect::<mlx_core::Result<Vec<_>>>()?;
        if !moves.is_empty() {
            eval(moved.iter().flatten().flat_map(Rows::parts))?;
        }
        Ok(moved)
    }

    /// Whether these are most texts that there is room for, nearly all in their places.
    fn is_worth_its_memory(&self, texts: &[usize]) -> Result<bool> {
        let Some((cache, rows)) = self.first_rows() else { return Ok(false) };
        let count = |number| usize::try_from(number).unwrap_or_default();
        let (room, batch) = (count(rows.batch()?), count(cache.batch()?));
        let moved = texts.iter().enumerate().filter(|(place, text)| place != *text).count();
        let there = texts.iter().all(|&text| text < batch);
        let most = 2 * texts.len() > room && 4 * moved <= texts.len();
        Ok(there && most && !self.is_padded_much(texts)?)
    }

    /// Whether padding that these texts share takes much room, or that of the next token.
    pub(crate) fn is_padded_much(&self, texts: &[usize]) -> Result<bool> {
        let Some((cache, rows)) = self.first_rows() else { return Ok(false) };
        let width = |&text: &usize| self.padding().get(text).copied().unwrap_or_default();
        let shared = texts.iter().map(width).min().unwrap_or_default();
        let grows = cache.end < cache.reach.ring() && cache.end + cache.reach.keep() >= rows.count()?;
        Ok(shared >= STEP || grows && 4 * shared >= cache.end.max(1))
    }

    fn first_rows(&self) -> Option<(&AttentionCache, &Rows)> {
        let mut caches = self.layers.iter().flat_map(LayerCache::leaves).filter_map(LayerCache::attention);
        caches.find_map(|cache| Some((cache, cache.rows.as_ref()?)))
    }
}

impl AttentionCache {
    /// The texts of several caches, in the buffers of the first one if the others fit beside its texts.
    pub(super) fn join(caches: &[&Self]) -> Result<Self> {
        let Some((first, others)) = caches.split_first() else { return Self::merge(caches) };
        let rows = first.rows.as_ref().filter(|_| others.iter().all(|other| first.takes(other)));
        let Some(rows) = rows else { return Self::merge(caches) };
        let mut at = first.batch()?;
        let mut rows = roomy(rows, caches.iter().map(|cache| cache.batch()).sum::<Result<_>>()?)?;
        let joined = Self::together(caches, first.end)?;
        for other in others {
            rows = joined.put(&rows, at, other)?;
            at += other.batch()?;
        }
        Ok(Self { spare: rows.batch()? - at, rows: Some(rows), ..joined })
    }

    /// Whether the texts of another can be put beside those of this one as they are.
    fn takes(&self, other: &Self) -> bool {
        let scheme = |cache: &Self| cache.rows.as_ref().map(Rows::scheme);
        let alike = self.reach == other.reach && self.quantize == other.quantize;
        alike && other.end <= self.end && scheme(self) == scheme(other)
    }

    /// Buffers with the texts of another from text `at` on, so that all end at the same place.
    fn put(&self, rows: &Rows, at: i32, other: &Self) -> Result<Rows> {
        let Some((first, last)) = other.in_order()? else { return Ok(rows.clone()) };
        let ring = self.reach.ring();
        // Of a text that has left nothing may stay, not even behind a mask, which hides no number that is not finite.
        let before = last.zeros(last.batch()?, self.end.min(ring) - last.count()?)?;
        let last = Rows::joined(&[&before, &last])?;
        let whole = if self.end > ring {
            self.placed(&first, &last, self.end)?
        } else {
            Rows::joined(&[&first, &last])?
        };
        Ok(rows.write(at, 0, &whole)?)
    }

    /// Some of the texts, of which `moved` are to stand at other places.
    fn retain(&self, texts: &[usize], moves: &[(usize, usize)], moved: Option<&Rows>) -> Result<Self> {
        let (batch, room) = (self.batch()?, self.batch()? + self.spare);
        let chosen = Chosen::new(texts, batch, &self.padding, false)?;
        let mut rows = self.rows.clone();
        if let Some((buffer, moved)) = rows.as_mut().zip(moved) {
            for (from, &(place, _)) in (0..).zip(moves) {
                let place = i32::try_from(place).unwrap_or(i32::MAX);
                *buffer = buffer.write(place, 0, &moved.texts(from..from + 1)?)?;
            }
        }
        let spare = rows.as_ref().map_or(0, |_| room - i32::try_from(texts.len()).unwrap_or(i32::MAX));
        Ok(Self { rows, spare, ..self.chosen(texts, &chosen)? })
    }
}

/// Buffers with room for so many texts. Where there is none they grow by a quarter, so that texts which come one by one are
/// not all copied for each.
fn roomy(rows: &Rows, texts: i32) -> Result<Rows> {
    let room = rows.batch()?;
    if texts <= room {
        return Ok(rows.clone());
    }
    let more = (texts - room).max(room / 4 + 1);
    Ok(Rows::stacked(&[rows.clone(), rows.zeros(more, rows.count()?)?])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheOptions;

    #[test]
    fn texts_that_stay_keep_their_places_and_the_last_ones_fill_the_others() {
        assert_eq!(in_place(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(in_place(&[0, 2, 3, 4]), [0, 4, 2, 3]);
        assert_eq!(in_place(&[1, 3, 5, 6]), [6, 1, 5, 3]);
        assert_eq!(in_place(&[7]), [7]);
        assert!(in_place(&[]).is_empty());
    }

    /// Keys and values `[texts, 2, tokens, 32]` that no others are like.
    fn fresh(texts: i32, tokens: i32, seed: &mut f32) -> [Array; 2] {
        let count = texts * 2 * tokens * 32;
        [(), ()].map(|()| {
            *seed += 1.0;
            let values: Vec<_> = (0..count).map(|at| (*seed * 0.37 + at as f32 * 0.11).sin()).collect();
            Array::from_slice(&values, [texts, 2, tokens, 32]).unwrap()
        })
    }

    fn push(cache: &mut KvCache, [keys, values]: &[Array; 2]) {
        for layer in cache.layers() {
            layer.push(keys, values).unwrap();
        }
    }

    fn rows(cache: &KvCache, text: usize) -> Vec<Vec<f32>> {
        let snapshot = cache.snapshot(text).unwrap();
        snapshot
            .arrays()
            .map(|array| array.astype(mlx_core::Dtype::Float32).unwrap().to_vec().unwrap())
            .collect()
    }

    /// A batch beside each of its texts alone.
    struct Both {
        batch: Option<KvCache>,
        alone: Vec<KvCache>,
        seed: f32,
    }

    impl Both {
        fn come(&mut self, empty: &KvCache, length: i32) {
            let mut cache = empty.clone();
            push(&mut cache, &fresh(1, length, &mut self.seed));
            self.alone.push(cache.clone());
            self.batch = Some(match &self.batch {
                Some(batch) => KvCache::join([batch, &cache]).unwrap(),
                None => cache,
            });
        }

        fn go_on(&mut self) {
            let new = fresh(self.alone.len() as i32, 1, &mut self.seed);
            for layer in self.batch.as_mut().unwrap().layers() {
                let (seen, _) = layer.push(&new[0], &new[1]).unwrap().dense().unwrap();
                assert_eq!(seen.shape()[0] as usize, self.alone.len());
            }
            for (text, cache) in (0..).zip(&mut self.alone) {
                push(cache, &new.clone().map(|array| array.index(text..text + 1).unwrap()));
            }
        }

        fn stay(&mut self, texts: &[usize]) {
            self.batch = Some(self.batch.take().unwrap().retain(texts).unwrap());
            self.alone = texts.iter().map(|&text| self.alone[text].clone()).collect();
        }

        fn check(&self, what: &str) {
            for (text, alone) in self.alone.iter().enumerate() {
                assert_eq!(rows(self.batch.as_ref().unwrap(), text), rows(alone, 0), "{what}: text {text}");
            }
        }

        /// How many texts the buffers have room for.
        fn room(&self) -> i32 {
            self.batch.as_ref().unwrap().arrays().next().unwrap().shape()[0]
        }
    }

    #[test]
    fn texts_that_come_and_go_are_as_they_would_be_alone() {
        let quantized = CacheOptions { kv_bits: Some(8), kv_group_size: 32, ..CacheOptions::default() };
        let empty = [
            KvCache::full(2),
            KvCache::new([LayerCache::sliding(7), LayerCache::full()]),
            KvCache::new([LayerCache::rotating(9, 2).unwrap()]),
            KvCache::full(1).with(&quantized).unwrap(),
        ];
        for (kind, empty) in empty.iter().enumerate() {
            let mut both = Both { batch: None, alone: Vec::new(), seed: kind as f32 };
            for length in [12, 5, 9, 30, 3, 1, 8, 4] {
                both.come(empty, length);
                both.go_on();
                both.check(&format!("kind {kind} with one of {length}"));
            }
            let room = both.room();
            for stay in [[0, 1, 7, 3, 4, 5, 6].as_slice(), &[0, 1, 2, 3, 4, 5], &[6, 1, 2, 3, 4]] {
                both.stay(stay);
                both.go_on();
                both.check(&format!("kind {kind} with {stay:?}"));
                assert_eq!(both.room(), room, "kind {kind}: it is written anew");
                both.come(empty, 6);
                both.go_on();
                both.check(&format!("kind {kind} with another after {stay:?}"));
            }
            both.stay(&[2, 0]);
            both.check(&format!("kind {kind} with two"));
            assert_eq!(both.room(), 2, "kind {kind}: the memory is kept");
        }
    }

    #[test]
    fn padding_that_all_share_goes_before_there_is_room_for_more_of_it() {
        let mut both = Both { batch: None, alone: Vec::new(), seed: 0.0 };
        for length in [STEP - 20, 9, 5, 7, 6, 8] {
            both.come(&KvCache::full(1), length);
        }
        both.stay(&[5, 1, 2, 3, 4]);
        let end = |both: &Both| both.batch.as_ref().unwrap().layers[0].end();
        assert_eq!(end(&both), STEP - 20);
        while end(&both) < STEP {
            assert!(!both.batch.as_ref().unwrap().is_padded_much(&[0, 1, 2, 3, 4]).unwrap());
            both.go_on();
        }
        assert!(both.batch.as_ref().unwrap().is_padded_much(&[0, 1, 2, 3, 4]).unwrap());
        both.stay(&[0, 1, 2, 3, 4]);
        assert_eq!(end(&both), 29);
        both.go_on();
        both.check("after it has gone");
    }

    #[test]
    fn a_text_that_is_much_longer_is_run_apart() {
        let of = |length| {
            let mut cache = KvCache::full(1);
            push(&mut cache, &fresh(1, length, &mut 0.0));
            cache
        };
        let (short, middle, long) = (of(10), of(500), of(1600));
        assert!(short.is_as_long_as(&middle) && middle.is_as_long_as(&short));
        assert!(!middle.is_as_long_as(&long) && !short.is_as_long_as(&long));
        assert!(!KvCache::join([&middle, &short]).unwrap().is_as_long_as(&of(1000)));
        assert!(middle.is_as_long_as(&of(1000)));
    }
}
