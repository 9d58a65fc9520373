//! Height and width, and how they follow from those of an image.

use std::fmt::{self, Display};

use crate::{Error, Image, Result};

/// A height and a width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// How the size that an image is resized to follows from its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This one, whatever the image's proportions.
    Exact(Size),
    /// The shorter edge gets this length.
    Shortest(usize),
    /// The longer edge gets this length.
    Longest(usize),
    /// The shorter edge gets its length, or less where the longer one would get more than its own.
    Between { shortest: usize, longest: usize },
    /// Made smaller if it is larger than `most`, then rounded up to whole blocks.
    Blocks { most: Size, block: Size },
}

impl Size {
    /// Equal height and width.
    pub fn square(edge: usize) -> Self {
        Self { height: edge, width: edge }
    }

    /// The width as height, and the height as width.
    pub(crate) fn transposed(self) -> Self {
        Self { height: self.width, width: self.height }
    }

    /// How many pixels this is, if they can be counted.
    pub(crate) fn pixels(self) -> Option<usize> {
        self.height.checked_mul(self.width)
    }

    /// Refuses what no image may have.
    pub(crate) fn check(self, action: &'static str) -> Result<Self> {
        match self.pixels() {
            Some(1..=Image::MOST_PIXELS) => Ok(self),
            Some(0) => Err(Error::size(action, self, "an image has one pixel at least")),
            _ => {
                let problem = format!("an image has {} pixels at most", Image::MOST_PIXELS);
                Err(Error::size(action, self, problem))
            }
        }
    }

    /// This size with a shorter and a longer edge of these lengths.
    fn with_edges(self, short: usize, long: usize) -> Self {
        if self.width <= self.height {
            Self { height: long, width: short }
        } else {
            Self { height: short, width: long }
        }
    }

    fn short(self) -> usize {
        self.height.min(self.width)
    }

    fn long(self) -> usize {
        self.height.max(self.width)
    }
}

impl Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.height, self.width)
    }
}

impl Target {
    /// The size for an image of size `from`, with lengths rounded down as transformers does.
    pub(crate) fn of(self, from: Size) -> Size {
        match self {
            Self::Exact(size) => size,
            Self::Shortest(short) => from.with_edges(short, scaled(short as f64, from.long(), from.short())),
            Self::Longest(long) => from.with_edges(scaled(long as f64, from.short(), from.long()), long),
            Self::Between { shortest, longest } => {
                let (short, long) = (from.short() as f64, from.long() as f64);
                if long / short * shortest as f64 <= longest as f64 {
                    return Self::Shortest(shortest).of(from);
                }
                let exact = longest as f64 * short / long;
                from.with_edges(exact.round_ties_even() as usize, scaled(exact, from.long(), from.short()))
            }
            Self::Blocks { most, block } => {
                let (height, width) = (from.height as f64, from.width as f64);
                let ratio = (height / most.height as f64).max(width / most.width as f64).max(1.0);
                let up = |length: f64, block: usize| ((length / ratio) as usize).next_multiple_of(block);
                Size { height: up(height, block.height), width: up(width, block.width) }
            }
        }
    }
}

/// `length · part / whole`, rounded down.
fn scaled(length: f64, part: usize, whole: usize) -> usize {
    (length * part as f64 / whole as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(height: usize, width: usize) -> Size {
        Size { height, width }
    }

    #[test]
    fn edges_keep_their_proportion() {
        assert_eq!(Target::Shortest(10).of(size(30, 47)), size(10, 15));
        assert_eq!(Target::Shortest(10).of(size(47, 30)), size(15, 10));
        assert_eq!(Target::Longest(10).of(size(30, 47)), size(6, 10));
        let between = Target::Between { shortest: 10, longest: 12 };
        assert_eq!(between.of(size(10, 11)), size(10, 11));
        assert_eq!(between.of(size(30, 47)), size(8, 12));
        assert_eq!(Target::Exact(size(3, 4)).of(size(9, 9)), size(3, 4));
        let blocks = Target::Blocks { most: Size::square(20), block: size(4, 6) };
        assert_eq!((blocks.of(size(5, 7)), blocks.of(size(30, 47))), (size(8, 12), size(12, 24)));
    }

    #[test]
    fn what_no_image_may_have_is_refused() {
        assert!(size(1, Image::MOST_PIXELS).check("resize").is_ok());
        let message = |size: Size| size.check("resize").unwrap_err().to_string();
        assert_eq!(message(size(0, 7)), "resize to 0 x 7: an image has one pixel at least");
        let many = message(size(usize::MAX, 2));
        assert!(many.ends_with("an image has 134217728 pixels at most"), "{many}");
    }
}
