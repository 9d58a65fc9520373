//! Tickets and guards in thread-local values, at the end of a thread and of the program.

use std::cell::RefCell;
use std::process::Command;
use std::thread;

use mlx_core::{Array, eval};
use mlx_memory::{Bytes, Ticket, TicketKind, Wired, WiredLimitGuard};

const ENDS: &str = "MLX_MEMORY_TEST_ENDS";

thread_local! {
    static KEPT: RefCell<(Option<Ticket>, Option<WiredLimitGuard<'static>>)> = const { RefCell::new((None, None)) };
}

fn keep() {
    KEPT.with(|kept| assert!(kept.borrow().0.is_none()));
    eval([&(Array::from(1.0) + 1.0).unwrap()]).unwrap();
    let ticket = Wired::request(Bytes::mib(1)).kind(TicketKind::Reserved).reserve().unwrap();
    let guard = WiredLimitGuard::install(Bytes::mib(1), &[]).unwrap();
    KEPT.with(|kept| *kept.borrow_mut() = (Some(ticket), guard));
}

#[test]
fn a_thread_that_ends_gives_back_what_it_holds() {
    thread::spawn(keep).join().unwrap();
    while Wired::status().guards > 0 || Wired::status().reserved > 0 {
        thread::yield_now();
    }
}

/// What the other test runs in a process of its own. It ends the process from the thread that holds a guard.
#[test]
fn a_program_that_ends_with_a_guard() {
    if std::env::var_os(ENDS).is_some() {
        keep();
        std::process::exit(0);
    }
}

#[test]
fn a_program_that_ends_while_a_guard_lives_ends_well() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "exit::a_program_that_ends_with_a_guard", "--test-threads=1"]);
    let output = command.env(ENDS, "1").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
