//! Conversations: what is run again after a change, and what is remembered after anything that may happen.

mod decoder;
mod families;
mod parts;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mlx_core::Array;
use mlx_lm::chat::Finished;
use mlx_lm::sampling::{History, Processor};
use mlx_lm::{
    ChatEvent, ChatSession, ChatStats, ChatStream, Error, GenerateOptions, LanguageModel, Processors,
    PromptProgress, Sampler, Speculation,
};
use mlx_text::Message;

use decoder::{KINDS, Kind, model, options, run_by};

fn session(model: &LanguageModel) -> ChatSession<'_> {
    ChatSession::new(model).unwrap().system("You are small.").options(options()).unwrap()
}

fn finished(events: &[ChatEvent]) -> &Finished {
    match events.last() {
        Some(ChatEvent::Finished(finished)) => finished,
        other => panic!("an answer ends with {other:?}"),
    }
}

fn all(stream: ChatStream<'_, '_>) -> Vec<ChatEvent> {
    stream.map(|event| event.unwrap()).collect()
}

/// Answers to the end.
fn stats(stream: ChatStream<'_, '_>) -> ChatStats {
    finished(&all(stream)).stats.clone()
}

/// What a new session remembers after it has answered the same messages.
fn fresh(model: &LanguageModel, history: &[Message]) -> Vec<u32> {
    let mut session = session(model);
    *session.history_mut() = history.to_vec();
    all(session.reply().unwrap());
    session.remembered()
}

/// The tokens of messages, up to where an answer begins.
fn prompt(model: &LanguageModel, history: &[Message]) -> Vec<u32> {
    model.chat(history).unwrap()
}

/// The tokens of messages alone.
fn tokens(model: &LanguageModel, history: &[Message]) -> usize {
    prompt(model, history).len() - prompt(model, &[]).len()
}

#[test]
fn after_an_edit_of_the_last_message_only_what_changed_is_run() {
    for kind in KINDS {
        let model = model(kind);
        let mut chat = session(&model);
        all(chat.send("The first question, which is rather long").unwrap());
        all(chat.send("The second question").unwrap());
        let mut edited = chat.history()[..4].to_vec();
        edited[3] = Message::user("The second thought");
        *chat.history_mut() = edited.clone();

        let (run, stats) = run_by(|| stats(chat.reply().unwrap()));
        let whole = prompt(&model, &edited).len();
        // Tokens can be taken back one by one, or there is a state from before the last message.
        let cached = match kind {
            Kind::Full => tokens(&model, &edited[..3]) + 1 + "user\nThe second ".len(),
            _ => tokens(&model, &edited[..3]),
        };
        assert_eq!(stats.cached_tokens, cached, "{kind:?}");
        assert_eq!(stats.prefilled_tokens, whole - cached, "{kind:?}");
        let new = chat.remembered().len() - whole;
        assert_eq!(run, stats.prefilled_tokens + new, "{kind:?}");
        assert_eq!(chat.remembered(), fresh(&model, &edited), "{kind:?}");
    }
}

#[test]
fn the_next_turn_runs_only_the_new_message() {
    for kind in KINDS {
        let model = model(kind);
        let mut chat = session(&model);
        for question in ["One", "Two, a longer one", "Three"] {
            let remembered = chat.remembered().len();
            let before = chat.history().to_vec();
            let (run, stats) = run_by(|| stats(chat.send(question).unwrap()));
            let (prompt, now) =
                (prompt(&model, &chat.history()[..before.len() + 1]), chat.remembered().len());
            assert_eq!(stats.cached_tokens, remembered, "{kind:?} {question}");
            assert_eq!(stats.cached_tokens + stats.prefilled_tokens, prompt.len(), "{kind:?} {question}");
            assert_eq!(run, now - remembered, "{kind:?} {question}");
            let asked = &chat.history()[..before.len() + 1];
            assert_eq!(chat.remembered(), fresh(&model, asked), "{kind:?} {question}");
        }
    }
}

#[test]
fn drafted_answers_are_the_same_and_leave_the_same_to_remember() {
    let speculation = Some(Speculation::PromptLookup { max_ngram: 2, tokens: 5 });
    for kind in KINDS {
        let model = model(kind);
        for steps in [usize::MAX, 4] {
            let [plain, drafted] = [None, speculation].map(|speculation| {
                let options = GenerateOptions { speculation, sampler: Sampler::greedy(), ..options() };
                let mut chat = session(&model).options(options).unwrap();
                for question in ["abcabcabc", "One, two, one, two", "Three"] {
                    chat.send(question).unwrap().take(steps).for_each(|event| drop(event.unwrap()));
                }
                chat.history().to_vec()
            });
            assert_eq!(plain, drafted, "{kind:?} {steps}");
        }
    }
}

#[test]
fn a_prompt_that_is_cancelled_half_way_is_run_from_there_or_before_by_the_next_turn() {
    for kind in KINDS {
        let model = model(kind);
        let told = Arc::new(Mutex::new(Vec::new()));
        let ledger = Arc::clone(&told);
        let progress = PromptProgress::new(move |done, all| {
            let mut told = ledger.lock().unwrap();
            told.push((done, all));
            if told.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let options = GenerateOptions { prompt_progress: Some(progress), prefill_step: 5, ..options() };
        let mut chat = session(&model).options(options).unwrap();
        let error = chat.send("A question that is long enough").err().unwrap();
        assert!(matches!(error, Error::Cancelled), "{error}");
        let all_tokens = told.lock().unwrap()[0].1;
        assert_eq!(*told.lock().unwrap(), [(5, all_tokens), (10, all_tokens)]);
        assert_eq!(chat.history().len(), 1, "{kind:?}");

        all(chat.send("A question that is long enough").unwrap());
        assert_eq!(told.lock().unwrap().last(), Some(&(all_tokens - 1, all_tokens)));
        let history = chat.history()[..2].to_vec();
        assert_eq!(chat.remembered(), fresh(&model, &history), "{kind:?}");
    }
}

#[test]
fn another_answer_to_the_same_messages_runs_one_token_of_them() {
    for kind in KINDS {
        let model = model(kind);
        let mut chat = session(&model);
        all(chat.send("One").unwrap());
        let first = chat.remembered();
        let answer = chat.history_mut().pop();
        let stats = stats(chat.reply().unwrap());
        assert_eq!(stats.prefilled_tokens, 1, "{kind:?}");
        assert_eq!((chat.remembered(), chat.history().last()), (first, answer.as_ref()), "{kind:?}");
    }
}

#[test]
fn history_that_is_cut_or_replaced_is_answered_as_in_a_new_session() {
    for kind in KINDS {
        let model = model(kind);
        let mut chat = session(&model);
        for question in ["One", "Two", "Three"] {
            all(chat.send(question).unwrap());
        }
        chat.history_mut().truncate(4);
        let cut = chat.history().to_vec();
        all(chat.reply().unwrap());
        assert_eq!(chat.remembered(), fresh(&model, &cut), "{kind:?}");
        let other = vec![Message::user("Something else"), Message::assistant("yes"), Message::user("Go on")];
        *chat.history_mut() = other.clone();
        let stats = stats(chat.reply().unwrap());
        assert!(stats.cached_tokens <= 1, "{kind:?}: {}", stats.cached_tokens);
        assert_eq!(chat.remembered(), fresh(&model, &other), "{kind:?}");
    }
}

#[test]
fn an_answer_that_is_dropped_at_any_step_leaves_what_was_shown() {
    for kind in KINDS {
        let model = model(kind);
        for steps in [0, 1, 3, 100] {
            let mut chat = session(&model);
            all(chat.send("One").unwrap());
            let before = chat.history().len();
            let mut stream = chat.send("Two").unwrap();
            let mut shown = String::new();
            for event in stream.by_ref().take(steps) {
                if let ChatEvent::Text(text) = event.unwrap() {
                    shown.push_str(&text);
                }
            }
            drop(stream);
            let answers: Vec<_> = chat.history()[before + 1..].iter().map(|m| m.text().unwrap()).collect();
            let expected: &[&str] = if shown.is_empty() && steps < 100 { &[] } else { &[&shown] };
            assert_eq!(answers, expected, "{kind:?} {steps}");
            let mut asked = chat.history().to_vec();
            all(chat.send("Three").unwrap());
            asked.push(Message::user("Three"));
            assert_eq!(chat.remembered(), fresh(&model, &asked), "{kind:?} {steps}");
        }
    }
}

#[test]
fn a_message_that_cannot_be_sent_is_not_taken_up() {
    let model = model(Kind::Full);
    let mut chat = session(&model);
    all(chat.send("One").unwrap());
    let (history, remembered) = (chat.history().to_vec(), chat.remembered().to_vec());
    let error = chat.send(Message::new("nobody", "Two")).err().unwrap().to_string();
    assert!(error.starts_with("chat template: nobody speaks"), "{error}");
    assert_eq!((chat.history(), chat.remembered()), (&history[..], remembered));
}

#[test]
fn options_of_the_cache_count_in_a_conversation() {
    let model = model(Kind::Full);
    let cache = mlx_lm::cache::CacheOptions { max_kv_size: Some(32), keep: 4, ..Default::default() };
    let options = GenerateOptions { cache, ..options() };
    let mut chat = ChatSession::new(&model).unwrap().options(options.clone()).unwrap();
    all(chat.send("The first question, which is rather long").unwrap());
    all(chat.send("Two").unwrap());
    let mut edited = chat.history()[..3].to_vec();
    edited[2] = Message::user("Another");
    *chat.history_mut() = edited.clone();
    let stats = stats(chat.reply().unwrap());
    assert_eq!(stats.cached_tokens, tokens(&model, &edited[..2]));
    let mut other = ChatSession::new(&model).unwrap().options(options).unwrap();
    *other.history_mut() = edited;
    all(other.reply().unwrap());
    assert_eq!(chat.remembered(), other.remembered());
}

#[test]
fn an_answer_that_fails_is_forgotten_and_the_conversation_goes_on() {
    for kind in KINDS {
        let model = model(kind);
        let broken = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&broken);
        let fails = Processor::new(move |history: &History, scores: &Array| {
            match flag.load(Ordering::Relaxed) && history.new_tokens() == 3 {
                true => Err(mlx_core::Error::custom("test", "broken")),
                false => Ok(scores.clone()),
            }
        });
        let processors = Processors { custom: vec![fails], ..Processors::default() };
        let options = GenerateOptions { processors, ..options() };
        let mut chat = session(&model).options(options).unwrap();
        all(chat.send("One").unwrap());
        broken.store(true, Ordering::Relaxed);
        let events: Vec<_> = chat.send("Two").unwrap().collect();
        assert!(events.last().unwrap().is_err() && events[..events.len() - 1].iter().all(Result::is_ok));
        broken.store(false, Ordering::Relaxed);
        let mut asked = chat.history().to_vec();
        assert_eq!(asked.len(), 5, "{kind:?}");
        all(chat.send("Three").unwrap());
        asked.push(Message::user("Three"));
        assert_eq!(chat.remembered(), fresh(&model, &asked), "{kind:?}");
    }
}
