//! Where a model comes from, with a progress bar while it is fetched.

use std::sync::Mutex;

use indicatif::ProgressBar;
use mlx_hub::{Progress, Source};

use crate::args::ModelArgs;
use crate::progress;

/// The source that the command line names.
pub(crate) fn source(args: &ModelArgs) -> mlx_hub::Result<Source> {
    let source = Source::parse(&args.model)?;
    let source = if args.offline { source.offline(true) } else { source };
    let bar = Bar::default();
    Ok(source.progress(move |progress| bar.show(progress)))
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
