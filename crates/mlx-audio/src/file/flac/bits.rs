//! Numbers of any number of bits, the most significant first, and the checksums behind them.

/// Bytes that grow bit by bit.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// The bits that fill no byte yet are its lowest.
    held: u64,
    count: u32,
}

impl Bits {
    /// Appends the lowest `count` bits of a number, 56 at most.
    pub(super) fn put(&mut self, number: u64, count: u32) {
        self.held = (self.held << count) | (number & ((1 << count) - 1));
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.held >> self.count) as u8);
        }
    }

    /// Appends an integer in two's complement.
    pub(super) fn put_signed(&mut self, number: i32, count: u32) {
        self.put(i64::from(number) as u64, count);
    }

    /// Appends so many zeros and a one.
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
    }

    /// Fills up the last byte with zeros.
    pub(super) fn align(&mut self) {
        self.put(0, (8 - self.count % 8) % 8);
    }

    /// The whole bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The checksum of a frame's header: the rest by the polynomial `x⁸ + x² + x + 1`.
pub(super) fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| (crc << 1) ^ if crc & 0x80 == 0 { 0 } else { 0x07 })
    })
}

/// The checksum of a frame: the rest by the polynomial `x¹⁶ + x¹⁵ + x² + 1`.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        let crc = crc ^ (u16::from(byte) << 8);
        (0..8).fold(crc, |crc: u16, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x8005 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_each_other() {
        let mut bits = Bits::default();
        bits.put(0b101, 3);
        bits.put_signed(-2, 4);
        bits.put_unary(2);
        bits.align();
        bits.put_unary(70);
        bits.align();
        assert_eq!(bits.bytes(), [0b1011_1100, 0b0100_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0b0000_0010]);
    }

    #[test]
    fn checksums_are_those_of_their_names() {
        // The check values of CRC-8/SMBUS and CRC-16/UMTS.
        assert_eq!((crc8(b"123456789"), crc16(b"123456789")), (0xf4, 0xfee8));
    }
}
