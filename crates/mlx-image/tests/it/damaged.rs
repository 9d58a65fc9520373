//! Whatever a file or a path is, there is an image or one clear error: no panic, and no large allocation.

use std::fs;

use mlx_image::{Filter, Frames, Image, Limits, Opening, Profile, Size};

use crate::fixture::{bmp, golden, mixed};

/// Files of every format and of the variants that take other ways.
const FILES: [&str; 21] = [
    "decode/rgb.png",
    "decode/palette.png",
    "decode/deep-4.png",
    "decode/full.jpg",
    "decode/half.jpg",
    "decode/lossless.webp",
    "decode/frames.gif",
    "decode/rgb.bmp",
    "files/ink.jpg",
    "files/luma-ink.jpg",
    "files/lossy-alpha.webp",
    "files/lzw.tiff",
    "files/palette.tiff",
    "files/fax.tiff",
    "files/deep.tiff",
    "files/planes.tiff",
    "animations/removal-2-clear.gif",
    "animations/mixed.webp",
    "animations/lossy-parts.webp",
    "profiles/parametric.png",
    "profiles/inks.tiff",
];

/// Everything that can be done with the bytes of a file.
fn try_all(bytes: &[u8]) -> Vec<String> {
    let limits = Limits { pixels: 1 << 20, ..Limits::default() };
    let small = Opening::default().within(limits).profile(Profile::ToSrgb);
    let mut errors = Image::decode_with(bytes, &small).err().into_iter().collect::<Vec<_>>();
    match Frames::decode(bytes.to_vec(), &small) {
        Ok(frames) => errors.extend(frames.take(20).filter_map(Result::err)),
        Err(error) => errors.push(error),
    }
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn files_that_are_cut_off_or_changed_do_not_panic() {
    let mut caught = 0;
    for (name, seed) in FILES.iter().zip(1..) {
        let whole = fs::read(golden(name)).unwrap();
        let step = whole.len().div_ceil(100);
        let cut = (0..whole.len()).step_by(step).map(|length| whole[..length].to_vec());
        let numbers = mixed(8 * 1000, seed).map(|number| number as usize).collect::<Vec<_>>();
        let changed = numbers.as_chunks::<8>().0.iter().map(|numbers| {
            let mut bytes = whole.clone();
            for [at, value] in numbers.as_chunks::<2>().0 {
                // Headers matter more than pixels.
                let reach = if value >> 16 & 1 == 0 { whole.len() } else { whole.len().min(120) };
                bytes[at % reach] = *value as u8;
            }
            bytes
        });
        for bytes in cut.chain(changed) {
            for error in try_all(&bytes) {
                assert_eq!(error.lines().count(), 1, "{name}: {error}");
                caught += usize::from(error.contains("decoder does not expect"));
            }
        }
    }
    // None is known; one that appears is caught, and worth a report to its crate.
    assert_eq!(caught, 0);
}

#[test]
fn a_file_that_is_cut_off_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Half of a file with a profile may hold all pixels.
    let files = FILES.iter().filter(|name| !name.starts_with("profiles"));
    for name in files.chain(&["files/restart.jpg", "files/lossy.webp", "animations/around.gif"]) {
        let path = folder.path().join(name.replace('/', "-"));
        let whole = fs::read(golden(name)).unwrap();
        // A first frame may be whole.
        let part = if name.ends_with("gif") { 40 } else { whole.len() / 2 };
        fs::write(&path, &whole[..part]).unwrap();
        let message = Image::open(&path).expect_err(name).to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn a_jpeg_without_its_end_is_refused_as_pillow_does() {
    // The name of a camera that looks like the end of a JPEG.
    let whole = fs::read(golden("decode/full.jpg")).unwrap();
    let comment = [&whole[..2], &[0xff, 0xfe, 0, 4, 0xff, 0xd9], &whole[2..]].concat();
    assert_eq!(Image::decode(&comment).unwrap(), Image::decode(&whole).unwrap());
    for bytes in [&whole[..whole.len() - 2], &whole[..whole.len() - 20], &comment[..comment.len() - 60]] {
        let message = Image::decode(bytes).unwrap_err().to_string();
        assert_eq!(message, "image: is cut off: its end is missing");
    }
}

/// Files whose headers claim more pixels than there can be.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let patched = |name: &str, at: usize, bytes: &[u8]| {
        let mut file = fs::read(golden(name)).unwrap();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let find = |name: &str, wanted: &[u8]| {
        fs::read(golden(name)).unwrap().windows(wanted.len()).position(|bytes| bytes == wanted).unwrap()
    };
    let large = 100_000_u32;
    let mut png = patched("decode/rgb.png", 16, &[large.to_be_bytes(), large.to_be_bytes()].concat());
    let checksum = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let frame = find("decode/full.jpg", b"\xff\xc0") + 5;
    let canvas = find("animations/mixed.webp", b"VP8X") + 12;
    let mut tiff = fs::read(golden("files/plain.tiff")).unwrap();
    for (tag, length) in [(256_u16, 9_u32), (257, 7)] {
        let entry = [tag.to_le_bytes(), 4_u16.to_le_bytes(), 1_u16.to_le_bytes(), [0; 2]].concat();
        let entry = [&entry[..], &length.to_le_bytes()].concat();
        let short = [&entry[..2], &[3], &entry[3..]].concat();
        let at = tiff.windows(12).position(|bytes| bytes == entry || bytes == short).unwrap();
        tiff[at + 2] = 4;
        tiff[at + 8..at + 12].copy_from_slice(&large.to_le_bytes());
    }
    vec![
        ("PNG", png),
        ("BMP", patched("decode/rgb.bmp", 18, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0])),
        ("GIF", patched("decode/frames.gif", 6, &[0xff; 4])),
        ("JPEG", patched("decode/full.jpg", frame, &[0xff; 4])),
        ("WebP", patched("animations/mixed.webp", canvas, &[0xff; 6])),
        ("TIFF", tiff),
    ]
}

/// The checksum of PNG (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let step = |value: u32, _| if value & 1 == 0 { value >> 1 } else { (value >> 1) ^ 0xedb8_8320 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The most bytes of address space that this process had, where the system tells.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib =
        line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    1024 * kib.unwrap_or_default()
}

#[test]
fn a_bomb_of_any_format_is_refused_before_anything_is_allocated() {
    let before = most_memory();
    for (format, bytes) in bombs() {
        for message in [
            Image::decode(&bytes).unwrap_err().to_string(),
            Frames::decode(bytes, &Opening::default()).unwrap_err().to_string(),
        ] {
            let limited = message.starts_with("image: its size of ")
                && message.ends_with("is more than the limit `pixels` of 134217728");
            // Its size does not go with its one strip either.
            let inconsistent = format == "TIFF" && message.ends_with("inconsistent sizes encountered");
            assert!(limited || inconsistent, "{format}: {message}");
        }
    }
    // The smallest of them would take 12 GiB; other tests may run beside this one.
    assert!(most_memory() - before < 1 << 32);
}

#[test]
fn a_frame_that_is_larger_than_its_animation_counts() {
    let mut bytes = fs::read(golden("animations/around.gif")).unwrap();
    let at = bytes.windows(5).position(|bytes| bytes == b",\x02\0\x01\0").unwrap();
    bytes[at + 5..at + 9].copy_from_slice(&[0xff; 4]);
    let message = Image::decode(&bytes).unwrap_err().to_string();
    assert!(message.starts_with("image: its size of 65536 x 65537 pixels is more than"), "{message}");
}

#[test]
fn a_path_that_is_no_file_says_what_it_is() {
    let message = |path: &str| Image::open(path).unwrap_err().to_string();
    let address = "is an address, not a file: download it and give the path of the copy";
    for path in ["https://example.org/cat.jpg", "HTTP://example.org/cat.jpg", "s3://cats/1.png"] {
        assert_eq!(message(path), format!("{path}: {address}"));
        assert_eq!(Frames::open(path, &Opening::default()).unwrap_err().to_string(), message(path));
    }
    assert_eq!(message("file:///cat.jpg"), "file:///cat.jpg: is an address, not a path: leave out `file://`");
    let data = message(&format!("data:image/png;base64,{}", "A".repeat(1 << 16)));
    assert!(data.ends_with("is data, not a path: decode its base64 and use `Image::decode`"), "{data}");
    assert!(data.len() < 200);
    let folder = message(golden("decode").to_str().unwrap());
    assert!(folder.ends_with("decode: is a folder: the images in it are read by `Frames::open`"), "{folder}");
    for path in ["missing/cat.jpg", "c:cat.jpg", ""] {
        assert!(message(path).starts_with(&format!("cannot read {path}: ")), "{}", message(path));
        assert!(Frames::open(path, &Opening::default()).is_err());
    }
}

#[test]
fn the_smallest_and_the_thinnest_images_are_images() {
    for size in [Size::square(1), Size { height: 20_000, width: 1 }, Size { height: 1, width: 20_000 }] {
        let image = Image::decode(&bmp(size, 200)).unwrap();
        assert_eq!(image.size(), size);
        for number in 0..6 {
            let filter = Filter::from_number(number).unwrap();
            for to in [Size::square(1), Size { height: 3, width: 40 }, Size { height: 40, width: 3 }] {
                let resized = image.resize(to, filter).unwrap();
                assert_eq!(
                    (resized.size(), resized.pixels()),
                    (to, &vec![200; 360][..3 * to.height * to.width])
                );
            }
        }
    }
}
