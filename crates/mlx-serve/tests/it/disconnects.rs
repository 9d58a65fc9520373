//! Clients that go away, are slow, or come when there is no room.

use std::time::{Duration, Instant};

use mlx_memory::Bytes;
use serde_json::json;

use crate::site::{Site, options, question};

/// Longer than any test.
const ENDLESS: usize = 4000;

fn idle(state: &serde_json::Value) -> bool {
    state["running"] == 0 && state["waiting"] == 0
}

#[test]
fn a_text_whose_reader_has_gone_is_not_written_on() {
    let site = Site::open(options());
    let mut asked = question("Tell me all.", ENDLESS);
    asked["stream"] = true.into();
    let mut client = site.client();
    client.ask("POST", "/v1/chat/completions", asked.to_string().as_bytes(), "");
    client.read_head();
    client.read_piece();
    site.wait_until(|state| state["running"] == 1);
    drop(client);
    site.wait_until(idle);
    assert!(site.client().get("/metrics").text().contains("mlx_cancelled_total{model=\"tiny\"} 1"));
}

#[test]
fn an_answer_that_comes_at_once_is_not_written_for_a_client_that_has_gone() {
    let site = Site::open(options());
    let mut client = site.client();
    client.ask("POST", "/v1/chat/completions", question("All.", ENDLESS).to_string().as_bytes(), "");
    site.wait_until(|state| state["running"] == 1);
    drop(client);
    site.wait_until(idle);
}

#[test]
fn a_long_prompt_whose_client_has_gone_is_not_read_on() {
    let mut options = options();
    options.limits.prefill_step = 1;
    let site = Site::open(options);
    site.ask(&question("Well?", 1));
    // A prompt of several answers is read by itself.
    for answers in [1, 2] {
        let mut asked = question(&"word ".repeat(600), 1);
        asked["n"] = answers.into();
        let mut client = site.client();
        client.ask("POST", "/v1/chat/completions", asked.to_string().as_bytes(), "");
        site.wait_until(|state| state["running"] == 1);
        let begun = Instant::now();
        drop(client);
        site.wait_until(idle);
        assert!(begun.elapsed() < Duration::from_secs(1), "{answers}: {:?}", begun.elapsed());
    }
}

#[test]
fn one_who_waits_and_goes_leaves_the_queue() {
    let mut options = options();
    options.limits.concurrency = 1;
    let site = Site::open(options);
    let mut first = site.client();
    first.ask("POST", "/v1/chat/completions", question("All.", ENDLESS).to_string().as_bytes(), "");
    site.wait_until(|state| state["running"] == 1);
    let mut second = site.client();
    second.ask("POST", "/v1/chat/completions", question("More.", 4).to_string().as_bytes(), "");
    site.wait_until(|state| state["waiting"] == 1);
    drop(second);
    site.wait_until(|state| state["waiting"] == 0);
    drop(first);
    site.wait_until(idle);
    assert_eq!(site.ask(&question("Well?", 2)).status, 200);
}

#[test]
fn when_too_many_wait_the_next_is_told_when_to_come_again() {
    let mut options = options();
    (options.limits.concurrency, options.limits.queue) = (1, 1);
    let site = Site::open(options);
    let mut clients: Vec<_> = (0..2).map(|_| site.client()).collect();
    clients[0].ask("POST", "/v1/chat/completions", question("All.", ENDLESS).to_string().as_bytes(), "");
    site.wait_until(|state| state["running"] == 1);
    clients[1].ask("POST", "/v1/chat/completions", question("More.", 4).to_string().as_bytes(), "");
    site.wait_until(|state| state["waiting"] == 1);
    let refused = site.ask(&question("Well?", 2));
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    drop(clients.remove(0));
    assert_eq!(clients[0].read().status, 200);
}

#[test]
fn texts_for_which_there_is_no_memory_wait_for_those_that_hold_it() {
    let mut options = options();
    options.limits.prompt_cache = Bytes::ZERO;
    options.limits.prefill_step = 256;
    options.limits.memory = Some(Bytes::mib(8));
    let site = Site::open(options);
    let most = site.ask(&question("Well?", 2));
    assert_eq!(most.status, 200, "{}", most.text());
    let mut clients: Vec<_> = (0..12).map(|_| site.client()).collect();
    for client in &mut clients {
        client.ask("POST", "/v1/chat/completions", question("All.", 2000).to_string().as_bytes(), "");
    }
    site.wait_until(|state| state["waiting"].as_u64() > Some(0));
    clients.iter_mut().for_each(|client| assert_eq!(client.read().status, 200));
    let never = site
        .ask(&json!({"messages": [{"role": "user", "content": "All."}], "n": 128, "max_tokens": ENDLESS}));
    assert_eq!(never.status, 400, "{}", never.text());
    assert!(never.text().contains("of memory"), "{}", never.text());
}

#[test]
fn a_slow_reader_holds_up_nobody() {
    let site = Site::open(options());
    let mut asked = question("Tell me all.", 2000);
    asked["stream"] = true.into();
    let mut slow = site.client();
    slow.ask("POST", "/v1/chat/completions", asked.to_string().as_bytes(), "");
    slow.read_head();
    for n in 0..5 {
        assert_eq!(site.ask(&question(&format!("And {n}?"), 4)).status, 200);
    }
    site.wait_until(idle);
    // All of it is there for the slow one.
    let mut pieces = 0;
    while slow.read_piece().is_some() {
        pieces += 1;
    }
    assert!(pieces > 100, "{pieces}");
}
