//! Models of the hub, downloaded from a server on this machine.

use std::path::Path;
use std::sync::{Arc, Mutex};

use mlx_hub::{Checkpoint, Directory, Progress, Source};

use crate::server::{COMMIT, Server};

const FILES: &[(&str, &str)] = &[
    ("config.json", r#"{"model_type": "llama"}"#),
    ("tokenizer.json", "{}"),
    ("1_Pooling/config.json", "{}"),
    ("chat_template.jinja", "{{ x }}"),
    ("model.safetensors", "weights"),
    ("consolidated.safetensors", "the same weights"),
    ("README.md", "read me"),
    ("voices/a.npz", "voice"),
];

fn source(server: &Server, cache: &Path) -> Source {
    Source::parse("org/name")
        .unwrap()
        .endpoint(&server.endpoint)
        .cache_dir(cache)
        .token("secret")
        .offline(false)
}

fn directory(source: &Source) -> Directory {
    match source.resolve().unwrap() {
        Checkpoint::Directory(directory) => directory,
        Checkpoint::Gguf(gguf) => panic!("{} is a file", gguf.path().display()),
    }
}

#[test]
fn model_is_downloaded_once() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let model = directory(&source(&server, cache.path()));
    assert_eq!(model.path(), cache.path().join("models--org--name/snapshots").join(COMMIT));
    assert_eq!(model.config().unwrap()["model_type"], "llama");
    assert_eq!(std::fs::read_to_string(&model.shards().unwrap()[0]).unwrap(), "weights");
    for name in ["tokenizer.json", "1_Pooling/config.json", "chat_template.jinja"] {
        assert!(model.file(name).is_some(), "{name}");
    }
    for name in ["README.md", "consolidated.safetensors", "voices/a.npz"] {
        assert_eq!(model.file(name), None, "{name}");
    }
    let downloads = server.downloads();
    directory(&source(&server, cache.path()));
    assert_eq!(server.downloads(), downloads);
}

#[test]
fn token_is_sent() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    source(&server, cache.path()).resolve().unwrap();
    assert!(server.requests().iter().all(|head| head.contains("authorization: bearer secret")));
}

#[test]
fn further_files_come_when_included() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let model = directory(&source(&server, cache.path()).include("voices/*.npz"));
    assert!(model.file("voices/a.npz").is_some());
}

#[test]
fn index_decides_which_shards_are_downloaded() {
    let index = r#"{"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}"#;
    let files = [
        ("model.safetensors.index.json", index),
        ("part-1.safetensors", "one"),
        ("part-2.safetensors", "two"),
        ("model.safetensors", "all"),
    ];
    let (server, cache) = (Server::start(&files), tempfile::tempdir().unwrap());
    let model = directory(&source(&server, cache.path()));
    assert_eq!(model.shards().unwrap().len(), 2);
    assert_eq!(model.file("model.safetensors"), None);
}

#[test]
fn progress_ends_with_the_whole_file() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    source(&server, cache.path())
        .progress(move |p: &Progress| log.lock().unwrap().push(p.clone()))
        .resolve()
        .unwrap();
    let last = seen.lock().unwrap().iter().rfind(|progress| progress.file == "model.safetensors").cloned();
    assert_eq!(last, Some(Progress { file: "model.safetensors".into(), done: 7, total: 7 }));
}

#[test]
fn offline_uses_the_cache_only() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let error = source(&server, cache.path()).offline(true).resolve().unwrap_err().to_string();
    let start = "hub model `org/name@main`: offline, and not in the cache";
    assert!(error.starts_with(start) && error.ends_with("go online once, or give a folder"), "{error}");
    assert!(server.requests().is_empty());

    source(&server, cache.path()).resolve().unwrap();
    let requests = server.requests().len();
    let by_branch = directory(&source(&server, cache.path()).offline(true));
    let by_commit = directory(&source(&server, cache.path()).revision(COMMIT).unwrap().offline(true));
    assert_eq!(by_branch.path(), by_commit.path());
    assert_eq!(server.requests().len(), requests);
}

#[test]
fn unreachable_hub_falls_back_to_the_cache() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let unreachable = || source(&server, cache.path()).endpoint("http://127.0.0.1:1");
    let error = unreachable().resolve().unwrap_err().to_string();
    assert!(
        error.contains("the hub cannot be reached") && error.contains("the cache has no copy"),
        "{error}"
    );
    source(&server, cache.path()).resolve().unwrap();
    assert!(directory(&unreachable()).config().is_ok());
}

#[test]
fn refusals_name_the_model_and_the_way_out() {
    let (server, cache) = (Server::start(FILES), tempfile::tempdir().unwrap());
    let resolve = |id: &str| {
        let source =
            Source::parse(id).unwrap().endpoint(&server.endpoint).cache_dir(cache.path()).offline(false);
        source.token("secret").resolve().unwrap_err().to_string()
    };
    let error = resolve("org/other@v2");
    assert!(error.starts_with("hub model `org/other@v2`: the hub has no such model"), "{error}");
    assert!(error.ends_with("set HF_TOKEN"), "{error}");
    assert!(resolve("org/broken").contains("the hub cannot be reached (status 503"));
}

#[test]
fn gated_model_says_what_to_do() {
    let (server, cache) = (Server::start(&[("gated.json", "{}")]), tempfile::tempdir().unwrap());
    let error = source(&server, cache.path()).resolve().unwrap_err().to_string();
    assert!(error.ends_with("the model is gated: accept its terms on its page, and set HF_TOKEN"), "{error}");
}

#[test]
fn transfer_that_breaks_off_is_an_error() {
    let (server, cache) = (Server::start(&[("cut.txt", "abcdefghijklmnop")]), tempfile::tempdir().unwrap());
    let error = source(&server, cache.path()).resolve().unwrap_err().to_string();
    assert!(error.starts_with("hub model `org/name@main`: downloading `cut.txt` failed"), "{error}");
    assert!(source(&server, cache.path()).offline(true).resolve().is_err());
}

#[test]
fn names_that_leave_the_cache_are_refused() {
    let (server, cache) = (Server::start(&[("../../evil.json", "{}")]), tempfile::tempdir().unwrap());
    let error = source(&server, cache.path()).resolve().unwrap_err().to_string();
    assert!(error.contains("lists a file `../../evil.json`, which would leave the cache"), "{error}");
}
