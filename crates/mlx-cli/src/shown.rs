//! The options that show a model something.

use std::path::PathBuf;

use clap::Args;
use mlx_vlm::mlx_image::Image;
use mlx_vlm::{Media, Prompt, Turn, VisionLanguageModel};

use crate::failure::Outcome;

/// What a model is shown.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// Show this image, to a model that sees; may be given several times
    #[arg(long, value_name = "IMAGE")]
    image: Vec<PathBuf>,
}

impl Shown {
    /// Whether there is nothing to be shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.image.is_empty()
    }

    /// What is shown, read from its files.
    pub(crate) fn media(&self) -> Outcome<Vec<Media>> {
        self.image.iter().map(|path| Ok(Image::open(path)?.into())).collect()
    }

    /// What is shown, then the text, after an instruction if there is one.
    pub(crate) fn prompt(
        &self,
        model: &VisionLanguageModel,
        system: Option<&str>,
        text: &str,
        raw: bool,
    ) -> Outcome<Prompt> {
        let media = self.media()?;
        if raw {
            return Ok(model.prompt(text, &media)?);
        }
        let turn = media.into_iter().fold(Turn::user(text), Turn::with);
        let turns: Vec<_> = system.map(Turn::system).into_iter().chain([turn]).collect();
        Ok(model.chat(&turns)?)
    }
}
