//! Sizes for models that take images in nearly the proportions that they have.

use crate::{Error, Result, Size};

/// Sizes of whole square blocks that have so many pixels together, or nearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blocks {
    /// The edge of a block.
    pub(crate) edge: usize,
    /// The least pixels.
    pub(crate) least: usize,
    /// The most pixels.
    pub(crate) most: usize,
    pub(crate) thin: Thin,
}

/// What becomes of an image that is less than a block high or wide, before its size is rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Thin {
    /// Nothing: Qwen2-VL.
    Kept,
    /// It grows in both ways until both are a block or more: GLM-4V, videos of Qwen3-VL.
    Grown,
    /// The same, one way after the other, each rounded: PaddleOCR-VL.
    GrownInTurn,
    /// It counts as a block, and may be of any proportions: LFM2-VL.
    Filled,
}

/// How many images have these pixels together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Many {
    pub(crate) exact: f64,
    /// Rounded to what the model takes together.
    pub(crate) rounded: f64,
}

impl Many {
    pub(crate) const ONE: Self = Self { exact: 1.0, rounded: 1.0 };
}

/// The longest that an image may be, in its other edge.
const LONGEST: f64 = 200.0;

impl Blocks {
    /// The size for images of size `from`: each edge rounded to whole blocks, then shrunk or grown into the bounds.
    ///
    /// Wang et al., "Qwen2-VL", as its `smart_resize` does.
    pub(crate) fn fit(self, from: Size, many: Many) -> Result<Size> {
        let edge = self.edge as f64;
        let [height, width] = self.thick(from);
        let ratio = height.max(width) / height.min(width);
        if ratio > LONGEST && self.thin != Thin::Filled {
            let problem = format!("one edge is {ratio:.0} times the other, more than {LONGEST}");
            return Err(Error::size("fit an image", from, problem));
        }
        let blocks = |length: f64| (length / edge).round_ties_even() * edge;
        let mut size = [blocks(height), blocks(width)];
        if self.thin == Thin::Filled {
            size = size.map(|length| length.max(edge));
        }
        let area = many.rounded * size.iter().product::<f64>();
        if area > self.most as f64 {
            let shrink = (many.exact * height * width / self.most as f64).sqrt();
            size = [height, width].map(|length| ((length / shrink / edge).floor() * edge).max(edge));
        } else if area < self.least as f64 {
            let grow = (self.least as f64 / (many.exact * height * width)).sqrt();
            size = [height, width].map(|length| (length * grow / edge).ceil() * edge);
        }
        let [height, width] = size.map(|length| length as usize);
        Size { height, width }.check("fit an image")
    }

    /// Height and width of an image that is not thin.
    fn thick(self, from: Size) -> [f64; 2] {
        let edge = self.edge as f64;
        let (mut height, mut width) = (from.height as f64, from.width as f64);
        match self.thin {
            Thin::Grown if height < edge || width < edge => {
                let scale = (edge / height).max(edge / width);
                [(height * scale).trunc(), (width * scale).trunc()]
            }
            Thin::GrownInTurn => {
                if height < edge {
                    width = (width * edge / height).round_ties_even();
                    height = edge;
                }
                if width < edge {
                    height = (height * edge / width).round_ties_even();
                    width = edge;
                }
                [height, width]
            }
            _ => [height, width],
        }
    }
}

/// The largest size of whole squares of `edge` pixels, of which there are `most` at most, that an image of size `from`
/// scaled by one factor covers.
///
/// Gemma 4's processor of transformers. A side that covers no square gets one, and the other as many as the proportions
/// say, rounded down.
pub(crate) fn covered(from: Size, edge: usize, most: usize) -> Result<Size> {
    let (height, width) = (from.height as f64, from.width as f64);
    let pixels = most as f64 * (edge * edge) as f64;
    let factor = (pixels / (height * width)).sqrt();
    let squares = |length: f64| (factor * length / edge as f64).floor() as usize;
    let along = |ratio: f64| (ratio.floor() as usize).min(most);
    let [rows, columns] = match [squares(height), squares(width)] {
        [0, 0] => {
            let problem = format!("it covers no square of {edge} pixels");
            return Err(Error::size("fit an image", from, problem));
        }
        [0, _] => [1, along(width / height)],
        [_, 0] => [along(height / width), 1],
        both => both,
    };
    Size { height: rows * edge, width: columns * edge }.check("fit an image")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(height: usize, width: usize) -> Size {
        Size { height, width }
    }

    #[test]
    fn sizes_are_whole_blocks_within_bounds() {
        let blocks = Blocks { edge: 28, least: 3136, most: 50_176, thin: Thin::Kept };
        let fit = |height, width| blocks.fit(size(height, width), Many::ONE).unwrap();
        assert_eq!(fit(100, 150), size(112, 140));
        assert_eq!(fit(1, 1), size(56, 56));
        assert_eq!(fit(480, 640), size(168, 252));
        // Halves are rounded to even numbers of blocks.
        assert_eq!(fit(70, 98), size(56, 112));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let blocks = |thin| Blocks { edge: 28, least: 3136, most: 50_176, thin };
        let message = blocks(Thin::Kept).fit(size(1, 201), Many::ONE).unwrap_err().to_string();
        assert_eq!(message, "fit an image to 1 x 201: one edge is 201 times the other, more than 200");
        assert!(blocks(Thin::Kept).fit(size(1, 200), Many::ONE).is_ok());
        assert!(blocks(Thin::Filled).fit(size(1, 20_000), Many::ONE).is_ok());
    }
}
