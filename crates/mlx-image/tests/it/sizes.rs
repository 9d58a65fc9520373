//! Random sizes with every filter, by hashes of what Pillow makes of the same pixels.

use mlx_image::{Filter, Image, Size};
use mlx_testkit::cases;
use serde_json::Value;

use crate::fixture::{golden, levels};

/// The hash of Fowler, Noll and Vo, variant 1a of 64 bits.
fn fnv(bytes: impl IntoIterator<Item = u8>) -> String {
    let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, add))
}

fn size(value: &Value) -> Size {
    let edge = |at: usize| value[at].as_u64().unwrap() as usize;
    Size { height: edge(0), width: edge(1) }
}

/// Pillow resizes gray images by the same numbers, so equal channels stay equal to them.
#[test]
fn colour_and_gray_are_pillows_at_every_size_and_filter() {
    let cases = cases(golden("sizes.json"));
    assert_eq!(cases.len(), 200);
    for case in cases {
        let (from, to, seed) = (size(&case["from"]), size(&case["to"]), case["seed"].as_u64().unwrap());
        let pixels = from.height * from.width;
        let color = Image::new(from, levels(3 * pixels, seed)).unwrap();
        let gray = levels(pixels, seed).into_iter().flat_map(|level| [level; 3]).collect();
        let gray = Image::new(from, gray).unwrap();
        for number in 0..6 {
            let filter = Filter::from_number(number as i64).unwrap();
            let resized = color.resize(to, filter).unwrap();
            assert_eq!(fnv(resized.pixels().iter().copied()), case["hashes"][number], "{filter:?}: {case}");
            let resized = gray.resize(to, filter).unwrap();
            let (pixels, _) = resized.pixels().as_chunks::<3>();
            assert!(pixels.iter().all(|[red, green, blue]| red == green && green == blue));
            let hash = fnv(pixels.iter().map(|pixel| pixel[0]));
            assert_eq!(hash, case["hashes"][6 + number], "{filter:?} of gray: {case}");
        }
    }
}
