//! What towers made of images, kept for further questions.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use mlx_core::Array;

use crate::Result;
use crate::family::{About, Family, Prepared};
use crate::media::{Key, Media};

/// A store of what the tower made of images and videos, the last used ones up to a number of bytes.
///
/// What is shown is known again by its pixels, and found however often it comes up in conversations with the model.
#[derive(Debug)]
pub struct Features {
    kept: RefCell<Vec<(Key, Rc<Seen>)>>,
    most: Cell<usize>,
    runs: Cell<usize>,
}

/// An image or a video as the model sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) key: Key,
    pub(crate) about: About,
    /// What the tower takes, until it has run.
    inputs: RefCell<Vec<Array>>,
    vectors: OnceCell<Array>,
}

impl Features {
    /// So many bytes are kept unless a program says otherwise.
    const MOST: usize = 1 << 30;

    pub(crate) fn new() -> Self {
        Self { kept: RefCell::default(), most: Cell::new(Self::MOST), runs: Cell::new(0) }
    }

    /// Sets how many bytes are kept; 0 keeps nothing.
    pub fn limit(&self, bytes: usize) {
        self.most.set(bytes);
        self.shrink();
    }

    /// The bytes that are kept.
    pub fn nbytes(&self) -> usize {
        self.kept.borrow().iter().map(|(_, seen)| seen.nbytes()).sum()
    }

    /// How often the tower has run.
    pub fn runs(&self) -> usize {
        self.runs.get()
    }

    /// Lets go of everything.
    pub fn clear(&self) {
        self.kept.borrow_mut().clear();
    }

    /// What is kept of `media`, of which there may be `several`, or what `family` prepares of it.
    pub(crate) fn of(&self, media: &Media, several: bool, family: &dyn Family) -> Result<Rc<Seen>> {
        let among = several && family.heeds_company();
        let key = media.key(among);
        let found = self.take(&key);
        let seen = match found {
            Some(seen) => seen,
            None => {
                let Prepared { about, inputs } =
                    if among { family.prepare_among(media)? } else { family.prepare(media)? };
                Rc::new(Seen { key, about, inputs: RefCell::new(inputs), vectors: OnceCell::new() })
            }
        };
        self.kept.borrow_mut().push((key, Rc::clone(&seen)));
        self.shrink();
        Ok(seen)
    }

    /// The vectors of `seen`, for which the tower of `family` runs if it has not.
    pub(crate) fn vectors(&self, seen: &Seen, family: &dyn Family) -> Result<Array> {
        if let Some(vectors) = seen.vectors.get() {
            return Ok(vectors.clone());
        }
        let vectors = family.see(&seen.about, &seen.inputs.borrow())?;
        vectors.eval()?;
        self.runs.set(self.runs.get() + 1);
        seen.inputs.take();
        let vectors = seen.vectors.get_or_init(|| vectors).clone();
        self.shrink();
        Ok(vectors)
    }

    fn take(&self, key: &Key) -> Option<Rc<Seen>> {
        let mut kept = self.kept.borrow_mut();
        let at = kept.iter().position(|(other, _)| other == key)?;
        Some(kept.remove(at).1)
    }

    /// Lets go of what was not used for the longest time.
    fn shrink(&self) {
        while self.nbytes() > self.most.get() {
            self.kept.borrow_mut().remove(0);
        }
    }
}

impl Seen {
    fn nbytes(&self) -> usize {
        let inputs: usize = self.inputs.borrow().iter().map(Array::nbytes).sum();
        inputs + self.vectors.get().map_or(0, Array::nbytes)
    }
}
