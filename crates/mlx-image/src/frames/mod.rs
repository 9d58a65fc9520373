//! Several images one after another, each at its time: animations, folders of images, videos.
//!
//! One frame is in memory at a time, whatever the length; frames that are not wanted are passed over.

mod canvas;
mod folder;
pub(crate) mod gif;
mod natural;
mod sampling;
mod times;
#[cfg(feature = "video")]
mod video;
pub(crate) mod webp;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ::image::ImageFormat;

pub use self::sampling::{Sampling, Spread};
use self::times::Times;
use crate::decode::{self, guarded, source};
use crate::{Error, Image, Opening, Result};

/// One image of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The image.
    pub image: Image,
    /// Which of all frames it is, from 0.
    pub index: usize,
    /// When it is shown, from the beginning.
    pub start: Duration,
}

/// The frames of an animated GIF or WebP, of a folder of images, or of a video, in order.
///
/// ```no_run
/// # fn main() -> mlx_image::Result<()> {
/// use mlx_image::{Frames, Opening, Sampling};
///
/// let frames = Frames::open("waving.gif", &Opening::default())?;
/// for frame in frames.sample(&Sampling::fps(2.0))? {
///     let frame = frame?;
///     println!("{:?} at {:?}", frame.image, frame.start);
/// }
/// # Ok(()) }
/// ```
pub struct Frames {
    name: String,
    source: Box<dyn Source>,
    times: Times,
    /// Which frames are still to come.
    wanted: std::vec::IntoIter<usize>,
    /// How many frames of the source are behind.
    passed: usize,
    /// The frame that is wanted again.
    again: Option<Frame>,
}

/// What frames come from.
trait Source: Send {
    /// Goes on by one frame, and gives its image if it is wanted.
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>>;
}

impl Frames {
    /// Frames per second of what has no times of its own, as transformers assumes of a list of images.
    pub const ASSUMED_RATE: f64 = 24.0;

    /// The frames of a file, or of all images in a folder, by their names in natural order: `2.png` before `10.png`.
    ///
    /// A file that is no animation has one frame. Videos (MP4 with H.264) need the feature `video`.
    ///
    /// # Errors
    /// As [`Image::open`], or a folder has no images.
    pub fn open(path: impl AsRef<Path>, opening: &Opening) -> Result<Self> {
        let path = path.as_ref();
        source::check(path)?;
        if path.is_dir() {
            let (source, count) = folder::open(path, *opening)?;
            return Ok(Self::new(path.display().to_string(), Box::new(source), Times::assumed(count)));
        }
        if is_video(path) {
            return Self::of_video(path, opening);
        }
        Self::of_bytes(path.display().to_string(), source::read(path, &opening.limits)?, opening)
    }

    /// The frames of the bytes of a GIF, a WebP, or any image.
    ///
    /// # Errors
    /// As [`Image::decode`].
    pub fn decode(bytes: Vec<u8>, opening: &Opening) -> Result<Self> {
        Self::of_bytes("image".to_owned(), bytes, opening)
    }

    fn of_bytes(name: String, bytes: Vec<u8>, opening: &Opening) -> Result<Self> {
        source::within(&name, bytes.len() as u64, &opening.limits)?;
        let open = || -> Result<(Box<dyn Source>, Times)> {
            match decode::format(&name, &bytes)? {
                ImageFormat::Gif => {
                    let times = gif::times(&name, &bytes, &opening.limits)?;
                    Ok((Box::new(gif::Animation::open(&name, bytes, *opening)?), times))
                }
                ImageFormat::WebP if webp::is_animated(&bytes) => {
                    let animation = webp::Animation::open(&name, bytes, *opening)?;
                    let times = animation.times();
                    Ok((Box::new(animation), times))
                }
                _ => {
                    let image = decode::decode(&name, &bytes, opening)?;
                    Ok((Box::new(Still(image)), Times::assumed(1)))
                }
            }
        };
        let (source, times) = guarded(&name, open)?;
        Ok(Self::new(name, source, times))
    }

    #[cfg(feature = "video")]
    fn of_video(path: &Path, opening: &Opening) -> Result<Self> {
        let name = path.display().to_string();
        let (source, times) = guarded(&name, || video::open(path, *opening))?;
        Ok(Self::new(name, Box::new(source), times))
    }

    #[cfg(not(feature = "video"))]
    fn of_video(path: &Path, _: &Opening) -> Result<Self> {
        let problem = "is a video, which this program was built without (feature `video` of mlx-image): extract \
                       its frames into a folder";
        Err(Error::NoFile { path: path.to_owned(), problem })
    }

    fn new(name: String, source: Box<dyn Source>, times: Times) -> Self {
        let wanted = (0..times.count()).collect::<Vec<_>>().into_iter();
        Self { name, source, times, wanted, passed: 0, again: None }
    }

    /// How many frames there are in all.
    pub fn total(&self) -> usize {
        self.times.count()
    }

    /// How long all of them are shown.
    pub fn length(&self) -> Duration {
        self.times.length()
    }

    /// Frames per second, on average.
    pub fn rate(&self) -> f64 {
        self.times.rate()
    }

    /// These frames at so many a second, whatever times they had: for folders, which have none.
    ///
    /// # Errors
    /// The rate is not more than 0.
    pub fn with_rate(mut self, rate: f64) -> Result<Self> {
        self.times = Times::even(self.total(), rate).map_err(|problem| Error::decode(&self.name, problem))?;
        Ok(self)
    }

    /// Only some of the frames that are still to come.
    ///
    /// # Errors
    /// There are fewer frames than the sampling needs.
    pub fn sample(self, sampling: &Sampling) -> Result<Self> {
        let indices = sampling.indices(self.total(), self.rate());
        let indices = indices.map_err(|problem| Error::decode(&self.name, problem))?;
        self.pick(indices)
    }

    /// Only these frames, each as often as it is named.
    ///
    /// # Errors
    /// One is beyond the last or behind this iterator already, or they are not in order.
    pub fn pick(mut self, indices: Vec<usize>) -> Result<Self> {
        let total = self.total();
        let in_order = indices.is_sorted() && indices.first().is_none_or(|&first| first >= self.passed);
        if !in_order || indices.last().is_some_and(|&last| last >= total) {
            let problem = format!(
                "its frames are picked in order, from {} to {}",
                self.passed,
                total.saturating_sub(1)
            );
            return Err(Error::decode(&self.name, problem));
        }
        self.wanted = indices.into_iter();
        Ok(self)
    }

    fn reach(&mut self, index: usize) -> Result<Frame> {
        if let Some(frame) = self.again.take().filter(|frame| frame.index == index) {
            return Ok(frame);
        }
        while self.passed < index {
            self.source.advance(false)?;
            self.passed += 1;
        }
        self.passed += 1;
        let image = self.source.advance(true)?;
        let image = image.ok_or_else(|| Error::decode(&self.name, format!("has no frame {index}")))?;
        Ok(Frame { image, index, start: self.times.start(index) })
    }
}

impl Iterator for Frames {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.wanted.next()?;
        let name = self.name.clone();
        let frame = guarded(&name, || self.reach(index));
        match &frame {
            Ok(frame) if self.wanted.as_slice().first() == Some(&index) => self.again = Some(frame.clone()),
            Ok(_) => {}
            // What comes behind a damaged frame is unknown.
            Err(_) => self.wanted = Vec::new().into_iter(),
        }
        Some(frame)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.wanted.len();
        (most.min(1), Some(most))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({}: {} in {:?})", self.name, self.total(), self.length())
    }
}

/// One image.
struct Still(Image);

impl Source for Still {
    fn advance(&mut self, wanted: bool) -> Result<Option<Image>> {
        Ok(wanted.then(|| self.0.clone()))
    }
}

/// Whether a file begins as MP4 and its kin do. One that cannot be read is left to the reader of images.
fn is_video(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.ends_with(b"ftyp")
}
