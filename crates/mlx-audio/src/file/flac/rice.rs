//! Rice's code: small numbers in few bits. Rice, "Some Practical Universal Noiseless Coding Techniques"; the layout is that
//! of RFC 9639, 9.2.7.

use super::bits::Bits;

/// Differences, and how they are best divided into parts of equal length, each with a parameter of its own.
pub(super) struct Rice {
    /// Without sign: 0, -1, 1, -2 and so on are 0, 1, 2, 3.
    values: Vec<u32>,
    /// How many samples precede the values, which the first part lacks.
    missing: usize,
    /// The logarithm to base 2 of the number of parts.
    order: u32,
    /// How many of each value's last bits are written as they are.
    parameters: Vec<u32>,
    /// How many bits it takes.
    pub(super) size: u64,
}

/// The most times that values are halved. More parts than 64 save next to nothing.
const MOST_ORDER: u32 = 6;
const MOST_PARAMETER: usize = 30;
/// The largest parameter that takes 4 bits; larger ones take 5, and then all do.
const MOST_OF_FOUR: u32 = 14;

/// A part by what it takes with each parameter.
#[derive(Clone)]
struct Part {
    count: u64,
    /// The sums of its values without so many of their last bits.
    sums: [u64; MOST_PARAMETER + 1],
}

impl Part {
    fn new(values: &[u32]) -> Self {
        let mut sums = [0; MOST_PARAMETER + 1];
        for (sum, parameter) in sums.iter_mut().zip(0..) {
            *sum = values.iter().map(|&value: &u32| u64::from(value >> parameter)).sum();
            if *sum == 0 {
                break;
            }
        }
        Self { count: values.len() as u64, sums }
    }

    fn joined(pair: &[Self]) -> Self {
        let mut parts = pair.iter().cloned();
        let mut all = parts.next().unwrap_or(Self { count: 0, sums: [0; MOST_PARAMETER + 1] });
        for part in parts {
            all.count += part.count;
            all.sums.iter_mut().zip(part.sums).for_each(|(sum, more)| *sum += more);
        }
        all
    }

    /// What it takes with the best parameter, and that.
    fn best(&self) -> (u64, u32) {
        let each = self
            .sums
            .iter()
            .zip(0..)
            .map(|(sum, parameter)| (sum + self.count * u64::from(parameter + 1), parameter));
        each.min().unwrap_or_default()
    }
}

impl Rice {
    /// The best division of the last differences, at least one, of so many samples.
    pub(super) fn best(differences: &[i32], samples: usize) -> Self {
        let without_sign = |&value: &i32| ((value << 1) ^ (value >> 31)) as u32;
        let values: Vec<u32> = differences.iter().map(without_sign).collect();
        let missing = samples.saturating_sub(values.len());
        let fits = |order: &u32| samples.is_multiple_of(1 << order) && samples >> order > missing;
        let finest = (0..=MOST_ORDER).rev().find(fits).unwrap_or(0);
        let length = (samples >> finest).max(1);
        let (head, rest) = values.split_at(length.saturating_sub(missing).min(values.len()));
        let mut parts: Vec<Part> = [head].into_iter().chain(rest.chunks(length)).map(Part::new).collect();
        let (mut size, mut parameters) = divided(&parts);
        let mut order = finest;
        for coarser in (0..finest).rev() {
            parts = parts.chunks(2).map(Part::joined).collect();
            let (taken, found) = divided(&parts);
            if taken <= size {
                (size, parameters, order) = (taken, found, coarser);
            }
        }
        Self { values, missing, order, parameters, size }
    }

    /// Appends it.
    pub(super) fn write(&self, bits: &mut Bits) {
        let wide = self.parameters.iter().any(|&parameter| parameter > MOST_OF_FOUR);
        bits.put(u64::from(wide), 2);
        bits.put(u64::from(self.order), 4);
        let length = (self.values.len() + self.missing) >> self.order;
        let mut values = self.values.iter();
        let mut count = length - self.missing;
        for &parameter in &self.parameters {
            bits.put(u64::from(parameter), if wide { 5 } else { 4 });
            for value in values.by_ref().take(count) {
                bits.put_unary(value >> parameter);
                bits.put(u64::from(*value), parameter);
            }
            count = length;
        }
    }
}

/// What parts take together, and the parameter of each.
fn divided(parts: &[Part]) -> (u64, Vec<u32>) {
    let (sizes, parameters): (Vec<u64>, Vec<u32>) = parts.iter().map(Part::best).unzip();
    let wide = parameters.iter().any(|&parameter| parameter > MOST_OF_FOUR);
    let each = if wide { 5 } else { 4 };
    (6 + sizes.iter().sum::<u64>() + each * parts.len() as u64, parameters)
}
