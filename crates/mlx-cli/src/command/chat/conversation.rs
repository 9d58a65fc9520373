//! Conversations of text, and of text and images.

use std::io::{self, Write};

use mlx_hub::{Checkpoint, Source};
use mlx_lm::chat::ChatStream;
use mlx_lm::{ChatSession, LanguageModel};
use mlx_text::Message;
use mlx_vlm::mlx_image::Image;
use mlx_vlm::{Turn, VisionChat, VisionLanguageModel};

use super::Chat;
use crate::failure::Outcome;
use crate::{download, kind};

/// A model, which sees or not.
pub(super) enum Talker {
    Blind(Box<LanguageModel>),
    Seeing(Box<VisionLanguageModel>),
}

/// A conversation with it.
pub(super) struct Conversation<'m> {
    with: With<'m>,
    /// What is shown with the next message.
    images: Vec<Image>,
}

enum With<'m> {
    Blind(Box<ChatSession<'m>>),
    Seeing(Box<VisionChat<'m>>),
}

impl Talker {
    /// The model of the command line.
    pub(super) fn load(args: &Chat) -> Outcome<Self> {
        Ok(if sees(&download::source(&args.model)?)? {
            Self::Seeing(Box::new(args.arithmetic.seeing(&args.model)?))
        } else {
            let loader = args.arithmetic.loader(&args.model)?;
            Self::Blind(Box::new(args.model.load(|| loader.load())?))
        })
    }

    /// A conversation without messages.
    pub(super) fn begin(&self, args: &Chat) -> Outcome<Conversation<'_>> {
        let mut with = match self {
            Self::Blind(model) => {
                With::Blind(Box::new(ChatSession::new(model)?.options(args.options(model)?)?))
            }
            Self::Seeing(model) => {
                let options = args.options(model.language())?;
                With::Seeing(Box::new(VisionChat::new(model)?.with(|session| session.options(options))?))
            }
        };
        if let Some(text) = &args.system_prompt {
            with.session().history_mut().push(Message::system(text));
        }
        Ok(Conversation { with, images: Vec::new() })
    }
}

/// Whether a model has a tower that is known.
fn sees(source: &Source) -> Outcome<bool> {
    let Checkpoint::Directory(directory) = source.resolve()? else { return Ok(false) };
    Ok(kind::sees(&directory.config()?))
}

impl<'m> With<'m> {
    fn session(&mut self) -> &mut ChatSession<'m> {
        match self {
            Self::Blind(session) => session,
            Self::Seeing(chat) => chat.session_mut(),
        }
    }
}

impl<'m> Conversation<'m> {
    /// Reads an image, to be shown with the next message.
    pub(super) fn show(&mut self, path: &str) -> Outcome {
        if matches!(self.with, With::Blind(_)) {
            return Ok(writeln!(io::stderr(), "this model does not see")?);
        }
        match Image::open(path) {
            Ok(image) => self.images.push(image),
            Err(error) => writeln!(io::stderr(), "{error}")?,
        }
        Ok(())
    }

    /// Says something, with what is to be shown.
    pub(super) fn send(&mut self, message: &str) -> Outcome<ChatStream<'_, 'm>> {
        Ok(match &mut self.with {
            With::Blind(session) => session.send(message)?,
            With::Seeing(chat) => {
                let images = std::mem::take(&mut self.images);
                chat.send(images.into_iter().fold(Turn::user(message), Turn::with))?
            }
        })
    }
}
