//! A model that writes down what is said.

use mlx_audio::{Audio, RecognizeOptions, Recognizer, Transcript};
use mlx_memory::Ticket;
use tokio::sync::mpsc;

use crate::engine::{Inbox, Job, Memory, Waited, Worker};
use crate::fault::Fault;
use crate::options::ModelOptions;

/// A recording whose words are wanted.
pub(crate) struct HearJob {
    /// The bytes of its file.
    pub(crate) file: Vec<u8>,
    pub(crate) options: RecognizeOptions,
    pub(crate) answer: mpsc::UnboundedSender<Heard>,
}

/// What comes of it.
pub(crate) enum Heard {
    /// Another segment was heard.
    Segment,
    /// All of it, and how many seconds the recording has.
    Finished(Transcript, f64),
    Failed(Fault),
}

impl Job for HearJob {
    fn fail(self, fault: Fault) {
        // A client that has gone is told nothing.
        drop(self.answer.send(Heard::Failed(fault)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// What the thread of such a model does.
pub(crate) struct HearWorker {
    pub(crate) options: ModelOptions,
    pub(crate) memory: Memory,
}

impl Worker for HearWorker {
    type Job = HearJob;
    type Model = (Recognizer, Ticket);

    fn load(&self) -> Result<Self::Model, Fault> {
        let ticket = self.memory.of_weights(&self.options)?;
        let model = Recognizer::load(&self.options.source, self.options.dtype);
        Ok((model.map_err(|error| self.options.unloadable(&error))?, ticket))
    }

    fn run(&self, (model, _): &Self::Model, inbox: &mut Inbox<HearJob>) {
        while let Waited::Job(job) = inbox.wait() {
            let shared = inbox.shared();
            shared.leave();
            shared.set_running(1);
            let answer = job.answer.clone();
            if let Err(fault) = hear(model, job) {
                drop(answer.send(Heard::Failed(fault)));
            }
            shared.set_running(0);
        }
    }
}

/// Writes down what is said, as long as somebody waits for it.
fn hear(model: &Recognizer, job: HearJob) -> Result<(), Fault> {
    let wrong = |error: mlx_audio::Error| match error {
        mlx_audio::Error::Mlx(_) => Fault::internal(error.to_string()),
        error => Fault::invalid(error.to_string()),
    };
    let unreadable = |error: mlx_audio::Error| Fault::field("file", error.to_string());
    let audio = Audio::from_bytes(job.file).map_err(unreadable)?.mono();
    let audio = audio.resampled(Recognizer::RATE).map_err(unreadable)?;
    let mut transcription = model.transcription(audio.samples(), &job.options).map_err(wrong)?;
    let mut segments = Vec::new();
    for segment in transcription.by_ref() {
        let segment = segment.map_err(wrong)?;
        if job.answer.send(Heard::Segment).is_err() {
            return Ok(());
        }
        segments.push(segment);
    }
    let seconds = audio.duration().as_secs_f64();
    let transcript = Transcript::new(segments, transcription.language());
    drop(job.answer.send(Heard::Finished(transcript, seconds)));
    Ok(())
}
