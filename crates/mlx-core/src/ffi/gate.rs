//! Keeps threads out of MLX once the program ends.
//!
//! A program ends by running C++'s destructors, while threads that nobody joined go on. What MLX's allocator keeps
//! would be freed under them. So each call passes this gate, which closes before the first destructor runs.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::pool;

/// Threads inside, counted in lanes, so that they do not write to one place. The first threads have one each; the
/// last lanes are for all the others.
static LANES: [Lane; 256] = [const { Lane(AtomicUsize::new(0)) }; 256];
const SHARED: usize = 64;
static CLOSED: AtomicBool = AtomicBool::new(false);
/// Threads whose own data MLX is destroying.
static ENDING: AtomicUsize = AtomicUsize::new(0);
/// How long the end of the program waits for them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whether the libraries of a GPU are in use.
static GPU: AtomicBool = AtomicBool::new(false);
/// Threads of MLX's own that nobody can wait for free what a queue of a GPU had, after that queue is gone.
const GRACE: Duration = Duration::from_millis(50);

#[repr(align(64))]
struct Lane(AtomicUsize);

/// A thread's lane, and whether no other thread has it.
#[derive(Clone, Copy)]
struct Seat {
    lane: &'static Lane,
    is_own: bool,
}

impl Seat {
    /// In one order with `close`: either it sees this thread inside, or this thread sees it.
    fn take(self) {
        if self.is_own {
            self.lane.0.store(1, Ordering::SeqCst);
        } else {
            self.lane.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn leave(self) {
        if self.is_own {
            self.lane.0.store(0, Ordering::Release);
        } else {
            self.lane.0.fetch_sub(1, Ordering::Release);
        }
    }
}

thread_local! {
    /// How many calls of this thread are running, one inside the other: MLX calls back.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread ends the program.
    static ENDS: Cell<bool> = const { Cell::new(false) };
    static LAST: Last = const { Last(Cell::new(false)) };
}

/// What a thread drops after MLX destroyed its own data of that thread, and whether the thread is ending.
struct Last(Cell<bool>);

impl Drop for Last {
    fn drop(&mut self) {
        if self.0.get() {
            ENDING.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// To be called before MLX makes data of this thread: what is made later is destroyed earlier.
pub(crate) fn begin_thread() {
    let _ = LAST.try_with(|_| ());
}

/// From here on, what MLX has of this thread is destroyed, which no call guards: on a GPU it frees handles, which the
/// end of the program must not overtake.
pub(crate) fn end_thread() {
    let _ = LAST.try_with(|last| {
        if !last.0.replace(true) {
            ENDING.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// A call that is running.
pub(super) struct Pass {
    seat: Option<Seat>,
}

/// Lets a call begin. Once the program ends, the thread stays here for ever.
pub(super) fn enter() -> Pass {
    match try_enter() {
        Some(pass) => pass,
        None => loop {
            thread::park();
        },
    }
}

/// Lets a call begin unless the program ends.
pub(super) fn try_enter() -> Option<Pass> {
    let depth = DEPTH.get();
    if depth > 0 {
        DEPTH.set(depth + 1);
        return Some(Pass { seat: None });
    }
    let seat = seat();
    seat.take();
    if CLOSED.load(Ordering::SeqCst) && !ENDS.get() {
        seat.leave();
        return None;
    }
    DEPTH.set(1);
    Some(Pass { seat: Some(seat) })
}

/// Lets the calls of a task of MLX's begin: the end of the program waits for that after the gate is closed.
pub(super) fn inside() -> Pass {
    DEPTH.set(DEPTH.get() + 1);
    Pass { seat: None }
}

impl Drop for Pass {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
        if let Some(seat) = self.seat {
            seat.leave();
        }
    }
}

/// This thread's seat.
fn seat() -> Seat {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SEAT: Cell<Option<Seat>> = const { Cell::new(None) };
    }
    let [first, ..] = &LANES;
    SEAT.get().unwrap_or_else(|| {
        let (number, own) = (NEXT.fetch_add(1, Ordering::Relaxed), LANES.len() - SHARED);
        let at = if number < own { number } else { own + number % SHARED };
        let seat = Seat { lane: LANES.get(at).unwrap_or(first), is_own: number < own };
        SEAT.set(Some(seat));
        seat
    })
}

/// Has the gate closed when the program ends. It must be called when what MLX destroys is there: what is made later
/// is destroyed earlier.
pub(super) fn close_at_exit() {
    unsafe extern "C" {
        fn atexit(f: extern "C" fn()) -> c_int;
    }
    // SAFETY: C calls `close` once, on the thread that ends the program. Where it has no memory to note that, the gate
    // stays open.
    let _ = unsafe { atexit(close) };
}

/// Has it closed before the libraries of a GPU shut down too: they set that up when they are first used, which they
/// were when this is called.
pub(crate) fn close_before_gpu() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        GPU.store(true, Ordering::SeqCst);
        close_at_exit();
    });
}

/// Lets no further call begin, and waits for those that run and for what they started.
extern "C" fn close() {
    ENDS.set(true);
    let own = usize::from(DEPTH.get() > 0);
    CLOSED.store(true, Ordering::SeqCst);
    let inside = || LANES.iter().map(|lane| lane.0.load(Ordering::SeqCst)).sum::<usize>();
    while inside() > own {
        thread::sleep(Duration::from_micros(100));
    }
    if GPU.load(Ordering::SeqCst) {
        thread::sleep(GRACE);
    }
    let start = Instant::now();
    while ENDING.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_micros(100));
    }
    pool::finish_all();
}
