//! The head of a file of functions: version, number of traces, whether they are for any shapes, free text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What the head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: String,
    pub(super) any_shapes: bool,
    pub(super) metadata: String,
}

/// Reads the head, or says why it is none.
pub(super) fn read(path: &Path) -> Result<Header, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    parse(&mut file, length).ok_or_else(|| "the file is no exported function".to_owned())
}

/// Numbers are little-endian; a text has its length in front.
fn parse(file: &mut impl Read, length: u64) -> Option<Header> {
    let version = text(file, length)?;
    let _traces = i32::from_le_bytes(bytes(file)?);
    let [any_shapes] = bytes(file)?;
    let metadata = text(file, length)?;
    let is_version = version.split('.').count() >= 2 && version.starts_with(|c: char| c.is_ascii_digit());
    (is_version && any_shapes <= 1).then_some(Header { version, any_shapes: any_shapes == 1, metadata })
}

fn text(file: &mut impl Read, at_most: u64) -> Option<String> {
    let length = u64::from_le_bytes(bytes(file)?);
    if length > at_most {
        return None;
    }
    let mut text = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut text).ok()?;
    String::from_utf8(text).ok()
}

fn bytes<const N: usize>(file: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Vec<u8> {
        let mut head = Vec::new();
        head.extend(6_u64.to_le_bytes());
        head.extend(b"0.32.2");
        head.extend(1_i32.to_le_bytes());
        head.push(1);
        head.extend(2_u64.to_le_bytes());
        head.extend(b"hi");
        head
    }

    #[test]
    fn a_head_is_read_field_by_field() {
        let header = parse(&mut head().as_slice(), 99).unwrap();
        assert_eq!(header, Header { version: "0.32.2".into(), any_shapes: true, metadata: "hi".into() });
    }

    #[test]
    fn a_head_that_is_cut_or_changed_is_none() {
        for length in 0..head().len() {
            assert_eq!(parse(&mut &head()[..length], 99), None);
        }
        for (at, byte) in [(0, 255), (7, 1), (8, b'x'), (18, 2), (26, 1)] {
            let mut changed = head();
            changed[at] = byte;
            assert_eq!(parse(&mut changed.as_slice(), 99), None, "byte {at}");
        }
    }
}
