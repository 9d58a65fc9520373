//! Images from files to the numbers that vision models take.
//!
//! [`Image::open`] reads a file, [`Processor`] does what a checkpoint's `preprocessor_config.json` says, and
//! [`PatchProcessor`] and [`TubeletProcessor`] do so for models that take images of any shape as patches. Each says what it
//! will make of an image of some size, and a [`View`] leads from what a model sees back to that image. Nothing here knows MLX.
//!
//! ```no_run
//! # fn main() -> mlx_image::Result<()> {
//! let processor = mlx_image::Processor::from_dir("models/clip")?;
//! let pixels = processor.apply(&mlx_image::Image::open("cat.jpg")?)?;
//! println!("{:?}: {} numbers", pixels.size, pixels.values.len());
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod canvas;
mod crop;
mod curves;
mod decode;
mod error;
mod filter;
mod fit;
mod frames;
mod image;
mod levels;
mod opening;
mod patches;
mod processor;
mod resize;
mod size;
mod tiles;
mod tubelets;
mod view;

pub use self::image::Image;
pub use error::{Error, Result};
pub use filter::Filter;
pub use frames::{Frame, Frames, Sampling, Spread};
pub use levels::{Levels, Normal, Pixels};
pub use opening::{Limits, Opening, Profile, Transparency};
pub use patches::{PatchProcessor, Patches};
pub use processor::Processor;
pub use size::Size;
pub use tiles::{TileLayout, TileProcessor, Tiles};
pub use tubelets::{TubeletGrid, TubeletProcessor, TubeletVideo, Tubelets};
pub use view::View;
