//! A real model against a float32 forward that shares no code with this one.

use mlx_core::{Dtype, Precision};
use mlx_hub::Source;
use mlx_lm::{ChatEvent, ChatSession, FinishReason, GenerateOptions, LanguageModel, Loader, Model};
use mlx_testkit::{assets, relative_rms};
use mlx_text::Message;

fn loader() -> Option<Loader> {
    let path = assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")?;
    Some(Loader::new(Source::path(path)).dtype(Dtype::Float32))
}

/// The model, or `None` with a line that says how to fetch it.
pub(crate) fn model() -> Option<LanguageModel> {
    Some(loader()?.load().unwrap())
}

#[test]
fn paris_has_the_probability_of_the_float_reference() {
    let Some(model) = model() else { return };
    let tokens = model.encode("The capital of France is").unwrap();
    assert_eq!(tokens, [504, 3575, 282, 4649, 314]);
    let scores = model.model().logits(&tokens, &mut model.model().cache()).unwrap().index((0, -1)).unwrap();
    let best = scores.argmax(-1).unwrap().item::<u32>().unwrap();
    assert_eq!(model.tokenizer().decode(&[best], false).unwrap(), " Paris");
    let probability = scores.softmax(-1).unwrap().max(..).unwrap().item::<f32>().unwrap();
    assert!((probability - 0.7725).abs() < 0.01, "{probability}");
}

#[test]
fn rounded_activations_keep_the_scores_near() {
    let (Some(model), Some(loader)) = (model(), loader()) else { return };
    let rounded = loader.precision(Precision::Int8).load_model().unwrap();
    let tokens = model.encode("Paris is the capital of France. Rome is the capital of").unwrap();
    let scores = |of: &Model| {
        let scores = of.logits(&tokens, &mut of.cache()).unwrap().index((0, -1)).unwrap();
        let best = scores.argmax(-1).unwrap().item::<u32>().unwrap();
        (model.tokenizer().decode(&[best], false).unwrap(), scores.to_vec::<f32>().unwrap())
    };
    let ((best, exact), (still, rounded)) = (scores(model.model()), scores(&rounded));
    assert_eq!([best, still], [" Italy", " Italy"]);
    let error = relative_rms(&rounded, &exact);
    assert!((1e-4..0.05).contains(&error), "{error}");
}

#[test]
fn the_greedy_continuation_of_code_equals_the_reference() {
    let Some(model) = model() else { return };
    let tokens = model.encode("def fibonacci(n):\n").unwrap();
    assert_eq!(tokens, [1604, 3987, 46477, 24, 94, 727, 198]);
    let options = GenerateOptions { max_tokens: 32, ..GenerateOptions::default() };
    let generated: Vec<_> =
        model.generate_tokens(&tokens, options).unwrap().map(|token| token.unwrap().id).collect();
    assert_eq!(generated, FIBONACCI);
}

#[test]
fn the_chat_answer_is_paris() {
    let Some(model) = model() else { return };
    let tokens = model.chat(&[Message::user("What is the capital of France?")]).unwrap();
    let pieces: Vec<_> =
        model.generate(&tokens, GenerateOptions::default()).unwrap().map(Result::unwrap).collect();
    let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(text, "The capital of France is Paris.");
    assert_eq!(pieces.last().unwrap().finish, Some(FinishReason::Stop));
}

#[test]
fn a_stop_text_ends_the_answer_before_it() {
    let Some(model) = model() else { return };
    let tokens = model.chat(&[Message::user("What is the capital of France?")]).unwrap();
    let options = GenerateOptions { stop: vec!["France is".into()], ..GenerateOptions::default() };
    let text: String = model.generate(&tokens, options).unwrap().map(|piece| piece.unwrap().text).collect();
    assert_eq!(text, "The capital of ");
}

#[test]
fn a_conversation_is_remembered_from_turn_to_turn() {
    let Some(model) = model() else { return };
    let options = GenerateOptions { max_tokens: 10, ..GenerateOptions::default() };
    let mut chat = ChatSession::new(&model).unwrap().options(options).unwrap();
    let mut ask = |question: &str| {
        let events: Vec<_> = chat.send(question).unwrap().map(Result::unwrap).collect();
        match events.last() {
            Some(ChatEvent::Finished(finished)) => (finished.stats.clone(), chat.history().to_vec()),
            other => panic!("the answer ends with {other:?}"),
        }
    };
    let (first, history) = ask("What is the capital of France?");
    let answer = Message::assistant("The capital of France is Paris.");
    assert_eq!((first.cached_tokens, history.last()), (0, Some(&answer)));
    let (second, history) = ask("And of Italy?");
    // The answer ended with a token that the template writes too.
    assert_eq!(second.cached_tokens, first.prefilled_tokens + first.generation.generation_tokens);
    let prompt = model.chat(&history[..3]).unwrap();
    assert_eq!(second.cached_tokens + second.prefilled_tokens, prompt.len());
}

/// The 32 tokens that the reference generates after `def fibonacci(n):\n`.
const FIBONACCI: [u32; 32] = [
    198, 1604, 3987, 46477, 24, 94, 727, 472, 585, 304, 10204, 216, 33, 42, 448, 1003, 304, 472, 1745, 42,
    448, 1003, 3987, 46477, 24, 94, 731, 216, 33, 25, 1232, 3987,
];
