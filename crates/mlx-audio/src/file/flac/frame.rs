//! Frames: so many samples of all channels, by RFC 9639, 9.

use super::bits::{Bits, crc8, crc16};
use super::subframe::Subframe;

/// Samples of each channel in all frames but the last.
pub(super) const BLOCK: usize = 4096;

/// What all frames have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    pub(super) channels: usize,
    pub(super) rate: u32,
    /// Bits of a sample: 16 or 24.
    pub(super) width: u32,
}

/// How channels are shared out: as they are; the first and the difference; the difference and the second; the mean and the
/// difference.
const LEFT_SIDE: u64 = 8;
const SIDE_RIGHT: u64 = 9;
const MIDDLE_SIDE: u64 = 10;

/// Rates that have numbers of their own, from 1 on.
const RATES: [u32; 11] =
    [88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

impl Frames {
    /// The frame of this number, of samples of all channels side by side.
    pub(super) fn encode(self, number: u32, samples: &[i32]) -> Bits {
        let channel = |at| samples.iter().skip(at).step_by(self.channels).copied().collect();
        let channels: Vec<Vec<i32>> = (0..self.channels).map(channel).collect();
        let length = channels.first().map_or(0, Vec::len);
        let (assignment, subframes) = self.subframes(channels);
        let mut bits = self.header(number, length, assignment);
        subframes.iter().for_each(|subframe| subframe.write(&mut bits));
        bits.align();
        bits.put(u64::from(crc16(bits.bytes())), 16);
        bits
    }

    /// The channels in the forms that take least, and the number of their assignment.
    fn subframes(self, channels: Vec<Vec<i32>>) -> (u64, Vec<Subframe>) {
        let own = self.channels as u64 - 1;
        let [left, right] = channels.as_slice() else {
            let best = |samples| Subframe::best(samples, self.width);
            return (own, channels.into_iter().map(best).collect());
        };
        let each = |of: fn(i32, i32) -> i32, width| {
            let pairs = left.iter().zip(right);
            Subframe::best(pairs.map(|(&left, &right)| of(left, right)).collect(), width)
        };
        let left_side = each(|left, _| left, self.width);
        let right_side = each(|_, right| right, self.width);
        let middle = each(|left, right| (left + right) >> 1, self.width);
        let side = each(|left, right| left - right, self.width + 1);
        let sizes = [
            (left_side.size + right_side.size, own),
            (left_side.size + side.size, LEFT_SIDE),
            (side.size + right_side.size, SIDE_RIGHT),
            (middle.size + side.size, MIDDLE_SIDE),
        ];
        let (_, assignment) = sizes.into_iter().min().unwrap_or_default();
        let chosen = match assignment {
            LEFT_SIDE => [left_side, side],
            SIDE_RIGHT => [side, right_side],
            MIDDLE_SIDE => [middle, side],
            _ => [left_side, right_side],
        };
        (assignment, chosen.into())
    }

    fn header(self, number: u32, length: usize, assignment: u64) -> Bits {
        let mut bits = Bits::default();
        // The mark of a frame of a stream in which all frames but the last have the same length.
        bits.put(0xfff8, 16);
        bits.put(if length == BLOCK { 12 } else { 7 }, 4);
        let rate = self.rate_number();
        bits.put(rate, 4);
        bits.put(assignment, 4);
        bits.put(if self.width == 16 { 4 } else { 6 }, 3);
        bits.put(0, 1);
        put_number(&mut bits, number);
        if length != BLOCK {
            bits.put(length as u64 - 1, 16);
        }
        match rate {
            PLAIN => bits.put(u64::from(self.rate), 16),
            TENTHS => bits.put(u64::from(self.rate / 10), 16),
            _ => {}
        }
        bits.put(u64::from(crc8(bits.bytes())), 8);
        bits
    }

    /// How the rate is written. Where there is no way, it stands at the beginning of the file alone.
    fn rate_number(self) -> u64 {
        let known = RATES.iter().zip(1..).find(|&(&rate, _)| rate == self.rate);
        match self.rate {
            rate if known.is_none() && rate <= u32::from(u16::MAX) => PLAIN,
            rate if known.is_none() && rate % 10 == 0 && rate / 10 <= u32::from(u16::MAX) => TENTHS,
            _ => known.map_or(0, |(_, number)| number),
        }
    }
}

/// The rate follows in hertz.
const PLAIN: u64 = 13;
/// The rate follows in tens of hertz.
const TENTHS: u64 = 14;

/// A number of up to 31 bits as UTF-8 has it.
fn put_number(bits: &mut Bits, number: u32) {
    if number < 0x80 {
        return bits.put(u64::from(number), 8);
    }
    let more = (1..5).find(|more| number >> (5 * more + 6) == 0).unwrap_or(5);
    let ones = 0xff00 >> (more + 1) & 0xff;
    bits.put(u64::from(ones | number >> (6 * more)), 8);
    for at in (0..more).rev() {
        bits.put(u64::from(0x80 | number >> (6 * at) & 0x3f), 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_utf_8() {
        for number in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x1_0000, 0x10_ffff] {
            let mut bits = Bits::default();
            put_number(&mut bits, number);
            let text = char::from_u32(number).unwrap().to_string();
            assert_eq!(bits.bytes(), text.as_bytes(), "{number:#x}");
        }
        let mut bits = Bits::default();
        put_number(&mut bits, 0x7fff_ffff);
        assert_eq!(bits.bytes(), [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]);
    }
}
