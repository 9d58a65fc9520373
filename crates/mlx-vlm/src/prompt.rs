//! A conversation as tokens, and what is shown in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;

use mlx_text::Tokenizer;

use crate::family::{Family, Layout, Span};
use crate::features::Seen;
use crate::{Error, Media, Result};

/// The tokens of a conversation, with what is shown in it.
///
/// For each image and video the tokens hold as many placeholders as the model will see vectors of it.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub(crate) tokens: Vec<u32>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) layout: Rc<Layout>,
}

/// An image or a video, and the tokens that it takes the place of: all placeholders within a range.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) seen: Rc<Seen>,
    pub(crate) tokens: Range<usize>,
}

impl Prompt {
    /// The tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Where placeholders of each image and video stand, in order.
    pub fn shown(&self) -> impl Iterator<Item = Range<usize>> {
        self.shown.iter().map(|shown| shown.tokens.clone())
    }

    /// How many tokens the vectors of images and videos take the place of.
    pub fn image_tokens(&self) -> usize {
        self.shown.iter().map(|shown| shown.seen.about.tokens).sum()
    }

    /// What tells the placeholders of different images apart: a part of the image's key and the number among its own.
    /// Tokens that see each other are told apart by all of these.
    pub(crate) fn marks(&self, placeholders: &[u32]) -> Vec<u64> {
        let mut marks = vec![0; self.tokens.len()];
        for shown in &self.shown {
            let [a, b, c, d, e, f, g, h, ..] = shown.seen.key;
            let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]) | 1;
            let places = shown.tokens.clone().zip(self.tokens.get(shown.tokens.clone()).unwrap_or_default());
            for (place, _) in places.filter(|(_, token)| placeholders.contains(token)) {
                marks.iter_mut().skip(place).take(1).for_each(|mark| *mark = key);
            }
        }
        for range in &self.layout.together {
            let places = [range.start, range.end].map(|place| place.unsigned_abs() as usize);
            let mut hash = DefaultHasher::new();
            self.tokens.get(places[0]..places[1]).unwrap_or_default().hash(&mut hash);
            let hash = hash.finish();
            marks.iter_mut().take(places[1]).skip(places[0]).for_each(|mark| *mark ^= hash);
        }
        marks
    }

    /// The place behind the last placeholder.
    pub(crate) fn text_from(&self) -> usize {
        self.shown.last().map_or(0, |shown| shown.tokens.end)
    }

    /// The tokens of `text`, in which a marker stands for each of `seen`.
    pub(crate) fn new(
        text: &str,
        seen: Vec<(Kind, Rc<Seen>)>,
        family: &dyn Family,
        tokenizer: &Tokenizer,
    ) -> Result<Self> {
        let pieces = pieces(text, &seen, family)?;
        let tokens = if family.reads_apart() {
            apart(&pieces, &seen, family, tokenizer)?
        } else {
            family.encode(&joined(&pieces, &seen, family), tokenizer)?
        };
        Self::of_tokens(tokens, seen.into_iter().map(|(_, seen)| seen).collect(), family)
    }

    /// Tokens in which placeholders stand for the vectors of each of `seen`.
    pub(crate) fn of_tokens(tokens: Vec<u32>, seen: Vec<Rc<Seen>>, family: &dyn Family) -> Result<Self> {
        let shown = spans(&tokens, seen, family.tokens())?;
        let spans: Vec<_> = shown
            .iter()
            .map(|shown| Span {
                tokens: shown.tokens.clone(),
                runs: runs(&tokens, shown.tokens.clone(), family.tokens()),
                about: &shown.seen.about,
            })
            .collect();
        let layout = Rc::new(family.layout(tokens.len(), &spans));
        Ok(Self { tokens, shown, layout })
    }
}

/// Which marker stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Video,
}

impl Kind {
    pub(crate) fn of(media: &Media) -> Self {
        match media {
            Media::Image(_) => Self::Image,
            Media::Video(_) => Self::Video,
        }
    }
}

/// What is before, between and behind the markers of a text, in which one stands for each of `seen`.
fn pieces<'t>(text: &'t str, seen: &[(Kind, Rc<Seen>)], family: &dyn Family) -> Result<Vec<&'t str>> {
    let markers = family.markers();
    let image = |number: usize| markers.image.replace(NUMBER, &(number + 1).to_string());
    let (mut rest, mut pieces, mut images) = (text, Vec::with_capacity(seen.len() + 1), 0);
    let mut left = seen.iter();
    while let Some((at, kind, marker)) = next_marker(rest, &image(images), markers.video.as_deref()) {
        let Some((expected, _)) = left.next() else {
            let problem = format!("the conversation has more markers {marker} than it shows");
            return Err(Error::Prompt(problem));
        };
        if *expected != kind {
            let problem =
                format!("{marker} stands where the conversation shows the other of image and video");
            return Err(Error::Prompt(problem));
        }
        images += usize::from(kind == Kind::Image);
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + marker.len()..).unwrap_or_default();
    }
    let missing = left.count();
    if missing > 0 {
        let problem = format!(
            "the chat template writes no {} for {missing} of what the conversation shows",
            image(images)
        );
        return Err(Error::Prompt(problem));
    }
    pieces.push(rest);
    Ok(pieces)
}

/// What stands in a marker for the number of the image.
pub(crate) const NUMBER: &str = "{}";

/// The pieces of a text with what stands for each of `seen` between them.
fn joined(pieces: &[&str], seen: &[(Kind, Rc<Seen>)], family: &dyn Family) -> String {
    let mut numbers = [0, 0];
    let mut text = String::new();
    for (piece, seen) in pieces.iter().zip(seen.iter().map(Some).chain([None])) {
        text.push_str(piece);
        let Some((kind, seen)) = seen else { continue };
        let [images, videos] = &mut numbers;
        let number = if *kind == Kind::Image { images } else { videos };
        text.push_str(&family.numbered(*number));
        text.push_str(&seen.about.text);
        *number += 1;
    }
    text
}

/// The tokens of pieces of a text, each encoded by itself as a whole text is, with placeholders for each of `seen` between
/// them.
fn apart(
    pieces: &[&str],
    seen: &[(Kind, Rc<Seen>)],
    family: &dyn Family,
    tokenizer: &Tokenizer,
) -> Result<Vec<u32>> {
    let placeholder = family.tokens().first().copied().unwrap_or_default();
    let mut tokens = Vec::new();
    for (piece, seen) in pieces.iter().zip(seen.iter().map(Some).chain([None])) {
        tokens.extend(tokenizer.encode(piece, true)?);
        let count = seen.map_or(0, |(_, seen)| seen.about.tokens);
        tokens.extend(std::iter::repeat_n(placeholder, count));
    }
    Ok(tokens)
}

/// The first marker of a text: where it is, and of what.
fn next_marker(text: &str, image: &str, video: Option<&str>) -> Option<(usize, Kind, String)> {
    let found = |kind, marker: &str| Some((text.find(marker)?, kind, marker.to_owned()));
    let video = video.and_then(|marker| found(Kind::Video, marker));
    [found(Kind::Image, image), video].into_iter().flatten().min_by_key(|(at, ..)| *at)
}

/// Where the placeholders of each stand.
fn spans(tokens: &[u32], seen: Vec<Rc<Seen>>, placeholders: &[u32]) -> Result<Vec<Shown>> {
    let mut places = tokens.iter().enumerate().filter(|(_, token)| placeholders.contains(token));
    let mut shown = Vec::with_capacity(seen.len());
    for seen in seen {
        let own: Vec<_> = places.by_ref().take(seen.about.tokens).map(|(at, _)| at).collect();
        match (own.first(), own.last()) {
            (Some(first), Some(last)) if own.len() == seen.about.tokens => {
                shown.push(Shown { seen, tokens: *first..last + 1 });
            }
            _ => {
                let wanted = seen.about.tokens;
                let problem =
                    format!("the prompt has {} placeholders for {wanted} vectors of an image", own.len());
                return Err(Error::Prompt(problem));
            }
        }
    }
    match places.count() {
        0 => Ok(shown),
        more => {
            Err(Error::Prompt(format!("the text has {more} placeholders of images that it does not show")))
        }
    }
}

/// Placeholders within a range, by the text that stands between them.
fn runs(tokens: &[u32], range: Range<usize>, placeholders: &[u32]) -> Vec<Range<usize>> {
    let own = tokens.get(range.clone()).unwrap_or_default();
    let kinds = own.chunk_by(|one, next| placeholders.contains(one) == placeholders.contains(next));
    let mut at = range.start;
    let all = kinds.map(|run| {
        at += run.len();
        (run, at - run.len()..at)
    });
    all.filter(|(run, _)| run.first().is_some_and(|token| placeholders.contains(token)))
        .map(|(_, at)| at)
        .collect()
}
