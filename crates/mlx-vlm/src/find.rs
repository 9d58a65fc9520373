//! Where things are in an image, by models that have heads for that.

use mlx_core::Array;
use mlx_image::{Image, View};
use mlx_lm::GenerateOptions;
use mlx_lm::cache::KvCache;

use crate::family::Finder;
use crate::{Error, Media, Result, VisionLanguageModel};

/// Something in an image, in shares of its width and height.
#[derive(Clone, Copy, Debug)]
struct Found {
    middle: [f64; 2],
    extent: [f64; 2],
}

/// What was read so far.
struct Reader<'m> {
    model: &'m VisionLanguageModel,
    cache: KvCache,
    /// Behind the last layer, of the last token: `[1, 1, hidden]`.
    state: Array,
    next: u32,
}

impl VisionLanguageModel {
    /// The middles `[x, y]` of things in an image, such as "face", in pixels of that image: `most` at most.
    ///
    /// # Errors
    /// The model has no heads that find things, as only Moondream 2 has, or the context is too short.
    pub fn point(&self, image: &Image, what: &str, most: usize) -> Result<Vec<[f64; 2]>> {
        let view = View::whole(image.size(), image.size());
        let found = self.find(image, what, most, false)?;
        Ok(found.into_iter().map(|found| view.to_source(view.at(found.middle))).collect())
    }

    /// Boxes `[left, top, right, bottom]` around things in an image, as [`point`](Self::point).
    ///
    /// # Errors
    /// As [`point`](Self::point).
    pub fn detect(&self, image: &Image, what: &str, most: usize) -> Result<Vec<[f64; 4]>> {
        let view = View::whole(image.size(), image.size());
        let corners = |Found { middle: [x, y], extent: [width, height] }: Found| {
            let ([left, top], [right, bottom]) =
                (view.at([x - width / 2.0, y - height / 2.0]), view.at([x + width / 2.0, y + height / 2.0]));
            view.box_to_source([left, top, right, bottom])
        };
        Ok(self.find(image, what, most, true)?.into_iter().map(corners).collect())
    }

    /// Things in the order in which the model names them: each a column, a row and, if `sized`, an extent.
    fn find(&self, image: &Image, what: &str, most: usize, sized: bool) -> Result<Vec<Found>> {
        let finder = self.sight().family().finder();
        let Some((finder, text)) = finder.and_then(|finder| Some((finder, finder.request(what, sized)?)))
        else {
            let problem =
                "the checkpoint has no heads that find things in images: ask for text, or load a Moondream 2";
            return Err(Error::Prompt(problem.into()));
        };
        let mut reader = Reader::new(self, &text, image)?;
        let mut found = Vec::new();
        while found.len() < most && reader.next != finder.end {
            found.push(reader.thing(finder, sized)?);
        }
        Ok(found)
    }
}

impl<'m> Reader<'m> {
    /// What is read of a question about an image.
    fn new(model: &'m VisionLanguageModel, text: &str, image: &Image) -> Result<Self> {
        let prompt = model.prompt(text, [&Media::from(image.clone())])?;
        let mut cache = model.prefill(&prompt, &GenerateOptions::default())?;
        let held = cache.offset().unsigned_abs() as usize;
        let rest = prompt.tokens().get(held..).unwrap_or_default();
        let count = i32::try_from(rest.len()).unwrap_or(i32::MAX);
        let hidden = model.language().model().decoder().embed(&Array::from_slice(rest, [1, count])?)?;
        let (state, next) = Self::run(model, hidden, &mut cache)?;
        Ok(Self { model, cache, state, next })
    }

    /// Goes on behind hidden states of tokens.
    fn run(model: &VisionLanguageModel, hidden: Array, cache: &mut KvCache) -> Result<(Array, u32)> {
        let (language, length) = (model.language().model(), hidden.dim(1)?);
        language.check_end(cache.offset().saturating_add(length).unsigned_abs() as usize)?;
        let (states, scores) = language.decoder().bare_states(hidden, cache)?;
        let next = scores.index((0, length - 1))?.argmax(..)?.item::<u32>()?;
        Ok((states.index((.., length - 1..))?, next))
    }

    fn step(&mut self, hidden: Array) -> Result<()> {
        (self.state, self.next) = Self::run(self.model, hidden, &mut self.cache)?;
        Ok(())
    }

    /// The next thing, which is told back to the model as it is read.
    fn thing(&mut self, finder: &Finder, sized: bool) -> Result<Found> {
        let x = finder.place(&self.state)?;
        self.step(finder.of_place(x)?)?;
        let y = finder.place(&self.state)?;
        self.step(finder.of_place(y)?)?;
        let mut extent = [0.0; 2];
        if sized {
            extent = finder.extent(&self.state)?;
            self.step(finder.of_extent(extent)?)?;
        }
        Ok(Found { middle: [x, y], extent })
    }
}
