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

/// Threads inside, counted in lanes, so that they do not write to one place.
static LANES: [Lane; 64] = [const { Lane(AtomicUsize::new(0)) }; 64];
static CLOSED: AtomicBool = AtomicBool::new(false);
/// Threads whose own data MLX is destroying.
static ENDING: AtomicUsize = AtomicUsize::new(0);
/// How long the end of the program waits for them.
const PATIENCE: Duration = Duration::from_secs(5);

#[repr(align(64))]
struct Lane(AtomicUsize);

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
    lane: Option<&'static Lane>,
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
        return Some(Pass { lane: None });
    }
    let lane = lane();
    // In one order with `close`: either it sees this thread inside, or this thread sees it.
    lane.0.fetch_add(1, Ordering::SeqCst);
    if CLOSED.load(Ordering::SeqCst) && !ENDS.get() {
        lane.0.fetch_sub(1, Ordering::Release);
        return None;
    }
    DEPTH.set(1);
    Some(Pass { lane: Some(lane) })
}

/// Lets the calls of a task of MLX's begin: the end of the program waits for that after the gate is closed.
pub(super) fn inside() -> Pass {
    DEPTH.set(DEPTH.get() + 1);
    Pass { lane: None }
}

impl Drop for Pass {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
        if let Some(lane) = self.lane {
            lane.0.fetch_sub(1, Ordering::Release);
        }
    }
}

/// This thread's lane.
fn lane() -> &'static Lane {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: Cell<Option<&'static Lane>> = const { Cell::new(None) };
    }
    let [first, ..] = &LANES;
    LANE.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % LANES.len();
        let lane = LANES.get(number).unwrap_or(first);
        LANE.set(Some(lane));
        lane
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

/// Has it closed before the libraries of a GPU shut down too: they set that up when they are first used.
pub(crate) fn close_before_gpu() {
    static ONCE: Once = Once::new();
    ONCE.call_once(close_at_exit);
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
    let start = Instant::now();
    while ENDING.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_micros(100));
    }
    pool::finish_all();
}
