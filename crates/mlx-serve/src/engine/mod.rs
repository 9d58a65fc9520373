//! A model on a thread of its own.
//!
//! An [`Engine`] is what handlers hold of it: a queue with a bound, and what it is doing. The thread loads its model when
//! the first job comes, works until none has come for a while, and begins anew when it fails: then only the jobs that it
//! had in hand are lost. Jobs answer by channels of their own, so a job that is dropped is seen as failed, and one whose
//! client has gone is seen as abandoned.

mod inbox;
mod memory;
mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub(crate) use self::inbox::{Inbox, Waited};
pub(crate) use self::memory::Memory;
pub(crate) use self::state::{Phase, Shared};
use crate::fault::Fault;

/// Something to be done by a model.
pub(crate) trait Job: Send + 'static {
    /// Says that it cannot be done.
    fn fail(self, fault: Fault);

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
}

/// What the thread of a model does.
pub(crate) trait Worker: Send + 'static {
    type Job: Job;
    /// The model, which never leaves the thread.
    type Model;

    /// Loads the model.
    fn load(&self) -> Result<Self::Model, Fault>;

    /// Does jobs, until none comes for a while or the server ends.
    fn run(&self, model: &Self::Model, inbox: &mut Inbox<Self::Job>);
}

/// The handle of a thread. The thread ends when this is dropped and nothing waits.
pub(crate) struct Engine<J> {
    letters: Sender<Letter<J>>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What goes to a thread.
pub(crate) enum Letter<J> {
    Job(J),
    /// Load the model now.
    Wake,
    /// Answer to show that the thread is alive.
    Ping(oneshot::Sender<()>),
    /// No further job will come: end when those that are there are done, or at this time at the latest.
    Close(Instant),
}

impl<J: Job> Engine<J> {
    /// Starts the thread. At most `queue` jobs wait for it.
    pub(crate) fn start<W: Worker<Job = J>>(
        name: &str,
        worker: W,
        queue: usize,
        idle: Option<Duration>,
    ) -> std::io::Result<Self> {
        let (letters, received) = mpsc::channel();
        let shared = Arc::new(Shared::new(queue));
        let inbox = Inbox::new(received, Arc::clone(&shared), idle);
        let thread =
            thread::Builder::new().name(format!("mlx {name}")).spawn(move || supervise(&worker, inbox))?;
        Ok(Self { letters, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Puts a job into the queue.
    pub(crate) fn submit(&self, job: J) -> Result<(), Fault> {
        if !self.shared.enter() {
            let most = self.shared.queue();
            return Err(Fault::busy(format!("{most} requests wait for this model already: come again")));
        }
        let closed = |_| Fault::unavailable("the server is ending");
        self.letters.send(Letter::Job(job)).map_err(closed)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Loads the model, if it is not there.
    pub(crate) fn wake(&self) {
        // A thread that has ended cannot be woken, which the next request is told.
        let _ = self.letters.send(Letter::Wake);
    }

    /// What is answered when the thread comes round to it.
    pub(crate) fn ping(&self) -> oneshot::Receiver<()> {
        let (pong, answer) = oneshot::channel();
        let _ = self.letters.send(Letter::Ping(pong));
        answer
    }

    /// Lets the thread end when its jobs are done, or at `deadline` at the latest.
    pub(crate) fn close(&self, deadline: Instant) {
        let _ = self.letters.send(Letter::Close(deadline));
    }

    /// Waits for the end of the thread.
    pub(crate) fn join(&self) {
        // Nothing that holds the lock can panic, and the thread catches its own panics.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }
}

/// Loads the model whenever there is something to do, and works until there is not.
fn supervise<W: Worker>(worker: &W, mut inbox: Inbox<W::Job>) {
    while inbox.wait_for_work() {
        let shared = Arc::clone(inbox.shared());
        shared.set(Phase::Loading);
        let loaded = catch_unwind(AssertUnwindSafe(|| worker.load()));
        match loaded
            .unwrap_or_else(|_| Err(Fault::unavailable("the model could not be loaded: its code panicked")))
        {
            Ok(model) => {
                shared.set(Phase::Ready);
                let end = catch_unwind(AssertUnwindSafe(|| worker.run(&model, &mut inbox)));
                if end.is_err() {
                    shared.count_restart();
                    tracing::error!("an engine failed and begins anew");
                }
                // What a panic left half done may panic again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(model)));
                shared.set(Phase::Unloaded);
            }
            Err(fault) => {
                tracing::error!("a model could not be loaded: {}", fault.message);
                shared.set(Phase::Failed(fault.message.clone()));
                inbox.fail_all(&fault);
            }
        }
        // What stays with MLX a while longer does no harm.
        let _ = mlx_memory::clear_cache();
    }
    inbox.fail_all(&Fault::unavailable("the server is ending"));
    inbox.shared().set(Phase::Closed);
}
