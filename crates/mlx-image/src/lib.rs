//! Images from files to the numbers that vision models take.
//!
//! [`Image::open`] reads a file, [`Processor`] does what a checkpoint's `preprocessor_config.json` says, and
//! [`PatchProcessor`] does so for models that take images of any shape as patches. Nothing here knows MLX.
//!
//! ```no_run
//! # fn main() -> mlx_image::Result<()> {
//! let processor = mlx_image::Processor::from_dir("models/clip")?;
//! let pixels = processor.apply(&mlx_image::Image::open("cat.jpg")?)?;
//! println!("{:?}: {} numbers", pixels.size, pixels.values.len());
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod decode;
mod error;
mod filter;
mod frame;
mod image;
mod levels;
mod patches;
mod processor;
mod resize;
mod size;

pub use self::image::Image;
pub use decode::Limits;
pub use error::{Error, Result};
pub use filter::Filter;
pub use levels::{Levels, Normal, Pixels};
pub use patches::{PatchProcessor, Patches};
pub use processor::Processor;
pub use size::Size;
