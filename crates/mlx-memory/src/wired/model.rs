//! All interleavings of a few threads that install and drop guards, and reserve and release tickets.
//!
//! The coordinator is compiled a second time here, with locks that loom watches.

use loom::sync::Arc;
use loom::thread;

use super::rules::mock::Mock;
use super::{Event, Events, Hysteresis, Status, TicketKind, WarningSink};
use super::{backend, event, warning};
use crate::{Bytes, Policy};

mod sync {
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "coordinator/mod.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "the same file again; only what changes the limit is modelled"
)]
mod coordinator;

use coordinator::{Coordinator, Request};

const OLD: u64 = 7;
const RECOMMENDED: u64 = 100;

fn coordinator() -> (std::sync::Arc<Mock>, Arc<Coordinator>) {
    let mock = Mock::with(OLD, RECOMMENDED);
    (mock.clone(), Arc::new(Coordinator::new(Box::new(mock))))
}

fn request(bytes: u64) -> Request {
    let (bytes, policy) = (Bytes::new(bytes), Policy::sum());
    Request { bytes, policy, kind: TicketKind::Active, patience: std::time::Duration::ZERO }
}

#[test]
fn every_order_of_installs_and_drops_ends_at_the_limit_before() {
    loom::model(|| {
        let (mock, coordinator) = coordinator();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (mock, coordinator) = (mock.clone(), Arc::clone(&coordinator));
                thread::spawn(move || {
                    for _ in 0..2 {
                        assert!(coordinator.enter(0).unwrap());
                        assert_eq!(mock.limit(), RECOMMENDED);
                        assert_eq!(coordinator.old_limit(), OLD);
                        coordinator.leave(&[]);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((mock.limit(), coordinator.old_limit()), (OLD, 0));
    });
}

#[test]
fn every_order_of_a_guard_and_tickets_ends_at_the_limit_before() {
    loom::model(|| {
        let (mock, coordinator) = coordinator();
        let guard = {
            let coordinator = Arc::clone(&coordinator);
            thread::spawn(move || {
                assert!(coordinator.enter(0).unwrap());
                coordinator.leave(&[]);
            })
        };
        let ticket = {
            let coordinator = Arc::clone(&coordinator);
            thread::spawn(move || {
                let id = coordinator.reserve(&request(20)).unwrap();
                coordinator.release(id).unwrap();
            })
        };
        let id = coordinator.reserve(&request(30)).unwrap();
        assert!(mock.limit() >= OLD + 30);
        coordinator.release(id).unwrap();
        guard.join().unwrap();
        ticket.join().unwrap();
        assert_eq!((mock.limit(), coordinator.old_limit()), (OLD, 0));
    });
}
