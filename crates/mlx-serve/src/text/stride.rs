//! How many prompt tokens run between two tokens of other texts.

use std::time::Duration;

/// Fewer tokens take nearly as long.
const FEWEST: usize = 16;
/// How much a round without a prompt counts, against those before.
const SHARE: f64 = 0.3;

/// Chooses the length of chunks by how long earlier ones took.
pub(super) struct Stride {
    most: usize,
    /// The time between two tokens that is wanted.
    gap: f64,
    /// What a round takes without a prompt.
    round: f64,
    next: usize,
}

impl Stride {
    pub(super) fn new(most: usize, gap: Duration) -> Self {
        Self { most, gap: gap.as_secs_f64(), round: 0.0, next: 4 * FEWEST }
    }

    /// The tokens of the next chunk: as many as there may be, or fewer, so that texts which are being written do not wait.
    pub(super) fn tokens(&self, others_wait: bool) -> usize {
        if others_wait { self.next.min(self.most) } else { self.most }
    }

    /// Takes up how long a round took, in which so many prompt tokens ran between those of other texts.
    ///
    /// Where a round takes most of the time that is wanted by itself, a prompt still gets as long as that.
    pub(super) fn took(&mut self, time: Duration, tokens: usize) {
        let time = time.as_secs_f64();
        if tokens == 0 {
            self.round += SHARE * (time - self.round);
        } else if tokens >= FEWEST.min(self.most) {
            let each = (time - self.round).max(0.0) / tokens as f64;
            let chunk = self.gap.max(2.0 * self.round) - self.round;
            // A quotient without end is the largest number.
            self.next = ((chunk / each) as usize).min(2 * tokens).clamp(FEWEST, self.most.max(FEWEST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of a machine: what one takes by itself, and what each token adds, in milliseconds.
    fn runs(stride: &mut Stride, rounds: usize, (round, token): (f64, f64)) -> Vec<f64> {
        for _ in 0..20 {
            stride.took(Duration::from_secs_f64(round / 1e3), 0);
        }
        let mut gaps = Vec::new();
        for _ in 0..rounds {
            let tokens = stride.tokens(true);
            let gap = round + token * tokens as f64;
            stride.took(Duration::from_secs_f64(gap / 1e3), tokens);
            gaps.push(gap);
        }
        gaps
    }

    #[test]
    fn chunks_become_as_long_as_the_gap_allows() {
        for (round, token) in [(20.0, 0.5), (20.0, 0.1), (60.0, 2.0), (5.0, 8.0)] {
            let mut stride = Stride::new(4096, Duration::from_millis(150));
            let gaps = runs(&mut stride, 12, (round, token));
            let last = gaps.last().unwrap();
            assert!((last - 150.0).abs() < 8.0, "{round} {token}: {gaps:?}");
        }
    }

    #[test]
    fn a_prompt_gets_half_of_the_time_where_rounds_are_long() {
        let mut stride = Stride::new(4096, Duration::from_millis(150));
        let gaps = runs(&mut stride, 12, (400.0, 1.0));
        assert!((gaps.last().unwrap() - 800.0).abs() < 10.0, "{gaps:?}");
    }

    #[test]
    fn nobody_waits_for_a_prompt_that_is_alone() {
        let mut stride = Stride::new(512, Duration::from_millis(10));
        runs(&mut stride, 5, (5.0, 5.0));
        assert_eq!((stride.tokens(true), stride.tokens(false)), (FEWEST, 512));
        let small = Stride::new(8, Duration::from_millis(10));
        assert_eq!((small.tokens(true), small.tokens(false)), (8, 8));
    }

    #[test]
    fn the_rest_of_a_prompt_says_nothing() {
        let mut stride = Stride::new(512, Duration::from_millis(150));
        runs(&mut stride, 12, (20.0, 1.0));
        let before = stride.tokens(true);
        stride.took(Duration::from_millis(21), 1);
        assert_eq!(stride.tokens(true), before);
    }
}
