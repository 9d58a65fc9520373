//! Ten thousand requests that are nearly right: each is answered, and what is right is answered after them.

use fastrand::Rng;
use serde_json::json;

use crate::site::{Site, options, question};

const REQUESTS: usize = 10_000;

/// A body with some bytes changed, cut, doubled or put elsewhere.
fn mutated(rng: &mut Rng, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..body.len().max(1));
        match rng.u8(..6) {
            0 if !body.is_empty() => body[at] = rng.u8(..),
            1 => body.truncate(at.max(1)),
            2 => body.insert(at.min(body.len()), rng.choice(*b"{}[]\",:0-.eE\\u\xf0\x00").unwrap()),
            3 if at < body.len() => drop(body.remove(at)),
            4 => {
                let copied = body[at..(at + rng.usize(..20)).min(body.len())].to_vec();
                let to = rng.usize(..=body.len());
                body.splice(to..to, copied);
            }
            _ => {
                let numbers: [&[u8]; 6] =
                    [b"-1", b"1e999", b"18446744073709551616", b"null", b"true", b"\"\""];
                if let Some(digit) = body.iter().position(u8::is_ascii_digit) {
                    body.splice(digit..=digit, rng.choice(numbers).unwrap().iter().copied());
                }
            }
        }
    }
    body
}

#[test]
fn requests_that_are_nearly_right_are_all_answered() {
    let mut options = options();
    (options.limits.max_tokens, options.limits.body) = (3, 1 << 20);
    let site = Site::open(options);
    let right = site.ask(&question("Well?", 3)).content();
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}});
    let bodies = [
        ("/v1/chat/completions", question("Well?", 3)),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": "b"}]}], "stream": true, "n": 2, "stop": ["x"], "logprobs": true, "top_logprobs": 2, "seed": 5, "max_tokens": 2}),
        ),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": "c"}], "tools": [tool], "tool_choice": "required", "max_tokens": 2}),
        ),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": "d"}], "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}, "max_tokens": 2}),
        ),
        ("/v1/completions", json!({"prompt": ["a", "b"], "max_tokens": 2, "echo": true, "logprobs": 1})),
        ("/v1/embeddings", json!({"input": ["a", "b"]})),
        ("/tokenize", json!({"prompt": "Hello"})),
        ("/detokenize", json!({"tokens": [1, 2, 3]})),
    ];
    let mut rng = Rng::with_seed(11);
    let mut client = site.client();
    let mut answered = std::collections::BTreeMap::new();
    for _ in 0..REQUESTS {
        let (path, body) = &bodies[rng.usize(..bodies.len())];
        let body = mutated(&mut rng, body.to_string().as_bytes());
        client.ask("POST", path, &body, "");
        let response = client.read();
        assert!(response.status < 500, "{path} {}: {response:?}", String::from_utf8_lossy(&body));
        *answered.entry(response.status).or_insert(0) += 1;
        // What could not be read to its end may end the connection.
        if response.head.contains("connection: close") {
            client = site.client();
        }
    }
    assert!(answered[&200] > 500 && answered[&400] > 1000, "{answered:?}");
    assert_eq!(site.ask(&question("Well?", 3)).content(), right);
    assert_eq!(site.state()["restarts"], 0);
}
