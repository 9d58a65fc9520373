//! Videos, written here by OpenH264's encoder and read back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mlx_image::{Frames, Image, Limits, Opening, Sampling, Size};
use openh264::OpenH264API;
use openh264::encoder::{Encoder, EncoderConfig, RateControlMode};
use openh264::formats::{RgbSliceU8, YUVBuffer};

const SIZE: Size = Size { height: 48, width: 64 };

/// The turn of a track: a, b, c and d of its matrix.
const UPRIGHT: [i32; 4] = [1, 0, 0, 1];

/// How long each frame is shown, in milliseconds.
const LENGTHS: [u32; 9] = [100, 100, 250, 100, 50, 50, 100, 100, 400];

/// The level of a frame, left and right.
fn levels(frame: usize) -> [u8; 2] {
    [20 + 24 * frame as u8, 220 - 20 * frame as u8]
}

fn frame(at: usize) -> Vec<u8> {
    let [left, right] = levels(at);
    let row = [[left; 3].repeat(SIZE.width / 2), [right; 3].repeat(SIZE.width / 2)].concat();
    row.repeat(SIZE.height)
}

fn named(name: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&(body.len() as u32 + 8).to_be_bytes(), name.as_slice(), &body].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The units of a stream, without start codes.
fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts = stream.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 0, 1]).map(|(at, _)| at + 3);
    let starts = starts.collect::<Vec<_>>();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([stream.len()]);
    let trimmed = |(&start, end): (&usize, usize)| {
        let unit = &stream[start..end];
        unit.strip_suffix(&[0]).unwrap_or(unit).to_vec()
    };
    starts.iter().zip(ends).map(trimmed).collect()
}

/// An MP4 file with the frames that [`levels`] tells.
fn video(turn: [i32; 4], codec: &[u8; 4]) -> Vec<u8> {
    let config = EncoderConfig::new().skip_frames(false).rate_control_mode(RateControlMode::Off);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
    let (mut sets, mut data, mut sizes) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for at in 0..LENGTHS.len() {
        let pixels = frame(at);
        let picture = YUVBuffer::from_rgb8_source(RgbSliceU8::new(&pixels, (SIZE.width, SIZE.height)));
        let before = data.len();
        for unit in units(&encoder.encode(&picture).unwrap().to_vec()) {
            match unit[0] & 0x1f {
                7 => sets[0] = unit,
                8 => sets[1] = unit,
                _ => data.extend([&(unit.len() as u32).to_be_bytes(), unit.as_slice()].concat()),
            }
        }
        sizes.push((data.len() - before) as u32);
    }
    let set = |set: &[u8]| [&(set.len() as u16).to_be_bytes(), set].concat();
    let head: [&[u8]; 5] = [&[1, 66, 0, 30, 0xff, 0xe1], &set(&sets[0]), &[1], &set(&sets[1]), &[]];
    let edge = |length: usize| (length as u16).to_be_bytes();
    let mut entry = vec![0; 24];
    entry.extend([edge(SIZE.width), edge(SIZE.height)].concat());
    entry.resize(78, 0);
    let begin = named(b"ftyp", &[b"isom\0\0\0\0isom"]);
    // In two chunks, with something between them.
    let (first, second): (u32, u32) = (sizes[..4].iter().sum(), sizes[4..].iter().sum());
    let offsets = [begin.len() as u32 + 8, begin.len() as u32 + 8 + first + 5];
    let between = [&data[..first as usize], b"between".get(..5).unwrap(), &data[first as usize..]].concat();
    assert_eq!(data.len() as u32, first + second);
    let lengths = LENGTHS.iter().flat_map(|&length| [1, length]).collect::<Vec<_>>();
    let table = named(
        b"stbl",
        &[
            &named(b"stsd", &[&numbers(&[0, 1]), &named(codec, &[&entry, &named(b"avcC", &head)])]),
            &named(b"stts", &[&numbers(&[0, LENGTHS.len() as u32]), &numbers(&lengths)]),
            &named(b"stsz", &[&numbers(&[0, 0, sizes.len() as u32]), &numbers(&sizes)]),
            &named(b"stsc", &[&numbers(&[0, 2, 1, 4, 1, 2, 5, 1])]),
            &named(b"stco", &[&numbers(&[0, 2]), &numbers(&offsets)]),
        ],
    );
    let [a, b, c, d] = turn.map(|factor| (factor << 16) as u32);
    let matrix = numbers(&[a, b, 0, c, d, 0, 0, 0, 1 << 30]);
    let handler = |kind: &[u8; 4]| named(b"hdlr", &[&[0; 8], kind, &[0; 13]]);
    let header = named(b"mdhd", &[&numbers(&[0, 0, 0, 1000, LENGTHS.iter().sum(), 0])]);
    let sound = named(b"trak", &[&named(b"mdia", &[&handler(b"soun")])]);
    let track = named(
        b"trak",
        &[
            &named(b"tkhd", &[&[0; 40], &matrix, &[0; 8]]),
            &named(b"mdia", &[&header, &handler(b"vide"), &named(b"minf", &[&table])]),
        ],
    );
    [begin, named(b"mdat", &[&between]), named(b"moov", &[&sound, &track])].concat()
}

/// Whether both halves of a frame have their levels, but where they meet.
fn shows(image: &Image, at: usize) -> bool {
    let [left, right] = levels(at);
    let near = |column: usize, level: u8| {
        let pixel = &image.pixels()[3 * (20 * SIZE.width + column)..][..3];
        pixel.iter().all(|value| value.abs_diff(level) <= 8)
    };
    image.size() == SIZE && near(5, left) && near(SIZE.width - 6, right)
}

fn write(path: &Path, bytes: &[u8]) -> Result<Frames, mlx_image::Error> {
    fs::write(path, bytes).unwrap();
    Frames::open(path, &Opening::default())
}

#[test]
fn every_frame_of_a_video_comes_in_order_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let frames = write(&path, &video(UPRIGHT, b"avc1")).unwrap();
    assert_eq!(frames.total(), 9);
    assert_eq!(frames.length(), Duration::from_millis(1250));
    let mut start = 0;
    for (at, frame) in frames.enumerate() {
        let frame = frame.unwrap();
        assert!(shows(&frame.image, at), "{at}: {:?}", &frame.image.pixels()[..6]);
        assert_eq!((frame.index, frame.start), (at, Duration::from_millis(start)));
        start += u64::from(LENGTHS[at]);
    }
    let open = || Frames::open(&path, &Opening::default()).unwrap();
    // 2 a second of 1.25 seconds are 2, at least 4.
    let sampled = open().sample(&Sampling::default()).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(sampled.iter().map(|frame| frame.index).collect::<Vec<_>>(), [0, 3, 5, 8]);
    assert!(sampled.iter().all(|frame| shows(&frame.image, frame.index)));
    let last = open().pick(vec![8]).unwrap().next().unwrap().unwrap();
    assert!(shows(&last.image, 8));
    let small = Opening::default().within(Limits { pixels: 100, ..Limits::default() });
    let message = Frames::open(&path, &small).unwrap_err().to_string();
    assert!(
        message.ends_with("its size of 48 x 64 pixels is more than the limit `pixels` of 100"),
        "{message}"
    );
}

#[test]
fn a_video_is_turned_as_its_track_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let first = |turn| write(&path, &video(turn, b"avc1")).unwrap().next().unwrap().unwrap().image;
    let [left, right] = levels(0);
    let level =
        |image: &Image, row: usize, column: usize| image.pixels()[3 * (row * image.size().width + column)];
    let quarter = first([0, 1, -1, 0]);
    assert_eq!(quarter.size(), Size { height: 64, width: 48 });
    assert!(level(&quarter, 5, 20).abs_diff(left) <= 8 && level(&quarter, 58, 20).abs_diff(right) <= 8);
    let half = first([-1, 0, 0, -1]);
    assert!(level(&half, 5, 5).abs_diff(right) <= 8);
    let three = first([0, -1, 1, 0]);
    assert!(level(&three, 5, 20).abs_diff(right) <= 8 && level(&three, 58, 20).abs_diff(left) <= 8);
}

#[test]
fn what_is_wrong_with_a_video_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let whole = video(UPRIGHT, b"avc1");
    let message = |bytes: &[u8]| write(&path, bytes).unwrap_err().to_string();
    let other = message(&video(UPRIGHT, b"hvc1"));
    assert!(
        other.ends_with("is a video of `hvc1`, which is not supported: convert it to H.264 (`avc1`)"),
        "{other}"
    );
    let cut = message(&whole[..whole.len() - 100]);
    assert!(cut.contains("clip.mp4: is a video without tables"), "{cut}");
    let still = Image::open(&path).unwrap_err().to_string();
    assert!(still.contains("is no image of a known format"), "{still}");
    // A table that claims more than there is.
    let at = whole.windows(4).position(|bytes| bytes == b"stsz").unwrap();
    for (place, value) in [(8, u32::MAX), (12, u32::MAX), (12, 10), (16, u32::MAX)] {
        let mut bytes = whole.clone();
        bytes[at + place..at + place + 4].copy_from_slice(&value.to_be_bytes());
        let damaged = message(&bytes);
        assert!(damaged.contains("whose tables are damaged"), "{place} {value}: {damaged}");
    }
}

#[test]
fn damaged_tables_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let whole = video(UPRIGHT, b"avc1");
    let moov = whole.windows(4).position(|bytes| bytes == b"moov").unwrap();
    let numbers = crate::fixture::mixed(2 * 600, 7).map(|number| number as usize).collect::<Vec<_>>();
    for [at, value] in numbers.as_chunks::<2>().0 {
        let mut bytes = whole.clone();
        bytes[moov + at % (whole.len() - moov)] = *value as u8;
        let _ = write(&path, &bytes);
    }
}
