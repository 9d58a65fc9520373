//! TIFF whose pixels are places in a list of colours, which its decoder does not know.
//!
//! Such a file is read as one of gray levels, which are then looked up.

use super::samples::{Channels, Samples};

/// The file with its places called gray levels, if they are places.
pub(super) fn as_gray(bytes: &[u8]) -> Option<Vec<u8>> {
    const PALETTE: u16 = 3;
    const BLACK_IS_ZERO: u16 = 1;
    let order = Order::of(bytes)?;
    let at = interpretation(bytes, order)?;
    if order.short(bytes, at)? != PALETTE {
        return None;
    }
    let mut patched = bytes.to_vec();
    *patched.get_mut(at..)?.first_chunk_mut::<2>()? = order.bytes(BLACK_IS_ZERO);
    Some(patched)
}

/// The colours of levels that were stretched from so many bits.
///
/// The list has all reds, all greens, then all blues, of 16 bits; the upper 8 count.
pub(super) fn colored(levels: &Samples, colors: &[u16], bits: u8) -> Samples {
    let count = colors.len() / 3;
    let stretch = u8::MAX.checked_shr(8 - u32::from(bits.min(8))).map_or(1, |most| u8::MAX / most.max(1));
    let color = |&level: &u8| {
        let place = usize::from(level / stretch);
        [0, 1, 2].map(|channel| {
            let value = colors.get(channel * count + place).filter(|_| place < count);
            value.map_or(0, |value| (value >> 8) as u8)
        })
    };
    let values = levels.values.iter().flat_map(color).collect();
    Samples { size: levels.size, channels: Channels::Rgb, values }
}

/// Where the first directory says how numbers are to be read (Adobe, "TIFF 6.0", tag 262).
fn interpretation(bytes: &[u8], order: Order) -> Option<usize> {
    const ENTRY: usize = 12;
    const TAG: u16 = 262;
    const VALUE: usize = 8;
    let directory = order.long(bytes, 4)? as usize;
    let count = usize::from(order.short(bytes, directory)?);
    let entries = (0..count).map(|at| directory + 2 + ENTRY * at);
    entries
        .take_while(|&at| at < bytes.len())
        .find(|&at| order.short(bytes, at) == Some(TAG))
        .map(|at| at + VALUE)
}

/// The order of bytes.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<4>()? {
            b"II\x2a\0" => Some(Self::Little),
            b"MM\0\x2a" => Some(Self::Big),
            _ => None,
        }
    }

    fn bytes(self, short: u16) -> [u8; 2] {
        match self {
            Self::Little => short.to_le_bytes(),
            Self::Big => short.to_be_bytes(),
        }
    }

    fn short(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn long(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }
}
