//! How a file is opened: how large it may be, and what becomes of its colours.

use crate::Image;

/// What to make of a file; by default what Pillow's `convert("RGB")` does, as the references of models do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// How large an image may be.
    pub limits: Limits,
    /// What becomes of an embedded colour profile.
    pub profile: Profile,
    /// What becomes of transparency.
    pub transparency: Transparency,
}

/// How large an image may be, so that a small file cannot fill the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a file.
    pub bytes: u64,
    /// The most pixels of an image; [`Image::MOST_PIXELS`] is the limit even if this is more.
    pub pixels: u64,
}

/// What becomes of the ICC profile in a file, which says what its numbers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Nothing: the numbers are those of the file. Models' references do so.
    #[default]
    Ignored,
    /// Colours are converted to sRGB, which phones' wider spaces need to look right. A file without a profile is sRGB.
    ///
    /// The intent is relative, by the perceptual table of a profile that has tables, without black point compensation.
    ToSrgb,
}

/// What becomes of pixels that are transparent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transparency {
    /// The colour that the file gives them, whatever it is. Models' references do so.
    #[default]
    Dropped,
    /// The image lies on this colour.
    On([u8; 3]),
}

impl Opening {
    /// This opening with other limits.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// This opening with another treatment of profiles.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// This opening with another treatment of transparency.
    #[must_use]
    pub fn transparency(mut self, transparency: Transparency) -> Self {
        self.transparency = transparency;
        self
    }
}

impl Limits {
    /// The most pixels, which no image exceeds.
    pub(crate) fn most_pixels(&self) -> u64 {
        self.pixels.min(Image::MOST_PIXELS as u64)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 28, pixels: Image::MOST_PIXELS as u64 }
    }
}

impl Transparency {
    /// White under what is transparent.
    pub const WHITE: Self = Self::On([255; 3]);

    /// Black under what is transparent.
    pub const BLACK: Self = Self::On([0; 3]);
}
