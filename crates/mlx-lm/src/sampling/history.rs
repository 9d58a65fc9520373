//! The tokens before the one to be chosen.

use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};

/// Room is made for at least this many tokens at once.
const STEP: i32 = 256;

/// The tokens of a prompt and of what was written after it, on the device: the last of them may still be computed.
#[derive(Clone, Debug)]
pub struct History {
    /// `uint32`, of which the first `length` are tokens.
    buffer: Array,
    prompt: i32,
    length: i32,
}

impl History {
    /// The tokens of a prompt.
    pub fn new(prompt: &[u32]) -> MlxResult<Self> {
        Self::of(prompt, prompt.len())
    }

    /// The tokens of a text that begins with a prompt of so many.
    pub(super) fn of(tokens: &[u32], prompt: usize) -> MlxResult<Self> {
        let [length, prompt] = [tokens.len(), prompt].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        Ok(Self { buffer: Array::from_slice(tokens, [length])?, prompt, length })
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.length.unsigned_abs() as usize
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of tokens that came after the prompt.
    pub fn new_tokens(&self) -> usize {
        (self.length - self.prompt).unsigned_abs() as usize
    }

    /// The last `count` tokens `[count]`, or all where there are fewer.
    pub fn last(&self, count: usize) -> MlxResult<Array> {
        let count = i32::try_from(count).unwrap_or(i32::MAX).min(self.length);
        self.buffer.index(self.length - count..self.length)
    }

    /// Appends tokens `[count]`.
    pub fn push(&mut self, tokens: &Array) -> MlxResult<()> {
        let end = self.length.saturating_add(tokens.dim(0)?);
        let room = self.buffer.dim(0)?;
        if end > room {
            let more = Array::zeros([STEP.max(end - room)], Dtype::Uint32)?;
            self.buffer = concatenate([&self.buffer, &more], 0)?;
        }
        self.buffer = self.buffer.at(self.length..end).set(tokens)?;
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_appended_over_the_end_of_the_buffer() {
        let prompt: Vec<u32> = (0..250).collect();
        let mut history = History::new(&prompt).unwrap();
        for token in 250..520_u32 {
            history.push(&Array::from([token])).unwrap();
        }
        assert_eq!(history.last(520).unwrap().to_vec::<u32>().unwrap(), (0..520).collect::<Vec<_>>());
        assert_eq!(history.last(3).unwrap().to_vec::<u32>().unwrap(), [517, 518, 519]);
        assert_eq!((history.len(), history.new_tokens()), (520, 270));
    }

    #[test]
    fn an_empty_history_has_no_last_tokens() {
        let history = History::new(&[]).unwrap();
        assert!(history.is_empty());
        assert_eq!(history.last(20).unwrap().shape(), [0]);
    }
}
