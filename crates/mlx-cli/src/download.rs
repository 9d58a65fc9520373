//! Where a model comes from, with a progress bar while it is fetched.

use std::error::Error;
use std::sync::Mutex;

use indicatif::ProgressBar;
use mlx_hub::{Progress, Source};

use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::progress;

/// The source that the command line names.
pub(crate) fn source(args: &ModelArgs) -> mlx_hub::Result<Source> {
    let source = Source::parse(&args.model)?;
    let source = if args.offline { source.offline(true) } else { source };
    let bar = Bar::default();
    Ok(source.progress(move |progress| bar.show(progress)))
}

impl ModelArgs {
    /// Loads this model, and shows how long it takes. An error names it.
    pub(crate) fn load<T, E: Into<Box<dyn Error>>>(&self, load: impl FnOnce() -> Result<T, E>) -> Outcome<T> {
        progress::during("loading the model", load).map_err(|error| {
            let (name, error) = (&self.model, error.into());
            let text = error.to_string();
            if text.contains(name) { error } else { format!("{name}: {text}").into() }
        })
    }
}

/// A bar for the file that is being fetched.
#[derive(Default)]
struct Bar(Mutex<Option<(String, ProgressBar)>>);

impl Bar {
    fn show(&self, progress: &Progress) {
        let Ok(mut current) = self.0.lock() else { return };
        if current.as_ref().is_none_or(|(file, _)| *file != progress.file) {
            let bar = progress::bytes(progress.file.clone());
            bar.set_length(progress.total);
            *current = Some((progress.file.clone(), bar));
        }
        if let Some((_, bar)) = current.as_ref() {
            bar.set_position(progress.done);
            if progress.done >= progress.total {
                bar.finish();
            }
        }
    }
}
