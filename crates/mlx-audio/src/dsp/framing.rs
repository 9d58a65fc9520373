//! Frames for models that hear sound as it comes.

/// Cuts sound that comes in pieces into frames of one length, each with the end of the frame before it.
///
/// Voice activity models take this: Silero hears 512 new samples behind 64 old ones.
#[derive(Clone, Debug)]
pub struct Framing {
    context: usize,
    frame: usize,
    /// The context of the next frame and the samples behind it.
    waiting: Vec<f32>,
}

impl Framing {
    /// Frames of `frame` new samples behind `context` old ones. Before the first there is silence.
    ///
    /// # Errors
    /// A frame has no samples.
    pub fn new(frame: usize, context: usize) -> crate::Result<Self> {
        if frame == 0 {
            return Err(crate::Error::option("frame", frame, "it must be at least 1"));
        }
        Ok(Self { context, frame, waiting: vec![0.0; context] })
    }

    /// Takes the next samples, and calls `take` with each frame that they complete: context, then new samples.
    pub fn push(&mut self, samples: &[f32], mut take: impl FnMut(&[f32])) {
        self.waiting.extend_from_slice(samples);
        let mut begin = 0;
        while let Some(frame) = self.waiting.get(begin..begin + self.context + self.frame) {
            take(frame);
            begin += self.frame;
        }
        self.waiting.drain(..begin);
    }

    /// Calls `take` with the samples that are left, if there are any, filled up with silence.
    pub fn end(mut self, take: impl FnMut(&[f32])) {
        let left = self.waiting.len() - self.context;
        if left > 0 {
            self.push(&vec![0.0; self.frame - left], take);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[f32]]) -> Vec<Vec<f32>> {
        let (mut framing, mut frames) = (Framing::new(3, 2).unwrap(), Vec::new());
        for piece in pieces {
            framing.push(piece, |frame| frames.push(frame.to_vec()));
        }
        framing.end(|frame| frames.push(frame.to_vec()));
        frames
    }

    #[test]
    fn each_frame_has_the_end_of_the_one_before_it() {
        let expected = [[0.0, 0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0, 6.0], [5.0, 6.0, 7.0, 0.0, 0.0]];
        assert_eq!(frames(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]), expected);
        assert_eq!(frames(&[&[1.0], &[], &[2.0, 3.0, 4.0], &[5.0, 6.0, 7.0]]), expected);
    }

    #[test]
    fn nothing_is_filled_up_where_nothing_is_left() {
        assert_eq!(frames(&[&[1.0, 2.0, 3.0]]).len(), 1);
        assert_eq!(frames(&[]).len(), 0);
        assert!(Framing::new(0, 2).is_err());
    }
}
