//! Which frames of a video a model looks at.

/// How many frames to take, and which.
///
/// The defaults are those of mlx-vlm: 2 a second, at least 4 and at most 768, an even number, from the first frame to the
/// last. The processors of transformers differ in [`multiple`](Self::multiple) and [`spread`](Self::spread).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// How many frames to take of a second, if no count is given.
    pub fps: f64,
    /// How many frames to take; the limits below do not apply to it.
    pub count: Option<usize>,
    /// The fewest frames, but never more than there are.
    pub at_least: usize,
    /// The most frames.
    pub at_most: usize,
    /// The number of frames is a multiple of this.
    pub multiple: usize,
    /// Where the frames lie.
    pub spread: Spread,
}

/// Where `n` frames lie among `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// From the first to the last: `i · (total - 1) / (n - 1)`, rounded. mlx-vlm, Qwen3-VL.
    Ends,
    /// Each at the start of its share: `i · total / n`, rounded down. Qwen2-VL, and transformers by default.
    Starts,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { fps: 2.0, count: None, at_least: 4, at_most: 768, multiple: 2, spread: Spread::Ends }
    }
}

impl Sampling {
    /// So many frames a second.
    pub fn fps(fps: f64) -> Self {
        Self { fps, ..Self::default() }
    }

    /// So many frames, rounded to the nearest multiple.
    pub fn count(count: usize) -> Self {
        Self { count: Some(count), ..Self::default() }
    }

    /// The frames to take of `total`, of which `rate` are shown a second.
    ///
    /// # Errors
    /// What is wrong: there are no frames to take, or more than there are.
    pub fn indices(&self, total: usize, rate: f64) -> Result<Vec<usize>, String> {
        let multiple = self.multiple.max(1);
        let count = match self.count {
            Some(count) => {
                ((count as f64 / multiple as f64).round_ties_even() as usize).saturating_mul(multiple)
            }
            None => self.by_rate(total, rate)?,
        };
        if count == 0 || count > total {
            return Err(format!(
                "{count} frames were to be taken of its {total}: take another number, or a multiple of 1"
            ));
        }
        Ok(self.spread.indices(total, count))
    }

    fn by_rate(&self, total: usize, rate: f64) -> Result<usize, String> {
        if !(self.fps.is_finite() && self.fps > 0.0) {
            return Err(format!("{} frames a second cannot be taken", self.fps));
        }
        let multiple = self.multiple.max(1);
        let wanted = total as f64 / rate * self.fps;
        let least = self.at_least.div_ceil(multiple).saturating_mul(multiple) as f64;
        let most = (self.at_most.min(total) / multiple * multiple) as f64;
        let count = wanted.max(least).min(most).max(0.0) as usize;
        Ok(count / multiple * multiple)
    }
}

impl Spread {
    /// `count` frames of `total`.
    fn indices(self, total: usize, count: usize) -> Vec<usize> {
        let step = total.saturating_sub(1) as f64 / count.saturating_sub(1).max(1) as f64;
        let end = |at: usize| (at as f64 * step).round_ties_even() as usize;
        let start = |at: usize| (at as u128 * total as u128 / count.max(1) as u128) as usize;
        (0..count).map(|at| if self == Self::Ends { end(at) } else { start(at) }).collect()
    }
}
