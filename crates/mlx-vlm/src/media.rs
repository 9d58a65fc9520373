//! What a model can be shown.

use std::time::Duration;

use mlx_image::Image;
use sha2::{Digest, Sha256};

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
