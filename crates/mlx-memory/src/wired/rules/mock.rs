//! A device whose limit is a number in memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use mlx_core::{Error, Result, Stream};

use crate::Bytes;
use crate::wired::backend::Backend;
use crate::wired::coordinator::Coordinator;
use crate::wired::{Request, WiredLimitGuard};

/// The number of a stream whose thread has none any more.
pub(in crate::wired) const GONE: i32 = -1;

/// What was asked of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wired) enum Call {
    Set(u64),
    /// A stream by its number, or the GPU's default one.
    Synchronize(Option<i32>),
}

pub(in crate::wired) struct Mock {
    pub(in crate::wired) has_gpu: AtomicBool,
    pub(in crate::wired) refuses_to_tell: AtomicBool,
    pub(in crate::wired) refuses_to_set: AtomicBool,
    pub(in crate::wired) refuses_to_wait: AtomicBool,
    limit: AtomicU64,
    recommended: Mutex<Option<u64>>,
    /// Each call, and whether the coordinator was locked then.
    calls: Mutex<Vec<(Call, bool)>>,
    start: Instant,
    milliseconds: AtomicU64,
    coordinator: OnceLock<Weak<Coordinator>>,
}

impl Mock {
    pub(in crate::wired) fn with(limit: u64, recommended: u64) -> Arc<Self> {
        Arc::new(Self {
            has_gpu: AtomicBool::new(true),
            refuses_to_tell: AtomicBool::new(false),
            refuses_to_set: AtomicBool::new(false),
            refuses_to_wait: AtomicBool::new(false),
            limit: AtomicU64::new(limit),
            recommended: Mutex::new(Some(recommended)),
            calls: Mutex::default(),
            start: Instant::now(),
            milliseconds: AtomicU64::new(0),
            coordinator: OnceLock::new(),
        })
    }

    pub(in crate::wired) fn limit(&self) -> u64 {
        self.limit.load(Ordering::SeqCst)
    }

    pub(in crate::wired) fn recommend(&self, bytes: Option<u64>) {
        *self.recommended.lock().unwrap() = bytes;
    }

    pub(in crate::wired) fn sleep(&self, time: Duration) {
        self.milliseconds.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    pub(in crate::wired) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().iter().map(|(call, _)| call.clone()).collect()
    }

    /// The limits that were set, in order.
    pub(in crate::wired) fn sets(&self) -> Vec<u64> {
        let set = |call| if let Call::Set(bytes) = call { Some(bytes) } else { None };
        self.calls().into_iter().filter_map(set).collect()
    }

    /// Whether the coordinator was locked at each call of this kind.
    pub(in crate::wired) fn locked_at(&self, kind: impl Fn(&Call) -> bool) -> Vec<bool> {
        self.calls.lock().unwrap().iter().filter(|(call, _)| kind(call)).map(|&(_, locked)| locked).collect()
    }

    fn note(&self, call: Call) {
        let coordinator = self.coordinator.get().and_then(Weak::upgrade);
        let locked = coordinator.is_some_and(|coordinator| coordinator.is_locked());
        self.calls.lock().unwrap().push((call, locked));
    }
}

fn refused(refuses: &AtomicBool) -> Result<()> {
    if refuses.load(Ordering::SeqCst) { Err(Error::custom("mock", "no")) } else { Ok(()) }
}

impl Backend for Arc<Mock> {
    fn set_wired_limit(&self, bytes: u64) -> Result<u64> {
        self.note(Call::Set(bytes));
        refused(&self.refuses_to_set)?;
        Ok(self.limit.swap(bytes, Ordering::SeqCst))
    }

    fn has_gpu(&self) -> bool {
        self.has_gpu.load(Ordering::SeqCst)
    }

    fn max_recommended(&self) -> Result<Option<u64>> {
        refused(&self.refuses_to_tell)?;
        Ok(*self.recommended.lock().unwrap())
    }

    fn synchronize(&self, stream: Option<&Stream>) -> Result<()> {
        self.note(Call::Synchronize(stream.map(|stream| stream.index().unwrap_or(GONE))));
        refused(&self.refuses_to_wait)?;
        stream.map_or(Ok(()), Stream::synchronize)
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))
    }
}

/// A coordinator over a device with the limit 7, which recommends 100, and what it warned of.
pub(in crate::wired) struct Fixture {
    pub(in crate::wired) mock: Arc<Mock>,
    pub(in crate::wired) coordinator: Arc<Coordinator>,
    warnings: Arc<Mutex<Vec<String>>>,
}

pub(in crate::wired) const OLD: u64 = 7;
pub(in crate::wired) const RECOMMENDED: u64 = 100;

impl Fixture {
    pub(in crate::wired) fn new() -> Self {
        let mock = Mock::with(OLD, RECOMMENDED);
        let coordinator = Arc::new(Coordinator::new(Box::new(Arc::clone(&mock))));
        mock.coordinator.set(Arc::downgrade(&coordinator)).unwrap();
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&warnings);
        coordinator.set_warning_sink(Arc::new(move |text| sink.lock().unwrap().push(text.to_owned())));
        Self { mock, coordinator, warnings }
    }

    pub(in crate::wired) fn install<'a>(
        &self,
        streams: &'a [Stream],
    ) -> crate::Result<Option<WiredLimitGuard<'a>>> {
        self.install_for(0, streams)
    }

    pub(in crate::wired) fn install_for<'a>(
        &self,
        model: u64,
        streams: &'a [Stream],
    ) -> crate::Result<Option<WiredLimitGuard<'a>>> {
        WiredLimitGuard::install_in(&self.coordinator, model.into(), streams)
    }

    /// A guard that must be there, for the GPU's default stream.
    pub(in crate::wired) fn guard(&self) -> WiredLimitGuard<'static> {
        self.install(&[]).unwrap().expect("a device that recommends a limit")
    }

    pub(in crate::wired) fn request(&self, bytes: u64) -> Request {
        Request::new(&self.coordinator, Bytes::new(bytes))
    }

    pub(in crate::wired) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }
}
