//! Values that stay on a thread of their own.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;

use mlx_core::{Array, Error, Freeze, Kind, Owner, Result, Thaw};

fn failure() -> Error {
    Array::from([1, 2]).item::<i32>().unwrap_err()
}

fn counter() -> Owner<Rc<Cell<i32>>> {
    Owner::spawn(|| Ok::<_, Error>(Rc::new(Cell::new(0)))).unwrap()
}

fn add(n: &mut Rc<Cell<i32>>) -> Result<i32> {
    n.set(n.get() + 1);
    Ok(n.get())
}

#[test]
fn an_owner_may_be_sent_and_shared_whatever_it_owns() {
    fn check<T: Send + Sync>() {}
    check::<Owner<Rc<Array>>>();
}

#[test]
fn arrays_of_an_owner_are_used_from_any_thread() {
    let owner = Arc::new(Owner::spawn(|| Array::arange(0..10)?.reshape([2, 5])).unwrap());
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let owner = Arc::clone(&owner);
            thread::spawn(move || {
                for _ in 0..20 {
                    let sum = owner.run(move |x| (&*x * n)?.sum(..)?.item::<i32>()).unwrap();
                    assert_eq!(sum, 45 * n);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn data_go_in_and_out_of_an_owner_frozen() {
    let owner = Owner::spawn(|| Ok::<_, Error>(Array::from([1, 2]))).unwrap();
    let input = Array::from([10, 20]).freeze().unwrap();
    let output = owner.run(move |x| (&*x + input.thaw()?)?.freeze()).unwrap();
    assert_eq!(output.thaw().unwrap().to_vec::<i32>().unwrap(), [11, 22]);
}

#[test]
fn what_cannot_be_built_is_an_error() {
    let error = Owner::<Array>::spawn(|| Err(failure())).unwrap_err();
    assert_eq!(error.op(), "item");
    let caught = catch_unwind(|| Owner::<Array>::spawn(|| -> Result<Array> { panic!("while building") }));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "while building");
}

#[test]
fn errors_of_a_job_come_back_and_leave_the_owner_usable() {
    let owner = counter();
    assert_eq!(owner.run(|_| Err::<(), _>(failure())).unwrap_err().op(), "item");
    assert_eq!(owner.run(add).unwrap(), 1);
}

#[test]
fn a_panic_of_a_job_comes_back_and_leaves_the_owner_usable() {
    let owner = counter();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        owner.run(|n| -> Result<()> {
            n.set(7);
            panic!("in a job")
        })
    }));
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "in a job");
    assert_eq!(owner.run(add).unwrap(), 8);
}

#[test]
fn queued_jobs_run_in_order() {
    let owner = counter();
    let pending: Vec<_> = (0..100).map(|_| owner.queue(add)).collect();
    let results: Vec<_> = pending.into_iter().map(|job| job.wait().unwrap()).collect();
    assert_eq!(results, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_queued_job_runs_though_nobody_waits() {
    let owner = counter();
    for _ in 0..10 {
        drop(owner.queue(add));
    }
    drop(owner.queue(|_| -> Result<()> { panic!("unseen") }));
    assert_eq!(owner.run(add).unwrap(), 11);
}

#[test]
fn results_that_panic_when_dropped_do_not_end_the_owner() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let owner = counter();
    let (go, wait) = channel::<()>();
    drop(owner.queue(move |_| {
        let _ = wait.recv();
        Ok::<_, Error>(Loud)
    }));
    go.send(()).unwrap();
    assert_eq!(owner.run(add).unwrap(), 1);
}

#[test]
fn dropping_an_owner_waits_for_its_jobs_and_its_value() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    struct Last(Array);
    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!((&self.0 + 1).unwrap().item::<i32>().unwrap(), 2);
            DONE.fetch_add(1, Ordering::SeqCst);
        }
    }
    let owner = Owner::spawn(|| Ok::<_, Error>(Last(Array::from(1)))).unwrap();
    for _ in 0..20 {
        drop(owner.queue(|last| {
            DONE.fetch_add(1, Ordering::SeqCst);
            last.0.eval()
        }));
    }
    drop(owner);
    assert_eq!(DONE.load(Ordering::SeqCst), 21);
}

#[test]
fn a_job_cannot_wait_for_its_own_owner() {
    let owner = Arc::new(counter());
    let inner = Arc::clone(&owner);
    let error = owner.run(move |_| inner.run(add)).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Thread, "owner"));
    assert_eq!(error.message(), "a job cannot wait for another job of its owner: use queue");
    let inner = Arc::clone(&owner);
    assert_eq!(owner.run(move |_| inner.queue(add).wait()).unwrap_err().kind(), Kind::Thread);
    let inner = Arc::clone(&owner);
    let later = owner.run(move |_| Ok::<_, Error>(inner.queue(add))).unwrap();
    assert_eq!(later.wait().unwrap(), 2);
}

#[test]
fn the_last_handle_may_be_dropped_on_the_owners_thread() {
    let owner = Arc::new(counter());
    let (handed, wait) = channel::<Arc<Owner<Rc<Cell<i32>>>>>();
    let job = owner.queue(move |n| {
        drop(wait.recv());
        add(n)
    });
    handed.send(owner).unwrap();
    assert_eq!(job.wait().unwrap(), 1);
}

#[test]
fn an_owner_may_be_static() {
    static OWNER: OnceLock<Owner<Array>> = OnceLock::new();
    let owner = || OWNER.get_or_init(|| Owner::spawn(|| Ok::<_, Error>(Array::from([1, 2]))).unwrap());
    let there = thread::spawn(move || owner().run(|x| x.sum(..)?.item::<i32>()).unwrap());
    assert_eq!(there.join().unwrap(), 3);
    assert_eq!(owner().run(|x| x.max(..)?.item::<i32>()).unwrap(), 2);
}

#[test]
fn an_owner_can_own_what_other_owners_gave() {
    let first = Owner::spawn(|| Array::arange(0..5)).unwrap();
    let data = first.run(|x| x.freeze()).unwrap();
    let second = Owner::spawn(move || data.thaw()).unwrap();
    drop(first);
    assert_eq!(second.run(|x| x.to_vec::<i32>()).unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn an_error_of_another_type_passes() {
    #[derive(Debug)]
    struct Mine(String);
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self(error.to_string())
        }
    }
    let owner = Owner::spawn(|| Ok::<_, Mine>(())).unwrap();
    let error = owner.run(|()| Err::<(), _>(Mine("so".to_owned()))).unwrap_err();
    assert_eq!(error.0, "so");
}
