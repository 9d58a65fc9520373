//! A number of bytes that people can read and write.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

use crate::Error;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A number of bytes. It prints as `3.4 GiB`, parses what people write, and saturates instead of overflowing.
///
/// ```
/// use mlx_memory::Bytes;
///
/// let room = Bytes::gib(16) - "12.5 GiB".parse()?;
/// assert_eq!(room.to_string(), "3.5 GiB");
/// assert_eq!("4GB".parse::<Bytes>()?, 4_000_000_000);
/// # Ok::<(), mlx_memory::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// None.
    pub const ZERO: Self = Self(0);
    /// As many as there can be.
    pub const MAX: Self = Self(u64::MAX);

    /// That many bytes.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// That many times 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(KIB))
    }

    /// That many times 1024² bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(MIB))
    }

    /// That many times 1024³ bytes.
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(GIB))
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number for MLX, or the largest that it takes on this machine.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The part of them that `fraction` is, rounded down; none for what is no positive number.
    #[must_use]
    pub fn fraction(self, fraction: f64) -> Self {
        // A float turns into the nearest integer in range, and NaN into zero.
        Self((self.0 as f64 * fraction) as u64)
    }
}

impl From<u64> for Bytes {
    fn from(count: u64) -> Self {
        Self(count)
    }
}

impl From<usize> for Bytes {
    fn from(count: usize) -> Self {
        Self(count as u64)
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl PartialEq<u64> for Bytes {
    fn eq(&self, count: &u64) -> bool {
        self.0 == *count
    }
}

impl PartialOrd<u64> for Bytes {
    fn partial_cmp(&self, count: &u64) -> Option<std::cmp::Ordering> {
        self.0.partial_cmp(count)
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

impl Sub for Bytes {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self(self.0.saturating_sub(less.0))
    }
}

impl Mul<u64> for Bytes {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(bytes: I) -> Self {
        bytes.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    /// One digit after the point from a KiB on. A precision, as in `{:.2}`, asks for more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        let units = [("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", TIB)];
        let unit = units.into_iter().rev().find(|&(_, size)| self.0 >= size);
        let text = match unit {
            Some((unit, size)) => format!("{:.digits$} {unit}", self.0 as f64 / size as f64),
            None => format!("{} B", self.0),
        };
        pad(f, &text)
    }
}

/// Writes a text to the width that was asked for, whose precision is that of the number in it.
fn pad(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let width = f.width().unwrap_or_default();
    match f.align() {
        Some(fmt::Alignment::Left) => write!(f, "{text:<width$}"),
        Some(fmt::Alignment::Center) => write!(f, "{text:^width$}"),
        Some(fmt::Alignment::Right) | None => write!(f, "{text:>width$}"),
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.0)
    }
}

impl FromStr for Bytes {
    type Err = Error;

    /// Reads `512`, `1.5 GiB`, `4GB` or `300m`. `G` alone means `GiB`; `GB` is 10⁹ bytes. Case does not matter.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Unreadable { text: text.to_owned() };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let size = unit_size(unit.trim()).ok_or_else(refuse)?;
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(size).map(Self).ok_or_else(refuse);
        }
        let bytes = number.parse::<f64>().map_err(|_| refuse())? * size as f64;
        if bytes < u64::MAX as f64 { Ok(Self(bytes.round() as u64)) } else { Err(refuse()) }
    }
}

/// How many bytes a unit has.
fn unit_size(unit: &str) -> Option<u64> {
    let size = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => KIB,
        "m" | "mib" => MIB,
        "g" | "gib" => GIB,
        "t" | "tib" => TIB,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<u64> {
        text.parse::<Bytes>().ok().map(Bytes::get)
    }

    #[test]
    fn the_largest_unit_that_fits_is_printed() {
        let printed = [0, 1023, 1024, 1536, MIB - 1, MIB, 3_650_722_202, 5 * TIB, u64::MAX];
        let printed = printed.map(|count| Bytes::new(count).to_string());
        let expected = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "1024.0 KiB",
            "1.0 MiB",
            "3.4 GiB",
            "5.0 TiB",
            "16777216.0 TiB",
        ];
        assert_eq!(printed, expected);
    }

    #[test]
    fn a_width_and_a_precision_are_obeyed() {
        assert_eq!(
            format!("{:>10}|{:<9}|{:.2}", Bytes::gib(1), Bytes::new(7), Bytes::mib(1)),
            "   1.0 GiB|7 B      |1.00 MiB"
        );
    }

    #[test]
    fn what_is_printed_can_be_read() {
        for count in [0, 17, 1024, 1536, 10 * MIB, 3 * GIB, TIB] {
            assert_eq!(read(&Bytes::new(count).to_string()), Some(count));
        }
    }

    #[test]
    fn people_write_units_in_many_ways() {
        let texts =
            ["512", " 1.5 GiB ", "4GB", "300m", "2 kb", "1T", "0.5 mib", "8 B", "18446744073709551615"];
        let counts = [512, 3 * GIB / 2, 4_000_000_000, 300 * MIB, 2000, TIB, MIB / 2, 8, u64::MAX];
        assert_eq!(texts.map(read), counts.map(Some));
    }

    #[test]
    fn what_is_no_size_is_refused_and_named() {
        for text in [
            "",
            "GiB",
            "-1",
            "1.2.3",
            "5 parsecs",
            "inf",
            "nan",
            "1e3",
            "99999999999 TiB",
            "18446744073709551616",
        ] {
            let error = text.parse::<Bytes>().map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("`{text}` is not a size: write it as 512, 300 MiB or 3.4 GiB")));
        }
    }

    #[test]
    fn sums_stop_at_the_largest_number() {
        assert_eq!(Bytes::MAX + Bytes::new(1), Bytes::MAX);
        assert_eq!(Bytes::new(1) - Bytes::new(2), Bytes::ZERO);
        assert_eq!(Bytes::gib(u64::MAX), Bytes::MAX);
        assert_eq!([Bytes::MAX, Bytes::MAX].into_iter().sum::<Bytes>(), Bytes::MAX);
        assert_eq!(Bytes::gib(8) * 4, Bytes::gib(32));
    }

    #[test]
    fn a_fraction_of_them_is_rounded_down() {
        assert_eq!(Bytes::new(101).fraction(0.5), 50);
        assert_eq!([f64::NAN, -1.0].map(|part| Bytes::gib(1).fraction(part)), [Bytes::ZERO; 2]);
    }
}
