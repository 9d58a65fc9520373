//! Resampling along one axis. Positions are float32, as in Python, where rounding decides between neighbours.

use mlx_core::{Array, Dtype, Error, Result, select};

use super::{Grid, Interpolation};

/// An axis of an array that is to have another length.
pub(super) struct Line<'a> {
    x: &'a Array,
    axis: i32,
    scale: f64,
    /// Its length.
    from: i32,
    /// The length to be.
    to: i32,
}

/// How much an element weighs, by its distance.
#[derive(Clone, Copy)]
enum Kernel {
    /// Straight from 1 at distance 0 to 0 at distance 1.
    Triangle,
    /// Keys's, with this factor; 0 from distance 2.
    Cubic(f32),
}

impl<'a> Line<'a> {
    #[track_caller]
    pub(super) fn new(x: &'a Array, axis: i32, scale: f64) -> Result<Self> {
        let from = x.dim(axis)?;
        let to = f64::from(from) * scale;
        if to > f64::from(i32::MAX) {
            return Err(Error::custom("upsample", format!("{scale} times {:?} is too long", x.shape())));
        }
        Ok(Self { x, axis, scale, from, to: to as i32 })
    }

    #[track_caller]
    pub(super) fn resample(&self, how: Interpolation) -> Result<Array> {
        match how {
            _ if self.to == 0 => self.empty(),
            Interpolation::Nearest => self.nearest(),
            Interpolation::Linear(grid) => self.blended(Kernel::Triangle, grid),
            Interpolation::Cubic(Grid::Antialiased) => self.blended(Kernel::Cubic(-0.5), Grid::Antialiased),
            Interpolation::Cubic(grid) => self.blended(Kernel::Cubic(-0.75), grid),
        }
    }

    fn empty(&self) -> Result<Array> {
        self.x.take(&Array::zeros([0], Dtype::Uint32)?, self.axis)
    }

    fn nearest(&self) -> Result<Array> {
        if self.scale.fract() == 0.0 {
            return self.x.repeat(self.scale as i32, self.axis);
        }
        let step = (f64::from(self.from) / f64::from(self.to)) as f32;
        let numbers = self.numbers()?;
        let places = if self.to > self.from {
            (((numbers + 0.5)? * step)? - 0.5)?.round(0)?
        } else {
            (numbers * step)?
        };
        self.x.take(&places.astype(Dtype::Uint32)?, self.axis)
    }

    /// Each new element as a sum of those around it.
    fn blended(&self, kernel: Kernel, grid: Grid) -> Result<Array> {
        let antialiased = grid == Grid::Antialiased;
        let stretch = if antialiased { self.scale.recip().max(1.0) } else { 1.0 };
        let reach = (kernel.radius() * stretch).ceil().min(self.from.into()) as i32;
        let positions = self.positions(grid)?;
        let first = positions.floor()?;
        let taps = (1 - reach..=reach).map(|offset| {
            let place = (&first + offset as f32)?;
            let weight = kernel.weight(&((&positions - &place)?.abs()? / stretch as f32)?)?;
            Ok((place, weight))
        });
        let taps = taps.collect::<Result<Vec<_>>>()?;
        let taps = if antialiased { self.within(taps)? } else { taps };
        let mut terms = taps.iter().map(|(place, weight)| self.picked(place)? * self.along(weight)?);
        let start = terms.next().unwrap_or_else(|| self.empty())?;
        terms.try_fold(start, |sum, term| sum + term?)
    }

    /// `0, 1, …` to the new length.
    fn numbers(&self) -> Result<Array> {
        Array::arange(0..self.to)?.astype(Dtype::Float32)
    }

    /// Where the new elements lie among the old ones.
    fn positions(&self, grid: Grid) -> Result<Array> {
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        if grid == Grid::Corners {
            return self.numbers()? * ((from - 1.0) / (to - 1.0).max(1.0)) as f32;
        }
        let step = self.scale.recip();
        let start = ((to - 1.0) * step - from + 1.0) / 2.0;
        (self.numbers()? * step as f32)? - start as f32
    }

    /// The same taps without those beyond the ends, so that the others weigh 1 together.
    fn within(&self, taps: Vec<(Array, Array)>) -> Result<Vec<(Array, Array)>> {
        let last = (self.from - 1) as f32;
        let inside = taps.into_iter().map(|(place, weight)| {
            let inside = place.greater_equal(0.0)?.logical_and(place.less_equal(last)?)?;
            let weight = select(&inside, &weight, 0.0)?;
            Ok((place, weight))
        });
        let inside = inside.collect::<Result<Vec<_>>>()?;
        let none = Array::zeros([self.to], Dtype::Float32)?;
        let sum = inside.iter().try_fold(none, |sum, (_, weight)| sum + weight)?;
        let sum = select(&sum.greater(0.0)?, &sum, 1.0)?;
        inside.into_iter().map(|(place, weight)| Ok((place, (weight / &sum)?))).collect()
    }

    /// The elements at these places; those beyond the ends are the last ones.
    fn picked(&self, places: &Array) -> Result<Array> {
        let places = places.clip(0.0..=(self.from - 1) as f32)?.astype(Dtype::Uint32)?;
        self.x.take(&places, self.axis)
    }

    /// Numbers that lie along the axis.
    fn along(&self, numbers: &Array) -> Result<Array> {
        let mut shape = vec![1; self.x.ndim() - self.axis as usize];
        if let Some(length) = shape.first_mut() {
            *length = self.to;
        }
        numbers.reshape(shape)
    }
}

impl Kernel {
    /// The distance from which an element weighs nothing.
    fn radius(self) -> f64 {
        match self {
            Self::Triangle => 1.0,
            Self::Cubic(_) => 2.0,
        }
    }

    fn weight(self, distance: &Array) -> Result<Array> {
        match self {
            Self::Triangle => (1.0 - distance)?.maximum(0.0),
            Self::Cubic(a) => {
                let square = distance.square()?;
                let near = ((((distance * (a + 2.0))? - (a + 3.0))? * square)? + 1.0)?;
                let far = ((((((distance - 5.0)? * distance)? + 8.0)? * distance)? - 4.0)? * a)?;
                let far = select(&distance.less_equal(2.0)?, &far, 0.0)?;
                select(&distance.less_equal(1.0)?, &near, &far)
            }
        }
    }
}
