//! A photo of 12 megapixels to floats beside transformers and Pillow on the same machine:
//! `MLX_PYTHON=python3 cargo bench -p mlx-image --bench photo`, with an interpreter that has `transformers` and `pillow`.
//!
//! Rounds of all alternate, since a busy machine slows all.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop"
)]

use std::path::Path;
use std::time::Instant;

use mlx_image::{Filter, Image, Processor, Size};
use mlx_testkit::Python;
use serde_json::json;

const ROUNDS: usize = 15;

/// The seconds of ours, and of Python's.
type Round = ([f64; 3], Vec<f64>);

/// The seconds of reading, of resizing, and of all that a processor does after reading.
fn times(path: &Path, processor: &Processor) -> [f64; 3] {
    let start = Instant::now();
    let image = Image::open(path).unwrap();
    let read = start.elapsed();
    let pixels = processor.apply(&image).unwrap();
    let all = start.elapsed();
    assert_eq!(pixels.values.len(), 3 * 1008 * 1344);
    let start = Instant::now();
    image.resize(Size { height: 1008, width: 1344 }, Filter::Bicubic).unwrap();
    [read, start.elapsed(), all].map(|time| time.as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    *all.select_nth_unstable_by(ROUNDS / 2, f64::total_cmp).1
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    let Some(mut python) = Python::start(include_str!("photo.py"), &[path.to_str().unwrap()]).unwrap() else {
        return;
    };
    python.ask("make").unwrap();
    let config = json!({
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 1008, "width": 1344},
        "resample": 3,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.25, 0.3],
    });
    let processor = Processor::from_json(&config).unwrap();
    let rounds = (0..ROUNDS).map(|_| (times(&path, &processor), python.ask("both").unwrap()));
    let rounds = rounds.collect::<Vec<_>>();
    let of = |time: fn(&Round) -> f64| median(rounds.iter().map(time).collect());
    let milliseconds = |time: f64| 1e3 * time;
    println!(
        "reading {:.1} ms, resizing {:.1} ms, all {:.1} ms; transformers {:.1} ms, Pillow and numpy {:.1} ms",
        milliseconds(of(|(ours, _)| ours[0])),
        milliseconds(of(|(ours, _)| ours[1])),
        milliseconds(of(|(ours, _)| ours[2])),
        milliseconds(of(|(_, theirs)| theirs[0])),
        milliseconds(of(|(_, theirs)| theirs[1])),
    );
    println!(
        "median ratio to transformers {:.2}, to Pillow and numpy {:.2}",
        of(|(ours, theirs)| ours[2] / theirs[0]),
        of(|(ours, theirs)| ours[2] / theirs[1]),
    );
}
