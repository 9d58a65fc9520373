//! What is reported: a limit that somebody else set, and warnings where stderr takes none.

use std::fs::OpenOptions;
use std::process::Command;
use std::time::Duration;

use super::mock::{Fixture, OLD, RECOMMENDED};
use crate::wired::Event;
use crate::wired::backend::Backend;
use crate::wired::coordinator::Coordinator;
use crate::wired::rules::mock::Mock;

fn overwritten(fixture: &Fixture, act: impl FnOnce()) -> Vec<(u64, u64)> {
    let events = fixture.coordinator.events();
    act();
    let heard = std::iter::from_fn(|| events.wait(Duration::ZERO));
    let found = heard.filter_map(|event| match event {
        Event::Overwritten { expected, found } => Some((expected.get(), found.get())),
        _ => None,
    });
    found.collect()
}

#[test]
fn a_limit_that_is_set_past_the_coordinator_is_seen_when_it_is_restored() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    fixture.mock.set_wired_limit(55).unwrap();
    assert_eq!(overwritten(&fixture, || drop(guard)), [(RECOMMENDED, 55)]);
    assert_eq!(fixture.mock.limit(), OLD);
    assert_eq!(
        fixture.warnings(),
        [
            "the wired limit was set to 55 B while it was held at 100 B: set it through a guard or a ticket, or while none \
          lives"
        ]
    );
}

#[test]
fn a_limit_that_is_set_beside_a_guard_is_reported_once() {
    let fixture = Fixture::new();
    let guard = fixture.guard();
    assert_eq!(overwritten(&fixture, || drop(fixture.coordinator.set(55))), [(RECOMMENDED, 55)]);
    assert_eq!(overwritten(&fixture, || drop(guard)), []);
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn a_limit_that_is_set_beside_guards_holds_until_the_last_of_them_goes() {
    let fixture = Fixture::new();
    let first = fixture.guard();
    fixture.coordinator.set(55).unwrap();
    let second = fixture.guard();
    assert_eq!(fixture.mock.limit(), 55);
    drop(first);
    assert_eq!(fixture.mock.limit(), 55);
    drop(second);
    assert_eq!(fixture.mock.limit(), OLD);
}

#[test]
fn a_limit_that_is_set_while_no_guard_lives_is_the_users_own() {
    let fixture = Fixture::new();
    assert_eq!(overwritten(&fixture, || drop(fixture.coordinator.set(55))), []);
    let guard = fixture.guard();
    assert_eq!(overwritten(&fixture, || drop(guard)), []);
    assert_eq!(fixture.mock.limit(), 55);
}

const WARNED: &str = "MLX_MEMORY_TEST_WARNS";

/// What the other test runs in a process of its own: two installs that warn, by the sink of the first hour.
#[test]
fn a_model_that_is_close_to_the_limit_warns_on_stderr() {
    if std::env::var_os(WARNED).is_none() {
        return;
    }
    let mock = Mock::with(OLD, RECOMMENDED);
    let coordinator = Coordinator::new(Box::new(mock));
    for _ in 0..2 {
        assert!(coordinator.enter(99).unwrap());
        coordinator.leave(&[]);
    }
}

fn warned() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "wired::rules::reports::a_model_that_is_close_to_the_limit_warns_on_stderr"]);
    command.args(["--nocapture"]).env(WARNED, "1");
    command
}

#[test]
fn a_warning_is_written_once_and_not_for_every_install() {
    let output = warned().output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.matches("[WARNING] Generating with a model").count(), 1, "{text}");
}

/// `eprintln!` panics there.
#[test]
#[cfg(target_os = "linux")]
fn a_warning_that_stderr_does_not_take_stops_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert!(warned().stderr(full).status().unwrap().success());
}
