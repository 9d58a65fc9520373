//! How models come and go, and how a server ends.

use std::time::Duration;

use crate::client::Client;
use crate::site::{Site, model, options, question};

#[test]
fn a_model_is_loaded_when_it_is_asked_for_and_unloaded_when_it_is_not() {
    let mut options = options();
    options.limits.idle = Some(Duration::from_millis(200));
    let site = Site::open(options);
    assert_eq!(site.state()["state"], "unloaded");
    let first = site.ask(&question("Well?", 4)).content();
    assert_eq!(site.state()["state"], "ready");
    site.wait_until(|state| state["state"] == "unloaded");
    assert_eq!(site.ask(&question("Well?", 4)).content(), first);
}

#[test]
fn models_answer_beside_each_other_by_their_names() {
    let mut options = options();
    options.models.push(model("twin"));
    let site = Site::open(options);
    let mut asked = question("Well?", 300);
    let mut clients: Vec<_> = ["tiny", "twin", "tiny", "twin"]
        .into_iter()
        .map(|name| {
            asked["model"] = name.into();
            let mut client = site.client();
            client.ask("POST", "/v1/chat/completions", asked.to_string().as_bytes(), "");
            (name, client)
        })
        .collect();
    let answers: Vec<_> = clients.iter_mut().map(|(name, client)| (*name, client.read())).collect();
    for (name, answer) in &answers {
        assert_eq!(answer.json()["model"], *name);
        assert_eq!(answer.content(), answers[0].1.content());
    }
    let listed = site.client().get("/v1/models").json();
    assert_eq!((&listed["data"][1]["id"], &listed["data"][1]["task"]), (&"twin".into(), &"see".into()));
    assert_eq!(site.client().get("/v1/models/twin").json()["id"], "twin");
    assert_eq!(site.client().get("/v1/models/other").status, 404);
}

#[test]
fn a_server_that_ends_finishes_what_it_has_begun() {
    let mut site = Site::open(options());
    let expected = site.ask(&question("Go on.", 400)).content();
    let mut client = site.client();
    client.ask(
        "POST",
        "/v1/chat/completions",
        question("Go on.", 400).to_string().as_bytes(),
        "connection: close\r\n",
    );
    site.wait_until(|state| state["running"] == 1);
    site.close();
    assert_eq!(client.read().content(), expected);
    assert!(site.join() < Duration::from_secs(10));
}

#[test]
fn a_server_that_ends_breaks_off_what_takes_too_long() {
    let mut options = options();
    options.limits.grace = Duration::from_millis(300);
    let mut site = Site::open(options);
    let mut asked = question("All.", 4000);
    asked["stream"] = true.into();
    let mut client: Client = site.client();
    client.ask("POST", "/v1/chat/completions", asked.to_string().as_bytes(), "connection: close\r\n");
    client.read_head();
    site.close();
    let answer: Vec<u8> = std::iter::from_fn(|| client.read_piece()).flatten().collect();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("the server is ending") || answer.contains("\"finish_reason\":\"length\""));
    assert!(site.join() < Duration::from_secs(5));
}

#[test]
fn beginnings_of_prompts_outlive_the_model_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.limits.prompt_cache_dir = Some(folder.path().to_owned());
    let asked = question("Once upon a time, in a land far away", 8);
    let mut first = Site::open(options.clone());
    let answer = first.ask(&asked).content();
    first.close();
    first.join();
    let second = Site::open(options);
    let again = second.ask(&asked);
    let cached = again.json()["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached > 30, "{cached}");
    assert_eq!(again.content(), answer);
}
