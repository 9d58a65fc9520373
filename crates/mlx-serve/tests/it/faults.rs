//! A model that panics, fails or is stuck takes only its own requests with it, and `/health` tells the truth.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use mlx_lm::sampling::Processor;
use mlx_serve::ServerOptions;

use crate::site::{Site, options, question};

/// What the next step does.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicU8>);

const PANIC: u8 = 1;
const FAIL: u8 = 2;
const SLEEP: u8 = 3;

impl Trap {
    fn set(&self, what: u8) {
        self.0.store(what, Ordering::SeqCst);
    }

    fn options(&self) -> ServerOptions {
        let trap = self.0.clone();
        let processor = Processor::new(move |_, scores| match trap.swap(0, Ordering::SeqCst) {
            PANIC => panic!("as the test wants it"),
            FAIL => scores.reshape([1, 2, 3]),
            SLEEP => {
                std::thread::sleep(Duration::from_millis(800));
                Ok(scores.clone())
            }
            _ => Ok(scores.clone()),
        });
        ServerOptions { processors: vec![processor], ..options() }
    }
}

#[test]
fn a_panic_fails_what_was_in_hand_and_the_engine_begins_anew() {
    let trap = Trap::default();
    let site = Site::open(trap.options());
    let before = site.ask(&question("Well?", 8)).content();
    trap.set(PANIC);
    let failed = site.ask(&question("Well?", 8));
    assert_eq!(failed.status, 500);
    assert!(failed.json()["error"]["message"].as_str().unwrap().contains("begins anew"), "{failed:?}");
    assert_eq!(site.ask(&question("Well?", 8)).content(), before);
    let state = site.state();
    assert_eq!((&state["state"], &state["restarts"]), (&"ready".into(), &1.into()), "{state}");
}

#[test]
fn a_failing_step_fails_one_text_and_the_others_are_as_they_would_be() {
    let trap = Trap::default();
    let site = Site::open(trap.options());
    let expected: Vec<_> =
        (0..4).map(|n| site.ask(&question(&format!("Number {n}?"), 200)).content()).collect();
    let mut clients: Vec<_> = (0..4).map(|_| site.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        let asked = question(&format!("Number {n}?"), 200).to_string();
        client.ask("POST", "/v1/chat/completions", asked.as_bytes(), "");
    }
    site.wait_until(|state| state["running"] == 4);
    trap.set(FAIL);
    let answers: Vec<_> = clients.iter_mut().map(crate::client::Client::read).collect();
    let failed = answers.iter().filter(|answer| answer.status == 500).count();
    assert_eq!(failed, 1, "{answers:?}");
    for (answer, expected) in answers.iter().zip(&expected).filter(|(answer, _)| answer.status == 200) {
        assert_eq!(answer.content(), *expected);
    }
    assert_eq!(site.state()["restarts"], 0);
}

#[test]
fn a_stuck_engine_is_told_by_health_and_not_by_the_connection() {
    let trap = Trap::default();
    let mut options = trap.options();
    options.limits.probe = Duration::from_millis(100);
    let site = Site::open(options);
    site.ask(&question("Well?", 2));
    assert_eq!(site.client().get("/health").status, 200);
    trap.set(SLEEP);
    let mut client = site.client();
    client.ask("POST", "/v1/chat/completions", question("Well?", 2).to_string().as_bytes(), "");
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    let health = site.client().get("/health");
    assert_eq!((health.status, &health.json()["models"]["tiny"]["state"]), (503, &"stuck".into()));
    assert!(begun.elapsed() < Duration::from_millis(500));
    assert_eq!(client.read().status, 200);
    assert_eq!(site.client().get("/health").status, 200);
}

#[test]
fn a_model_that_cannot_be_loaded_says_why_and_the_others_answer() {
    let folder = mlx_testkit::Checkpoint::new(serde_json::json!({"model_type": "llama"})).write();
    let mut options = options();
    let broken = format!("broken={}", folder.path().display());
    options.models.push(mlx_serve::ModelOptions::new(&broken).unwrap());
    let site = Site::open(options);
    let mut asked = question("Well?", 2);
    asked["model"] = "broken".into();
    let refused = site.ask(&asked);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(
        refused.json()["error"]["message"].as_str().unwrap().contains("broken cannot be loaded"),
        "{refused:?}"
    );
    let health = site.client().get("/health");
    assert_eq!((health.status, &health.json()["models"]["broken"]["state"]), (503, &"failed".into()));
    assert_eq!(site.ask(&question("Well?", 2)).status, 200);
}
