//! Warnings that a program can send elsewhere than to stderr.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Where the text of a warning goes.
pub type WarningSink = Arc<dyn Fn(&str) + Send + Sync>;

/// The sink of a coordinator.
pub(crate) struct Warnings(RwLock<WarningSink>);

impl Warnings {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(stderr()))
    }

    /// Puts another sink in the place of the one it returns.
    pub(crate) fn replace(&self, sink: WarningSink) -> WarningSink {
        std::mem::replace(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), sink)
    }

    /// Gives a text to the log and to the sink, with no lock held.
    pub(crate) fn emit(&self, text: &str) {
        tracing::warn!(target: "mlx_memory", "{text}");
        let sink = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        sink(text);
    }
}

/// Writes lines to stderr, but not one twice in a row, and none where stderr takes none.
fn stderr() -> WarningSink {
    let last = Mutex::new(String::new());
    Arc::new(move |text| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != text {
            text.clone_into(&mut last);
            let _ = writeln!(io::stderr(), "{text}");
        }
    })
}

/// The warning about a model that is close to what the device recommends.
pub(crate) fn near_the_limit(model: u64, recommended: u64) -> Option<String> {
    let threshold = (recommended / 10).saturating_mul(9);
    (model > threshold).then(|| {
        let (model, recommended) = (model >> 20, recommended >> 20);
        format!(
            "[WARNING] Generating with a model that requires {model} MB which is close to the maximum recommended \
             size of {recommended} MB. This can be slow. See the documentation for possible work-arounds: \
             https://github.com/ml-explore/mlx-lm/tree/main#large-models"
        )
    })
}
