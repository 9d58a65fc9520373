//! A thread that owns what cannot leave it, such as a model, and does jobs with it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle, ThreadId, current};

use crate::{Error, Kind, Result};

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// What a job returned, or what it panicked with.
type Outcome<R> = Result<R, Box<dyn Any + Send>>;

/// A value on a thread of its own, which other threads use by sending jobs.
///
/// Jobs run one after the other, in the order in which they came. A job that panics passes the panic on to the
/// thread that waits for it; the owner goes on with the value as the job left it. Dropping the owner waits
/// until all jobs are done and the value is dropped.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::Owner;
///
/// let weights = Owner::spawn(|| Ok(Array::from([1.0, 2.0])))?;
/// let sum = weights.run(|w| (&*w * 3.0)?.sum(..)?.item::<f32>())?;
/// assert_eq!(sum, 9.0);
/// # Ok::<(), mlx_core::Error>(())
/// ```
pub struct Owner<T> {
    jobs: Option<Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

impl<T: 'static> Owner<T> {
    /// Starts a thread, and returns when `build` has made the value there.
    ///
    /// # Errors
    /// `build` failed, or the system has no thread.
    #[track_caller]
    pub fn spawn<E: From<Error> + Send + 'static>(
        build: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Self, E> {
        let (jobs, queue) = channel::<Job<T>>();
        let (ready, built) = channel();
        let thread = Builder::new().name("mlx-owner".to_owned()).spawn(move || serve(build, &ready, queue));
        let thread = match thread {
            Ok(thread) => thread,
            Err(error) => return Err(thread_error(format!("the system has no thread: {error}")).into()),
        };
        let id = thread.thread().id();
        let owner = Self { jobs: Some(jobs), thread: Some(thread), id };
        match built.recv() {
            Ok(Ok(result)) => result.map(|()| owner),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(gone().into()),
        }
    }

    /// Runs `job` with the value, after the jobs that came earlier, and returns what it returned.
    ///
    /// # Errors
    /// `job` failed, or this is the owner's own thread, which would wait for itself.
    ///
    /// # Panics
    /// `job` panicked.
    #[track_caller]
    pub fn run<R, E>(&self, job: impl FnOnce(&mut T) -> Result<R, E> + Send + 'static) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if current().id() == self.id {
            return Err(own_thread().into());
        }
        self.queue(job).wait()
    }

    /// Adds `job` to the queue and returns at once. It runs whether or not somebody waits for it.
    pub fn queue<R, E>(&self, job: impl FnOnce(&mut T) -> Result<R, E> + Send + 'static) -> Pending<R, E>
    where
        R: Send + 'static,
        E: Send + 'static,
    {
        let (done, outcome) = channel();
        let job: Job<T> = Box::new(move |value| {
            let _ = done.send(catch_unwind(AssertUnwindSafe(|| job(value))));
        });
        // Where the thread is gone, the job is dropped with its end of the channel, which `wait` reports.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        Pending { outcome, owner: self.id }
    }
}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take().filter(|_| current().id() != self.id) {
            let _ = thread.join();
        }
    }
}

impl<T> fmt::Debug for Owner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({:?})", self.id)
    }
}

/// A job of an [`Owner`] that may not be done yet. Dropping it does not stop the job.
#[must_use = "a job's errors are seen only by `wait`"]
pub struct Pending<R, E = Error> {
    outcome: Receiver<Outcome<Result<R, E>>>,
    owner: ThreadId,
}

impl<R, E: From<Error>> Pending<R, E> {
    /// Waits for the job and returns what it returned.
    ///
    /// # Errors
    /// The job failed, or this is the owner's own thread and the job is not done.
    ///
    /// # Panics
    /// The job panicked.
    #[track_caller]
    pub fn wait(self) -> Result<R, E> {
        let outcome = match self.outcome.try_recv() {
            Err(TryRecvError::Empty) if current().id() == self.owner => return Err(own_thread().into()),
            Err(TryRecvError::Empty) => self.outcome.recv().ok(),
            done => done.ok(),
        };
        match outcome {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(gone().into()),
        }
    }
}

impl<R, E> fmt::Debug for Pending<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.owner)
    }
}

/// Builds the value and does jobs with it until no owner is left.
fn serve<T, E>(
    build: impl FnOnce() -> Result<T, E>,
    ready: &Sender<Outcome<Result<(), E>>>,
    queue: Receiver<Job<T>>,
) {
    let mut value = match catch_unwind(AssertUnwindSafe(build)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => return drop(ready.send(Ok(Err(error)))),
        Err(panic) => return drop(ready.send(Err(panic))),
    };
    let _ = ready.send(Ok(Ok(())));
    for job in queue {
        // What a job returned is dropped here if nobody waits for it, and that may panic.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut value)));
    }
}

#[track_caller]
fn thread_error(message: impl Into<String>) -> Error {
    Error::new(Kind::Thread, "owner", message)
}

#[track_caller]
fn own_thread() -> Error {
    thread_error("a job cannot wait for another job of its owner: use queue")
}

#[track_caller]
fn gone() -> Error {
    thread_error("the owner's thread has ended")
}
