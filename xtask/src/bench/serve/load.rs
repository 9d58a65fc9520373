//! Clients that ask a server, and when their tokens came.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::site::Site;

/// How long a client waits for a token.
const PATIENCE: Duration = Duration::from_secs(120);

/// One answer: when each of its tokens came.
pub struct Stream {
    pub tokens: Vec<Instant>,
}

/// Answers within a time.
pub struct Took {
    pub done: Vec<Stream>,
    pub failed: usize,
    pub begun: Instant,
    pub ended: Instant,
}

/// Asks again and again in so many streams, for so long; what was begun then is broken off.
pub fn repeat(site: &Site, streams: usize, time: Duration, tokens: usize) -> Result<Took> {
    let begun = Instant::now();
    let end = begun + time;
    let (mut done, mut failed) = (Vec::new(), 0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..streams)
            .map(|client| {
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    while Instant::now() < end {
                        let words = format!(
                            "Tell me about the number {} and its {} friends.",
                            client * 1000 + answers.len(),
                            client
                        );
                        answers.push(ask(site, &words, tokens, Some(end), false));
                    }
                    answers
                })
            })
            .collect();
        for client in clients {
            for answer in client.join().unwrap_or_default() {
                match answer {
                    Ok(stream) => done.push(stream),
                    Err(error) => {
                        eprintln!("bench: {error:#}");
                        failed += 1;
                    }
                }
            }
        }
    });
    ensure!(!done.is_empty(), "no request was answered");
    Ok(Took { done, failed, begun, ended: end })
}

/// Tokens a second.
pub fn speed(took: &Took) -> f64 {
    let all = took.done.iter().flat_map(|stream| &stream.tokens);
    all.filter(|at| **at <= took.ended).count() as f64 / (took.ended - took.begun).as_secs_f64()
}

/// Streams that go on while a long prompt is read, when that began, and how long it took.
pub fn beside_a_prompt(
    site: &Site,
    streams: usize,
    words: usize,
) -> Result<(Vec<Stream>, Instant, Duration)> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..streams)
            .map(|client| {
                scope.spawn(move || ask(site, &format!("Count to {client} thousand."), 1500, None, true))
            })
            .collect();
        thread::sleep(Duration::from_secs(3));
        let prompt = "word ".repeat(words);
        let begun = Instant::now();
        let first = ask(site, &prompt, 1, None, false)?;
        let reading = first.tokens.first().context("the prompt had no answer")?.duration_since(begun);
        let all = clients
            .into_iter()
            .map(|client| client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?);
        Ok((all.collect::<Result<Vec<_>>>()?, begun, reading))
    })
}

/// Asks for so many tokens, all of them if it goes on and on, and notes when each comes, up to a time.
fn ask(site: &Site, text: &str, tokens: usize, end: Option<Instant>, on_and_on: bool) -> Result<Stream> {
    // The tokens that end a text of SmolLM2.
    let bias = if on_and_on { json!({"0": -100, "2": -100}) } else { json!({}) };
    let body = json!({
        "model": site.model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": true,
        "logit_bias": bias,
    });
    let body = body.to_string();
    let mut stream = TcpStream::connect(site.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next().context("no answer")??;
    ensure!(status.contains(" 200 "), "{status}");
    let mut came = Vec::new();
    for line in lines {
        let line = line?;
        if end.is_some_and(|end| Instant::now() >= end) || line.contains("[DONE]") {
            return Ok(Stream { tokens: came });
        }
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let value: Value = serde_json::from_str(data).with_context(|| data.to_owned())?;
        ensure!(value.get("error").is_none(), "{value}");
        let text = value.pointer("/choices/0/delta/content").and_then(Value::as_str);
        if text.is_some_and(|text| !text.is_empty()) {
            came.push(Instant::now());
        }
    }
    anyhow::bail!("the stream broke off after {} tokens", came.len())
}

/// The number below which this share of the numbers is.
pub fn percentile(numbers: &[f64], share: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_numbers() {
        let numbers: Vec<_> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.5, 0.95, 1.0].map(|share| percentile(&numbers, share)), [50.0, 95.0, 100.0]);
        assert_eq!(percentile(&[7.0], 0.5), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
