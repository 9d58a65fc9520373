//! What is refused at the door.

use mlx_serve::{Error, Server};
use serde_json::json;

use crate::site::{Site, options, question};

#[test]
fn bodies_that_are_no_requests_are_refused_in_one_line() {
    let mut options = options();
    options.limits.body = 1 << 20;
    let site = Site::open(options);
    for (body, status, says) in [
        (b"{\"messages\": [".to_vec(), 400, "not JSON"),
        (b"[]".to_vec(), 400, "no JSON object"),
        (b"{\"messages\": [{\"role\": \"user\", \"content\": \"\xff\xfe\"}]}".to_vec(), 400, "not JSON"),
        (b"{}".to_vec(), 400, "messages"),
        (b"{\"messages\": []}".to_vec(), 400, "no messages"),
        (
            b"{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"temperature\": \"hot\"}".to_vec(),
            400,
            "temperature",
        ),
        (
            b"{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"model\": \"../../etc\"}".to_vec(),
            404,
            "not served",
        ),
        (vec![b' '; 10 << 20], 413, "larger"),
    ] {
        let mut client = site.client();
        client.ask("POST", "/v1/chat/completions", &body, "");
        let refused = client.read();
        assert_eq!(refused.status, status, "{refused:?}");
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says) && !message.contains('\n'), "{message}");
    }
    assert_eq!(site.client().get("/nothing").status, 404);
    assert_eq!(site.client().get("/v1/chat/completions").status, 405);
}

#[test]
fn without_one_of_the_keys_nothing_is_answered_but_health() {
    let mut options = options();
    options.api_keys = vec!["first".into(), "second".into()];
    let site = Site::open(options);
    let asked = question("Hi", 1).to_string();
    for (header, status) in [
        ("", 401),
        ("authorization: Bearer third\r\n", 401),
        ("authorization: Bearer firs\r\n", 401),
        ("authorization: Bearer second\r\n", 200),
        ("x-api-key: first\r\n", 200),
    ] {
        let mut client = site.client();
        client.ask("POST", "/v1/chat/completions", asked.as_bytes(), header);
        assert_eq!(client.read().status, status, "{header}");
    }
    assert_eq!(site.client().get("/health").status, 200);
    assert_eq!(site.client().get("/metrics").status, 401);
}

#[test]
fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let mut options = options();
    options.allowed_origins = vec!["https://good.example".into()];
    let site = Site::open(options);
    for (header, status) in [
        ("origin: https://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("origin: https://good.example\r\n", 200),
        ("origin: http://localhost\r\n", 200),
    ] {
        let mut client = site.client();
        client.ask("POST", "/v1/chat/completions", question("Hi", 1).to_string().as_bytes(), header);
        assert_eq!(client.read().status, status, "{header}");
    }
}

#[test]
fn an_address_that_others_reach_needs_a_key() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(Server::bind("0.0.0.0:0", options())).err().unwrap();
    assert!(matches!(error, Error::Options(_)), "{error}");
    assert!(error.to_string().contains("--api-key"));
}

#[test]
fn options_outside_their_range_name_the_field() {
    let site = Site::open(options());
    for (field, value) in [
        ("n", json!(0)),
        ("n", json!(1000)),
        ("top_logprobs", json!(21)),
        ("tool_choice", json!("required")),
        ("tools", json!([{"name": "no"}])),
        ("functions", json!([])),
        ("messages[0].role", json!(null)),
    ] {
        let mut asked = question("Hi", 1);
        match field {
            "messages[0].role" => asked["messages"][0]["role"] = json!(7),
            _ => asked[field] = value,
        }
        let refused = site.ask(&asked);
        assert_eq!(
            (refused.status, &refused.json()["error"]["param"]),
            (400, &field.into()),
            "{}",
            refused.text()
        );
    }
    for (field, value) in [("temperature", json!(-1)), ("top_p", json!(7)), ("min_p", json!(-2))] {
        let mut asked = question("Hi", 1);
        asked[field] = value;
        assert_eq!(site.ask(&asked).status, 400, "{field}");
    }
}
