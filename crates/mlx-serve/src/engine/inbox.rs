//! What waits for a thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Job, Letter, Shared};
use crate::fault::Fault;

/// The jobs that wait for a thread, in turn.
pub(crate) struct Inbox<J> {
    letters: Receiver<Letter<J>>,
    shared: Arc<Shared>,
    idle: Option<Duration>,
    jobs: VecDeque<J>,
    /// Whether the model is wanted without a job.
    woken: bool,
    /// When all must be done, once no further job comes.
    deadline: Option<Instant>,
}

/// What came of waiting.
pub(crate) enum Waited<J> {
    Job(J),
    /// Nothing came for so long that the model is to be unloaded.
    Idle,
    /// Nothing more will come.
    Closed,
}

impl<J: Job> Inbox<J> {
    pub(super) fn new(letters: Receiver<Letter<J>>, shared: Arc<Shared>, idle: Option<Duration>) -> Self {
        Self { letters, shared, idle, jobs: VecDeque::new(), woken: false, deadline: None }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Waits until the model is wanted. Returns false when nothing more will come.
    pub(super) fn wait_for_work(&mut self) -> bool {
        while self.jobs.is_empty() && !self.woken {
            if self.deadline.is_some() {
                return false;
            }
            match self.letters.recv() {
                Ok(letter) => self.sort(letter),
                Err(_) => return false,
            }
        }
        self.woken = false;
        true
    }

    /// The next job, for a thread that has nothing else to do.
    pub(crate) fn wait(&mut self) -> Waited<J> {
        let begun = Instant::now();
        loop {
            if let Some(job) = self.take() {
                return Waited::Job(job);
            }
            if self.deadline.is_some() {
                return Waited::Closed;
            }
            let patience = self.idle.map(|idle| idle.saturating_sub(begun.elapsed()));
            let letter = match patience {
                Some(patience) => self.letters.recv_timeout(patience),
                None => self.letters.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match letter {
                Ok(letter) => self.sort(letter),
                Err(RecvTimeoutError::Timeout) => return Waited::Idle,
                Err(RecvTimeoutError::Disconnected) => return Waited::Closed,
            }
        }
    }

    /// The next job, if there is one. Those whose clients have gone are left out.
    pub(crate) fn take(&mut self) -> Option<J> {
        while let Ok(letter) = self.letters.try_recv() {
            self.sort(letter);
        }
        while let Some(job) = self.jobs.pop_front() {
            if !job.is_abandoned() {
                return Some(job);
            }
            self.shared.leave();
        }
        None
    }

    /// Whether what is in hand must be left.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Says to all that wait that it cannot be done.
    pub(super) fn fail_all(&mut self, fault: &Fault) {
        while let Some(job) = self.take() {
            self.shared.leave();
            job.fail(fault.clone());
        }
    }

    fn sort(&mut self, letter: Letter<J>) {
        match letter {
            Letter::Job(job) => self.jobs.push_back(job),
            Letter::Wake => self.woken = true,
            // Who asked may have gone.
            Letter::Ping(pong) => drop(pong.send(())),
            Letter::Close(deadline) => self.deadline = Some(deadline),
        }
    }
}
