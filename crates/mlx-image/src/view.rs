//! From what a model sees back to the image that it was made of.

use crate::Size;

/// What an image that a model sees shows of the one that it was made of.
///
/// Points are `[x, y]`, from the upper left corner, which is where pixels begin, not their middle. A model that names
/// pixels of what it sees (Qwen2-VL) is asked with [`to_source`](Self::to_source); one that names parts of a whole, such
/// as thousandths (Qwen3-VL) or location tokens, with [`at`](Self::at) first:
///
/// ```
/// # let source = mlx_image::Size { height: 480, width: 640 };
/// # let view = mlx_image::View::whole(source, mlx_image::Size::square(448));
/// assert_eq!(view.to_source(view.at([250.0 / 1000.0, 1.0])), [160.0, 480.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// The size of the image that was there first.
    pub source: Size,
    /// The size of what is seen.
    pub size: Size,
    /// The upper left corner of what is shown, in pixels of the source; less than 0 where there is room around it.
    pub from: [f64; 2],
    /// How wide and how high that is, in pixels of the source.
    pub extent: [f64; 2],
}

impl View {
    /// A whole image, resized.
    pub fn whole(source: Size, size: Size) -> Self {
        Self { source, size, from: [0.0; 2], extent: lengths(source) }
    }

    /// Whether all of the source is shown.
    pub fn is_whole(&self) -> bool {
        let [right, bottom] = self.unbounded(lengths(self.size));
        let [width, height] = lengths(self.source);
        self.from.iter().all(|&from| from <= 0.0) && right >= width && bottom >= height
    }

    /// The point at shares of the width and the height of what is seen, from 0 to 1.
    pub fn at(&self, share: [f64; 2]) -> [f64; 2] {
        each([share, lengths(self.size)], |[share, length]| share * length)
    }

    /// The point of the source that is seen at `point`, or the nearest one where that is beside it.
    pub fn to_source(&self, point: [f64; 2]) -> [f64; 2] {
        each([self.unbounded(point), lengths(self.source)], |[at, length]| at.clamp(0.0, length))
    }

    /// The corners `[left, top, right, bottom]` in the source of a box that is seen.
    pub fn box_to_source(&self, [left, top, right, bottom]: [f64; 4]) -> [f64; 4] {
        let ([left, top], [right, bottom]) = (self.to_source([left, top]), self.to_source([right, bottom]));
        [left, top, right, bottom]
    }

    /// Where a point of the source is seen, which is outside of what is seen if that does not show it.
    pub fn of_source(&self, point: [f64; 2]) -> [f64; 2] {
        let shares = each([point, self.from], |[at, from]| at - from);
        self.at(each([shares, self.extent], |[at, extent]| at / extent))
    }

    fn unbounded(&self, point: [f64; 2]) -> [f64; 2] {
        let shares = each([point, lengths(self.size)], |[at, length]| at / length);
        let offsets = each([shares, self.extent], |[share, extent]| share * extent);
        each([offsets, self.from], |[offset, from]| from + offset)
    }
}

fn lengths(size: Size) -> [f64; 2] {
    [size.width as f64, size.height as f64]
}

/// What `of` makes of the horizontal and the vertical parts.
fn each([[a, b], [c, d]]: [[f64; 2]; 2], of: impl Fn([f64; 2]) -> f64) -> [f64; 2] {
    [of([a, c]), of([b, d])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_go_back_to_where_they_were() {
        let source = Size { height: 50, width: 100 };
        let part = View { source, size: Size::square(20), from: [40.0, -5.0], extent: [30.0, 60.0] };
        assert_eq!(part.to_source([10.0, 10.0]), [55.0, 25.0]);
        assert_eq!(part.of_source([55.0, 25.0]), [10.0, 10.0]);
        assert_eq!(part.box_to_source([0.0, 0.0, 20.0, 20.0]), [40.0, 0.0, 70.0, 50.0]);
        assert!(!part.is_whole() && View::whole(source, Size::square(7)).is_whole());
    }
}
