//! A model that makes vectors of texts.

use mlx_embed::{Embedder, Options};
use mlx_memory::Ticket;
use tokio::sync::oneshot;

use crate::engine::{Inbox, Job, Memory, Waited, Worker};
use crate::fault::Fault;
use crate::options::ModelOptions;

/// Texts of which vectors are wanted.
pub(crate) struct EmbedJob {
    pub(crate) texts: Vec<String>,
    /// The name of the prompt before each.
    pub(crate) prompt: Option<String>,
    /// How many elements of each vector are kept.
    pub(crate) dimensions: Option<usize>,
    pub(crate) answer: oneshot::Sender<Result<Embedded, Fault>>,
}

/// Vectors of texts.
pub(crate) struct Embedded {
    pub(crate) vectors: Vec<Vec<f32>>,
    /// The tokens of all texts.
    pub(crate) tokens: usize,
}

impl Job for EmbedJob {
    fn fail(self, fault: Fault) {
        // A client that has gone is told nothing.
        drop(self.answer.send(Err(fault)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// What the thread of such a model does.
pub(crate) struct EmbedWorker {
    pub(crate) options: ModelOptions,
    pub(crate) memory: Memory,
}

impl Worker for EmbedWorker {
    type Job = EmbedJob;
    type Model = (Embedder, Ticket);

    fn load(&self) -> Result<Self::Model, Fault> {
        let ticket = self.memory.of_weights(&self.options)?;
        let model = Embedder::load(&self.options.source, self.options.dtype);
        Ok((model.map_err(|error| self.options.unloadable(&error))?, ticket))
    }

    fn run(&self, (model, _): &Self::Model, inbox: &mut Inbox<EmbedJob>) {
        while let Waited::Job(job) = inbox.wait() {
            let shared = inbox.shared();
            shared.leave();
            shared.set_running(1);
            drop(job.answer.send(embed(model, &job.texts, job.prompt, job.dimensions)));
            shared.set_running(0);
        }
    }
}

fn embed(
    model: &Embedder,
    texts: &[String],
    prompt: Option<String>,
    dimensions: Option<usize>,
) -> Result<Embedded, Fault> {
    let wrong = |error: mlx_embed::Error| match error {
        mlx_embed::Error::Option { option, .. } => Fault::field(option, error.to_string()),
        mlx_embed::Error::UnknownPrompt { .. } => Fault::field("prompt_name", error.to_string()),
        error => Fault::internal(error.to_string()),
    };
    let internal = |error: mlx_core::Error| Fault::internal(error.to_string());
    let options = Options { prompt, dimensions, ..Options::default() };
    let vectors = model.embed(texts, &options).map_err(wrong)?;
    let width = vectors.dim(-1).map_err(internal)?.unsigned_abs() as usize;
    let numbers = vectors.to_vec::<f32>().map_err(internal)?;
    let mut tokens = 0;
    for text in texts {
        tokens += model.tokenizer().encode_up_to(text, model.longest())?.len();
    }
    Ok(Embedded { vectors: numbers.chunks(width.max(1)).map(<[f32]>::to_vec).collect(), tokens })
}
