//! A model that speaks.

use mlx_audio::kokoro::{Kokoro, SpeakOptions};
use mlx_memory::Ticket;
use tokio::sync::mpsc;

use crate::engine::{Inbox, Job, Memory, Waited, Worker};
use crate::fault::Fault;
use crate::options::ModelOptions;

/// A text that is to be spoken.
pub(crate) struct SpeakJob {
    pub(crate) text: String,
    pub(crate) voice: String,
    pub(crate) options: SpeakOptions,
    /// Samples at [`Kokoro::RATE`], piece by piece; the end is when nothing more comes.
    pub(crate) answer: mpsc::UnboundedSender<Result<Vec<f32>, Fault>>,
}

impl Job for SpeakJob {
    fn fail(self, fault: Fault) {
        // A client that has gone is told nothing.
        drop(self.answer.send(Err(fault)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// What the thread of such a model does.
pub(crate) struct SpeakWorker {
    pub(crate) options: ModelOptions,
    pub(crate) memory: Memory,
}

impl Worker for SpeakWorker {
    type Job = SpeakJob;
    type Model = (Kokoro, Ticket);

    fn load(&self) -> Result<Self::Model, Fault> {
        let ticket = self.memory.of_weights(&self.options)?;
        let model = Kokoro::load(&self.options.source);
        Ok((model.map_err(|error| self.options.unloadable(&error))?, ticket))
    }

    fn run(&self, (model, _): &Self::Model, inbox: &mut Inbox<SpeakJob>) {
        while let Waited::Job(job) = inbox.wait() {
            let shared = inbox.shared();
            shared.leave();
            shared.set_running(1);
            let answer = job.answer.clone();
            if let Err(fault) = speak(model, job) {
                drop(answer.send(Err(fault)));
            }
            shared.set_running(0);
        }
    }
}

/// Speaks a text, as long as somebody listens.
fn speak(model: &Kokoro, job: SpeakJob) -> Result<(), Fault> {
    let wrong = |error: mlx_audio::Error| match error {
        mlx_audio::Error::Mlx(_) => Fault::internal(error.to_string()),
        error => Fault::invalid(error.to_string()),
    };
    for spoken in model.speech(&job.text, &job.voice, &job.options).map_err(wrong)? {
        let samples = spoken.map_err(wrong)?.audio.samples().to_vec();
        if job.answer.send(Ok(samples)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
