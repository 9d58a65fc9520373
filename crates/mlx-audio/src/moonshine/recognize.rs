//! A Moonshine among other recognizers.

use mlx_core::Array;

use super::{Moonshine, Options};
use crate::recognizer::{Recognize, RecognizeOptions};
use crate::transcript::Segment;
use crate::{Recognizer, Result};

impl Recognize for Moonshine {
    fn name(&self) -> &'static str {
        "moonshine"
    }

    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    fn longest(&self) -> usize {
        (Self::LONGEST * f64::from(Recognizer::RATE)) as usize
    }

    fn recognize(&self, samples: &[f32], _: &RecognizeOptions) -> Result<Vec<Segment>> {
        let mut segments = self.recognize(samples, &Options::default())?;
        for segment in &mut segments {
            segment.text.insert(0, ' ');
        }
        Ok(segments)
    }

    fn hidden(&self, samples: &[f32]) -> Result<Array> {
        self.hidden(samples)
    }
}
