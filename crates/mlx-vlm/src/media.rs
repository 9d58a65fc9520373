//! What a model can be shown.

use std::path::Path;
use std::time::Duration;

use mlx_image::{Frames, Image, Opening, Sampling};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// An image or a video.
#[derive(Clone, Debug)]
pub enum Media {
    /// An image.
    Image(Image),
    /// A video.
    Video(Video),
}

/// Frames of a video, sampled at even distances.
#[derive(Clone, Debug)]
pub struct Video {
    /// The frames in order, of one size.
    pub frames: Vec<Image>,
    /// The time from one frame to the next.
    pub interval: Duration,
}

/// What media hold, so that equal ones are known again.
pub(crate) type Key = [u8; 32];

impl Video {
    /// The most bytes that the frames of a file may take.
    pub const MOST_BYTES: usize = 1 << 31;

    /// Reads frames of an animated GIF or WebP, or of a folder of images by their names in natural order; of an MP4 with
    /// H.264, too, with the feature `video`.
    ///
    /// # Errors
    /// As [`Frames::open`], or the frames take more than [`MOST_BYTES`](Self::MOST_BYTES): sample fewer.
    pub fn open(path: impl AsRef<Path>, sampling: &Sampling) -> Result<Self> {
        let path = path.as_ref();
        let (mut frames, mut starts, mut bytes) = (Vec::new(), Vec::new(), 0);
        for frame in Frames::open(path, &Opening::default())?.sample(sampling)? {
            let frame = frame?;
            bytes += frame.image.pixels().len();
            if bytes > Self::MOST_BYTES {
                let problem = format!(
                    "{}: the frames take more than {} bytes: sample fewer of them",
                    path.display(),
                    Self::MOST_BYTES
                );
                return Err(Error::Prompt(problem));
            }
            starts.push(frame.start);
            frames.push(frame.image);
        }
        let gaps = u32::try_from(starts.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let length = starts.last().zip(starts.first()).map(|(last, first)| last.saturating_sub(*first));
        let interval = length.and_then(|length| length.checked_div(gaps));
        Ok(Self {
            frames,
            interval: interval.unwrap_or(Duration::from_secs_f64(1.0 / sampling.fps.max(1e-3))),
        })
    }
}

impl Media {
    /// A digest of all pixels, sizes and times, and of whether they are seen among others.
    pub(crate) fn key(&self, among: bool) -> Key {
        let mut hash = Sha256::new();
        hash.update([u8::from(among)]);
        match self {
            Self::Image(image) => digest(&mut hash, image),
            Self::Video(video) => {
                hash.update(b"video");
                hash.update(video.interval.as_nanos().to_le_bytes());
                video.frames.iter().for_each(|frame| digest(&mut hash, frame));
            }
        }
        hash.finalize().into()
    }
}

fn digest(hash: &mut Sha256, image: &Image) {
    let size = image.size();
    hash.update([size.height, size.width].map(|edge| (edge as u64).to_le_bytes()).as_flattened());
    hash.update(image.pixels());
}

impl From<Image> for Media {
    fn from(image: Image) -> Self {
        Self::Image(image)
    }
}

impl From<Video> for Media {
    fn from(video: Video) -> Self {
        Self::Video(video)
    }
}
