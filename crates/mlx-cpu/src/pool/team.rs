//! Threads that help with one job at a time.

use std::any::Any;
use std::cell::UnsafeCell;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What every thread of a team does until there is nothing left to do.
type Job<'a> = dyn Fn() + Sync + 'a;

/// How long a helper spins for the next job, with the core to itself.
const SPIN: Duration = Duration::from_micros(50);
/// How long it then lets others run between looks, before it sleeps.
const LINGER: Duration = Duration::from_millis(2);

pub(super) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<Helper>,
    /// Held while a job runs.
    turn: Mutex<()>,
}

struct Helper {
    thread: Thread,
    sleeps: Arc<AtomicBool>,
}

/// What the one who has a job and the helpers share.
///
/// A helper enters, and then looks whether the job is open; its owner closes the job, and then waits until nobody is
/// inside. So a helper that found it open is waited for, and one that found it closed never touches it.
struct Shared {
    /// Counts jobs.
    number: AtomicUsize,
    open: AtomicBool,
    inside: AtomicUsize,
    job: UnsafeCell<Option<*const Job<'static>>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written only while it is closed and nobody is inside, and read only by those inside who found it
// open, which orders the two. What it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Team {
    /// The calling thread and others, `count` in all, or as many as the system gives.
    pub(super) fn new(count: usize) -> Self {
        let shared = Arc::new(Shared {
            number: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
        });
        let helpers = (1..count).map_while(|number| Helper::start(number, &shared)).collect();
        Self { shared, helpers, turn: Mutex::new(()) }
    }

    pub(super) fn len(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does `job` here and on every helper that comes in time. Where another job runs, it is done here alone.
    pub(super) fn run(&self, job: &Job<'_>) {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return job(),
        };
        if self.helpers.is_empty() {
            return job();
        }
        let open = Open::new(&self.shared, job);
        self.helpers.iter().for_each(Helper::wake);
        job();
        drop(open);
        let panic = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

/// A job that helpers may enter, until this is dropped.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared, job: &'a Job<'a>) -> Self {
        let job: *const Job<'a> = std::ptr::from_ref(job);
        // SAFETY: the two types differ in the lifetime only; the pointer is followed only while the job is open, and
        // dropping this closes it and waits, before `job` can end.
        let job = unsafe { std::mem::transmute::<*const Job<'a>, *const Job<'static>>(job) };
        // SAFETY: no job is open, and nobody is inside who found one open, since the last `Open` waited.
        unsafe { *shared.job.get() = Some(job) };
        shared.open.store(true, SeqCst);
        shared.number.fetch_add(1, SeqCst);
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.store(false, SeqCst);
        let mut looks = 0_u32;
        while self.0.inside.load(SeqCst) > 0 {
            looks += 1;
            if looks > 4000 {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
        }
    }
}

impl Helper {
    fn start(number: usize, shared: &Arc<Shared>) -> Option<Self> {
        let sleeps = Arc::new(AtomicBool::new(false));
        let work = {
            let (shared, sleeps) = (Arc::clone(shared), Arc::clone(&sleeps));
            move || help(&shared, &sleeps)
        };
        let handle = thread::Builder::new().name(format!("mlx-cpu {number}")).spawn(work).ok()?;
        Some(Self { thread: handle.thread().clone(), sleeps })
    }

    fn wake(&self) {
        if self.sleeps.load(SeqCst) {
            self.thread.unpark();
        }
    }
}

/// The life of a helper.
fn help(shared: &Shared, sleeps: &AtomicBool) {
    let mut seen = 0;
    loop {
        seen = shared.next_after(seen, sleeps);
        shared.inside.fetch_add(1, SeqCst);
        if shared.open.load(SeqCst) {
            // SAFETY: this thread is inside and found the job open, so its owner waits until this has left.
            let job = unsafe { (*shared.job.get()).map(|job| &*job) };
            if let Some(Err(panic)) = job.map(|job| catch_unwind(AssertUnwindSafe(job))) {
                *shared.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            }
        }
        shared.inside.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    /// Waits for a job that is not number `seen`, and returns its number.
    fn next_after(&self, seen: usize, sleeps: &AtomicBool) -> usize {
        let started = Instant::now();
        let mut looks = 0_u32;
        loop {
            let number = self.number.load(SeqCst);
            if number != seen {
                return number;
            }
            looks += 1;
            if !looks.is_multiple_of(64) {
                hint::spin_loop();
                continue;
            }
            let waited = started.elapsed();
            if waited > LINGER {
                sleeps.store(true, SeqCst);
                while self.number.load(SeqCst) == seen {
                    thread::park();
                }
                sleeps.store(false, SeqCst);
            } else if waited > SPIN {
                thread::yield_now();
            }
        }
    }
}
