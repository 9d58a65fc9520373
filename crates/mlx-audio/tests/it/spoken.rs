//! What real Whispers hear in real recordings, against OpenAI's implementation.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::score::{Errors, normalize};
use mlx_audio::whisper::{TranscribeOptions, Whisper};
use mlx_audio::{Audio, Transcript};
use mlx_hub::Source;
use mlx_testkit::assets;
use serde::Deserialize;

/// What OpenAI's implementation heard in a file with beams of five.
#[derive(Deserialize)]
struct Heard {
    file: String,
    language: String,
    text: String,
    words: Vec<(String, f64, f64)>,
}

struct Case {
    heard: Heard,
    audio: Audio,
    /// What was really said.
    said: String,
}

fn whisper(group: &str) -> Option<Whisper> {
    let model = assets::find(group, "model.bin")?;
    Some(Whisper::load(&Source::path(model.parent()?), None).unwrap())
}

fn cases(group: &str) -> Option<Vec<Case>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{group}.json"));
    let heard: Vec<Heard> = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    heard.into_iter().map(case).collect()
}

fn case(heard: Heard) -> Option<Case> {
    let stem = heard.file.trim_end_matches(".wav");
    let (path, said) = if stem.starts_with("sense") {
        let said = fs::read_to_string(assets::find("librivox", "transcription")?).unwrap();
        let line = said.lines().find(|line| line.contains(stem)).unwrap().to_owned();
        let line = line.replace("<s>", "").replace("</s>", "");
        (assets::find("librivox", &heard.file)?, line.split('(').next().unwrap().to_owned())
    } else {
        let said = fs::read_to_string(assets::find("speech", &format!("{stem}.txt"))?).unwrap();
        (assets::find("speech", &heard.file)?, said)
    };
    Some(Case { audio: open(&path), heard, said })
}

fn open(path: &PathBuf) -> Audio {
    Audio::open_at(path, Whisper::RATE).unwrap()
}

/// How many words were heard otherwise than they were said, as Whisper's normaliser has them.
fn errors(heard: &str, said: &str, language: &str) -> Errors {
    Errors::of_words(&normalize(said, language), &normalize(heard, language))
}

/// The times of words, ours and theirs, where both heard the same.
fn times(found: &Transcript, heard: &Heard) -> Vec<[f64; 4]> {
    let ours: Vec<_> = found.segments.iter().flat_map(|segment| &segment.words).collect();
    let same = |(our, their): &(&&mlx_audio::Word, &(String, f64, f64))| our.word == their.0;
    let pairs = ours.iter().zip(&heard.words).filter(same);
    pairs.map(|(our, their)| [our.start, our.end, their.1, their.2]).collect()
}

/// Hears everything that OpenAI's implementation heard, and compares.
fn compare(group: &str) {
    let (Some(whisper), Some(cases)) = (whisper(group), cases(group)) else { return };
    let options =
        TranscribeOptions { word_timestamps: true, temperature: vec![0.0], ..TranscribeOptions::default() };
    let (mut ours, mut theirs, mut near, mut all) = (Errors::default(), Errors::default(), 0, 0);
    for Case { heard, audio, said } in &cases {
        let found = whisper.transcribe(audio.samples(), &options).unwrap();
        assert_eq!(found.language, heard.language, "{}", heard.file);
        if found.text != heard.text {
            println!("{}: `{}` for `{}`", heard.file, found.text, heard.text);
        }
        ours += errors(&found.text, said, &heard.language);
        theirs += errors(&heard.text, said, &heard.language);
        let times = times(&found, heard);
        all += heard.words.len();
        near += times.iter().filter(|[a, b, c, d]| (a - c).abs() < 0.1 && (b - d).abs() < 0.1).count();
    }
    let rates = format!("error rate {:.4}, theirs {:.4}", ours.rate(), theirs.rate());
    println!("{group}: {rates}; {near} of {all} words within 0.1 s");
    assert!(ours.count() <= theirs.count(), "{rates}");
    assert!(near * 100 >= all * 95, "{near} of {all} words are within 0.1 s");
}

#[test]
fn tiny_hears_no_less_than_in_openais_implementation() {
    compare("whisper-tiny.en");
}

#[test]
fn base_hears_no_less_than_in_openais_implementation_in_four_languages() {
    compare("whisper-base");
}

#[test]
fn a_long_recording_has_all_sentences_in_the_order_of_time() {
    let (Some(whisper), Some(cases)) = (whisper("whisper-tiny.en"), cases("whisper-tiny.en")) else { return };
    let mut samples = Vec::new();
    let mut begins = Vec::new();
    for round in 0..4 {
        for case in cases.iter().filter(|case| case.heard.file.starts_with("sense")) {
            begins.push((samples.len() as f64 / 16_000.0, normalize(&case.said, "en")));
            samples.extend_from_slice(case.audio.samples());
            samples.extend(vec![0.0; 16_000 * (1 + 5 * round)]);
        }
    }
    let options = TranscribeOptions { beam_size: 1, word_timestamps: true, ..TranscribeOptions::default() };
    let found = whisper.transcribe(&samples, &options).unwrap();
    let edges: Vec<_> = found.segments.iter().flat_map(|segment| [segment.start, segment.end]).collect();
    assert!(edges.is_sorted(), "{edges:?}");
    let said = begins.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>().join(" ");
    let rate = errors(&found.text, &said, "en").rate();
    assert!(rate < 0.1, "{rate}: {}", found.text);
    let spoken: Vec<_> = found.segments.iter().flat_map(|segment| &segment.words).collect();
    for (begin, said) in begins {
        let first = said.split(' ').next().unwrap();
        let first = |word: &&mlx_audio::Word| normalize(&word.word, "en") == first;
        let near = spoken.iter().copied().filter(first).any(|word| (word.start - begin).abs() < 1.5);
        assert!(near, "no word at {begin:.1} s begins `{said}`");
    }
}

#[test]
fn a_file_is_heard_as_its_samples_are() {
    let (Some(whisper), Some(cases)) = (whisper("whisper-tiny.en"), cases("whisper-tiny.en")) else { return };
    let Some(case) = cases.into_iter().find(|case| case.heard.file.contains("0890")) else { return };
    let Some(path) = assets::find("librivox", &case.heard.file) else { return };
    let options = TranscribeOptions { beam_size: 1, ..TranscribeOptions::default() };
    let of_samples = whisper.transcribe(case.audio.samples(), &options).unwrap();
    let of_file = whisper.transcription(path.as_path(), &options).unwrap().finish().unwrap();
    assert_eq!(of_file, of_samples);
}

const WHOLE: std::ops::Range<usize> = 0..usize::MAX;

#[test]
fn parts_are_heard_together_as_each_alone() {
    let (Some(whisper), Some(cases)) = (whisper("whisper-tiny.en"), cases("whisper-tiny.en")) else { return };
    let (mut samples, mut parts, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let options = TranscribeOptions { beam_size: 2, word_timestamps: true, ..TranscribeOptions::default() };
    for case in cases.iter().take(3) {
        samples.extend(vec![0.0; 8_000]);
        let start = samples.len();
        samples.extend_from_slice(case.audio.samples());
        parts.push(start..samples.len());
        let whole = std::slice::from_ref(&WHOLE);
        alone.push(whisper.transcribe_parts(case.audio.samples(), whole, 1, &options).unwrap());
    }
    let together = whisper.transcribe_parts(&samples, &parts, 3, &options).unwrap();
    let texts = |found: &Transcript| found.text.clone();
    assert_eq!(together.text, alone.iter().map(texts).collect::<Vec<_>>().join(" "));
    // The second is the least likely, and alone is written again.
    let again = TranscribeOptions { temperature: vec![0.0; 2], logprob_threshold: Some(-0.37), ..options };
    assert_eq!(whisper.transcribe_parts(&samples, &parts, 3, &again).unwrap().text, together.text);
    let (words, begin) = (&together.segments.last().unwrap().words, parts[2].start as f64 / 16_000.0);
    let own = &alone[2].segments.last().unwrap().words;
    assert!((words[0].start - own[0].start - begin).abs() < 0.03, "{words:?} {own:?}");
}

#[test]
fn words_are_certain_while_it_is_still_spoken() {
    let (Some(whisper), Some(cases)) = (whisper("whisper-tiny.en"), cases("whisper-tiny.en")) else { return };
    let case = &cases[0];
    let options = TranscribeOptions { beam_size: 1, temperature: vec![0.0], ..TranscribeOptions::default() };
    let mut live = whisper.live(&options).unwrap();
    let (mut found, mut before_the_end) = (Vec::new(), 0);
    for piece in case.audio.samples().chunks(7_000) {
        found.extend(live.push(piece).unwrap());
        before_the_end = found.len();
    }
    found.extend(live.finish().unwrap());
    let text: String = found.iter().map(|word| word.word.as_str()).collect();
    assert!(errors(&text, &case.said, "en").count() <= 3, "{text}");
    assert!(before_the_end * 2 > found.len(), "{before_the_end} of {} words came early", found.len());
    assert!(found.is_sorted_by_key(|word| (word.start * 100.0) as i64), "{found:?}");
}

#[test]
fn the_language_of_live_speech_is_heard_behind_a_silent_start() {
    let Some(whisper) = whisper("whisper-base") else { return };
    let Some(clip) = assets::find("speech", "es_pangrama.wav") else { return };
    let speech = Audio::open_at(&clip, Whisper::RATE).unwrap().mono();
    let options = TranscribeOptions { beam_size: 1, ..TranscribeOptions::default() };
    let whole = whisper.transcribe(speech.samples(), &options).unwrap();
    let mut live = whisper.live(&options).unwrap();
    let mut found = live.push(&vec![0.0; 2 * Whisper::RATE as usize]).unwrap();
    found.extend(live.push(speech.samples()).unwrap());
    found.extend(live.finish().unwrap());
    let text: String = found.into_iter().map(|word| word.word).collect();
    assert!(errors(&text, &whole.text, "es").count() <= 1, "{text}, not {}", whole.text);
}
