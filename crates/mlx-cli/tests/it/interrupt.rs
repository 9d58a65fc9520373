//! Ctrl-C: nothing half-written is left, and the program ends as the signal ends others.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{command, smollm2};

/// `SIGINT` on all systems.
const INTERRUPT: i32 = 2;

fn interrupt(program: &Child) {
    assert!(Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap().success());
}

/// Waits until it holds, for a minute at most.
fn wait_until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn files(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Runs until something is in `folder` beside what was there, then interrupts.
#[track_caller]
fn leaves_nothing(arguments: &[&str], folder: &Path) {
    let before = files(folder);
    let mut program = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| files(folder).len() > before.len() || program_has_ended(&program));
    interrupt(&program);
    let mut told = String::new();
    program.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    let status = program.wait().unwrap();
    assert_eq!((status.signal(), &told[..]), (Some(INTERRUPT), ""), "{status}");
    assert_eq!(files(folder), before);
}

/// Whether a program has ended, and waits for its parent.
fn program_has_ended(program: &Child) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", program.id()));
    state.is_ok_and(|state| state.contains(") Z "))
}

#[test]
fn vectors_that_are_written_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.jsonl");
    fs::write(&texts, "\"a b c d e f g\"\n".repeat(300_000)).unwrap();
    let model = format!("{}/../mlx-embed/tests/golden/bert", env!("CARGO_MANIFEST_DIR"));
    let output = folder.path().join("out.jsonl");
    let [texts, output] = [&texts, &output].map(|path| path.to_str().unwrap());
    leaves_nothing(&["embed", "--model", &model, "--file", texts, "--output", output], folder.path());
}

#[test]
fn sound_that_is_written_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "A bed. A bee. ".repeat(3000)).unwrap();
    let model = format!("{}/../mlx-audio/tests/golden/kokoro", env!("CARGO_MANIFEST_DIR"));
    let output = folder.path().join("out.wav");
    let [text, output] = [&text, &output].map(|path| path.to_str().unwrap());
    let speak = ["speak", "--model", &model, "--file", text, "--voice", "af_one", "--output", output];
    leaves_nothing(&speak, folder.path());
}

#[test]
fn a_checkpoint_that_is_written_goes_away() {
    let Some(model) = smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new").display().to_string();
    let convert = ["convert", "--model", &model, "--mlx-path", &new, "-d", "--dtype", "float32"];
    leaves_nothing(&convert, folder.path());
}

#[test]
fn a_text_ends_with_its_statistics() {
    let Some(model) = smollm2() else { return };
    let story =
        ["generate", "--model", &model, "--prompt", "Tell me a story.", "--max-tokens", "2000", "--json"];
    let mut program = command(&story).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    interrupt(&program);
    let last: serde_json::Value = serde_json::from_str(&lines.last().unwrap().unwrap()).unwrap();
    assert_eq!(last["finish_reason"], "interrupted");
    assert!(last["generation_tokens"].as_u64() > Some(0), "{last}");
    assert_eq!(program.wait().unwrap().signal(), Some(INTERRUPT));
}

#[test]
fn an_answer_ends_and_the_conversation_goes_on() {
    let Some(model) = smollm2() else { return };
    let mut program = command(&["chat", "--model", &model, "--max-tokens", "2000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = program.stdin.take().unwrap();
    let mut answers = program.stdout.take().unwrap();
    lines.write_all(b"Tell me a long story.\n").unwrap();
    answers.read_exact(&mut [0; 4]).unwrap();
    interrupt(&program);
    lines.write_all(b"r\nWhat is the capital of France?\n").unwrap();
    drop(lines);
    let mut rest = String::new();
    answers.read_to_string(&mut rest).unwrap();
    assert!(program.wait().unwrap().success());
    assert!(rest.ends_with("\nThe capital of France is Paris.\n"), "{rest}");
}
