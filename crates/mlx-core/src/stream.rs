//! Queues of work, and the choice of one for the ops of a scope.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::ffi::pool::{self, Lease};
use crate::ffi::stream::RawStream;
use crate::ffi::{call, gate};
use crate::{Device, Error, Kind, Result};

thread_local! {
    static CHOICE: RefCell<Choice> = RefCell::new(Choice::new());
}

/// What ops on this thread use: the innermost scope, else the default stream of the default device.
///
/// It is made after MLX's own data of this thread, so that it is dropped before them.
struct Choice {
    scopes: Vec<Stream>,
    defaults: Vec<Stream>,
    /// All streams of this thread, whose work is waited for when it ends. Work that runs on while a program ends
    /// would use memory that MLX's destructors free.
    all: Vec<Rc<RawStream>>,
    leases: Vec<Lease>,
}

/// A queue on a device. Work on one stream runs in order.
///
/// A stream belongs to the thread that made it. MLX keeps a queue, and a thread of the system with it, for the life
/// of the process: queues of the CPU go back to a pool when their thread ends, for the next one. So make few. The
/// default stream of a device, which [`Device::scope`] uses, costs nothing.
///
/// ```compile_fail,E0277
/// let stream = mlx_core::Stream::new(mlx_core::Device::Cpu).unwrap();
/// std::thread::spawn(move || stream.synchronize());
/// ```
#[derive(Clone)]
pub struct Stream {
    raw: Rc<RawStream>,
    device: Device,
}

impl Stream {
    /// A new stream on `device`.
    #[track_caller]
    pub fn new(device: Device) -> Result<Self> {
        with_choice(|choice| choice.another(device))
    }

    /// The stream that ops on this thread use now.
    #[track_caller]
    pub fn current() -> Result<Self> {
        with_choice(|choice| match choice.scopes.last() {
            Some(stream) => Ok(stream.clone()),
            None => choice.default_of(Device::default()),
        })
    }

    /// The device and the number of every queue of the process, whichever thread uses it: MLX never takes one back.
    #[track_caller]
    pub fn queues() -> Result<Vec<(Device, i32)>> {
        let mut queues = Vec::new();
        for stream in RawStream::all()? {
            queues.push((stream.device()?, stream.index()?));
        }
        Ok(queues)
    }

    /// The device that the stream is on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The number by which MLX names the queue.
    #[track_caller]
    pub fn index(&self) -> Result<i32> {
        self.raw.index()
    }

    /// Waits until everything given to the stream is done.
    #[track_caller]
    pub fn synchronize(&self) -> Result<()> {
        self.raw.synchronize()
    }

    /// Runs `f` with this stream for the ops that it calls on this thread.
    ///
    /// The earlier choice is back when `f` returns or panics.
    #[track_caller]
    pub fn scope<R>(&self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        let _guard = enter(self.clone())?;
        f()
    }
}

/// Whether both are one queue.
impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.raw.is(&other.raw)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.device)
    }
}

impl Choice {
    fn new() -> Self {
        gate::begin_thread();
        let mut choice =
            Self { scopes: Vec::new(), defaults: Vec::new(), all: Vec::new(), leases: Vec::new() };
        // A thread that gets no queue from the pool asks MLX for its own later.
        let leased = choice.lease().filter(|stream| pool::begin_thread(&stream.raw).is_ok());
        choice.defaults.extend(leased);
        if !Device::default().is_cpu() {
            gate::close_before_gpu();
        }
        choice
    }

    /// A queue of the CPU for the rest of this thread, if one is free.
    fn lease(&mut self) -> Option<Stream> {
        let (lease, raw) = Lease::take()?;
        self.leases.push(lease);
        Some(self.add(raw, Device::Cpu))
    }

    /// A queue that MLX made for this thread.
    #[track_caller]
    fn own(&mut self, raw: RawStream, device: Device) -> Result<Stream> {
        if device.is_cpu() {
            pool::note(&raw)?;
        }
        Ok(self.add(raw, device))
    }

    fn add(&mut self, raw: RawStream, device: Device) -> Stream {
        let raw = Rc::new(raw);
        self.all.push(Rc::clone(&raw));
        Stream { raw, device }
    }

    /// A stream that this thread has not used yet.
    #[track_caller]
    fn another(&mut self, device: Device) -> Result<Stream> {
        match self.lease_of(device) {
            Some(stream) => Ok(stream),
            None => self.own(RawStream::new(device)?, device),
        }
    }

    fn lease_of(&mut self, device: Device) -> Option<Stream> {
        if device.is_cpu() { self.lease() } else { None }
    }

    /// The default stream of `device` on this thread.
    #[track_caller]
    fn default_of(&mut self, device: Device) -> Result<Stream> {
        if let Some(stream) = self.defaults.iter().find(|s| s.device == device) {
            return Ok(stream.clone());
        }
        let stream = self.own(RawStream::default_of(device)?, device)?;
        self.defaults.push(stream.clone());
        Ok(stream)
    }
}

impl Drop for Choice {
    /// Waits for the work of this thread. That also takes an error that nobody asked for from the queue, so that the
    /// next thread does not get it.
    fn drop(&mut self) {
        for stream in &self.all {
            let _ = stream.synchronize();
        }
        call::end_thread();
        gate::end_thread();
    }
}

/// Ends a scope when dropped.
pub(crate) struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = CHOICE.try_with(|choice| choice.borrow_mut().scopes.pop());
    }
}

#[track_caller]
fn enter(stream: Stream) -> Result<Guard> {
    with_choice(|choice| {
        choice.scopes.push(stream);
        Ok(Guard(()))
    })
}

/// Makes the default stream of `device` the current one until the guard is dropped.
#[track_caller]
pub(crate) fn enter_device(device: Device) -> Result<Guard> {
    if let Device::Gpu(index) = device {
        Device::gpu(index)?;
    }
    let stream = with_choice(|choice| choice.default_of(device))?;
    enter(stream)
}

/// The default stream of `device` on this thread, for a call to C.
#[track_caller]
pub(crate) fn default_of(device: Device) -> Result<Rc<RawStream>> {
    with_choice(|choice| Ok(choice.default_of(device)?.raw))
}

/// The current stream, for a call to C.
#[track_caller]
pub(crate) fn current() -> Result<Rc<RawStream>> {
    Ok(Stream::current()?.raw)
}

pub(crate) fn current_device() -> Device {
    let scope = CHOICE.try_with(|choice| choice.borrow().scopes.last().map(Stream::device));
    scope.ok().flatten().unwrap_or_default()
}

#[track_caller]
fn with_choice<R>(f: impl FnOnce(&mut Choice) -> Result<R>) -> Result<R> {
    call::check_thread("stream")?;
    match CHOICE.try_with(|choice| f(&mut choice.borrow_mut())) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.at_caller()),
        Err(_) => Err(Error::new(Kind::Thread, "stream", "this thread is ending and has no stream any more")),
    }
}
