//! A model that reads a query and a text together.

use mlx_embed::rerank::{RankOptions, Ranked, Reranker};
use mlx_memory::Ticket;
use tokio::sync::oneshot;

use crate::engine::{Inbox, Job, Memory, Waited, Worker};
use crate::fault::Fault;
use crate::options::ModelOptions;

/// Texts that are to be ranked by how well they answer.
pub(crate) struct RankJob {
    pub(crate) query: String,
    pub(crate) documents: Vec<String>,
    pub(crate) options: RankOptions,
    pub(crate) answer: oneshot::Sender<Result<Vec<Ranked>, Fault>>,
}

impl Job for RankJob {
    fn fail(self, fault: Fault) {
        // A client that has gone is told nothing.
        drop(self.answer.send(Err(fault)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// What the thread of such a model does.
pub(crate) struct RankWorker {
    pub(crate) options: ModelOptions,
    pub(crate) memory: Memory,
}

impl Worker for RankWorker {
    type Job = RankJob;
    type Model = (Reranker, Ticket);

    fn load(&self) -> Result<Self::Model, Fault> {
        let ticket = self.memory.of_weights(&self.options)?;
        let model = Reranker::load(&self.options.source, self.options.dtype);
        Ok((model.map_err(|error| self.options.unloadable(&error))?, ticket))
    }

    fn run(&self, (model, _): &Self::Model, inbox: &mut Inbox<RankJob>) {
        while let Waited::Job(job) = inbox.wait() {
            let shared = inbox.shared();
            shared.leave();
            shared.set_running(1);
            let ranked = model.rank(&job.query, &job.documents, &job.options);
            drop(job.answer.send(ranked.map_err(|error| Fault::internal(error.to_string()))));
            shared.set_running(0);
        }
    }
}
