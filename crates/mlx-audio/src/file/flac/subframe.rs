//! One channel of a frame: what is left of its samples when each is guessed from those before it.

use super::bits::Bits;
use super::rice::Rice;

/// One channel of a frame in the shortest of its forms.
pub(super) struct Subframe {
    /// The samples without the zeros that all have at their end.
    samples: Vec<i32>,
    /// Bits of a sample.
    width: u32,
    /// How many zeros all samples had at their end.
    zeros: u32,
    form: Form,
    /// How many bits it takes.
    pub(super) size: u64,
}

enum Form {
    /// All samples are the same.
    Constant,
    /// The samples as they are.
    Verbatim,
    /// The first samples, as many as the order of the differences, and those differences.
    Fixed { order: usize, differences: Rice },
}

/// The highest order of differences.
const MOST_ORDER: usize = 4;

impl Subframe {
    /// The shortest form of samples, at least one, of so many bits.
    pub(super) fn best(mut samples: Vec<i32>, width: u32) -> Self {
        let ones = samples.iter().fold(0, |ones, sample| ones | sample);
        let first = samples.first().copied().unwrap_or_default();
        if samples.iter().all(|&sample| sample == first) {
            let size = u64::from(8 + width);
            return Self { samples, width, zeros: 0, form: Form::Constant, size };
        }
        let zeros = ones.trailing_zeros();
        samples.iter_mut().for_each(|sample| *sample >>= zeros);
        let width = width - zeros;
        let (order, differences) = differences(&samples);
        let differences = Rice::best(&differences, samples.len());
        let plain = u64::from(width) * samples.len() as u64;
        let short = u64::from(width) * order as u64 + differences.size;
        let form = if short < plain { Form::Fixed { order, differences } } else { Form::Verbatim };
        Self { samples, width, zeros, form, size: 8 + u64::from(zeros) + short.min(plain) }
    }

    /// Appends it.
    pub(super) fn write(&self, bits: &mut Bits) {
        let (kind, plain) = match self.form {
            Form::Constant => (0, 1),
            Form::Verbatim => (1, self.samples.len()),
            Form::Fixed { order, .. } => (8 + order as u64, order),
        };
        bits.put(kind, 7);
        match self.zeros.checked_sub(1) {
            Some(more) => {
                bits.put(1, 1);
                bits.put_unary(more);
            }
            None => bits.put(0, 1),
        }
        self.samples.iter().take(plain).for_each(|&sample| bits.put_signed(sample, self.width));
        if let Form::Fixed { differences, .. } = &self.form {
            differences.write(bits);
        }
    }
}

/// The order whose differences are least, and those.
fn differences(samples: &[i32]) -> (usize, Vec<i32>) {
    let all = samples.len();
    // Each order is judged by the samples for which all orders have a difference.
    let weight = |values: &[i32]| -> u64 {
        let judged = values.iter().rev().take(all.saturating_sub(MOST_ORDER));
        judged.map(|value| u64::from(value.unsigned_abs())).sum()
    };
    let mut now = samples.to_vec();
    let mut best = (weight(&now), 0, now.clone());
    for order in 1..=MOST_ORDER.min(all.saturating_sub(1)) {
        now = now.iter().zip(now.iter().skip(1)).map(|(before, behind)| behind - before).collect();
        let weight = weight(&now);
        if weight < best.0 {
            best = (weight, order, now.clone());
        }
    }
    (best.1, best.2)
}
