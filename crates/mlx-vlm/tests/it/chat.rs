//! Conversations over several turns remember what was seen.

use mlx_core::{Dtype, Precision};
use mlx_lm::{BatchGenerator, BatchOptions, ChatEvent, EventKind, GenerateOptions};
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::{Image, Size};
use mlx_vlm::{Turn, VisionChat, VisionLanguageModel};
use serde_json::json;

use crate::conversations::{folder, picture};

fn model() -> VisionLanguageModel {
    VisionLanguageModel::load(Source::path(folder("qwen2-vl")), Some(Dtype::Float32), Precision::Exact)
        .unwrap()
}

fn cat(seed: usize) -> Image {
    picture(Size { height: 37, width: 51 }, seed)
}

fn chat(model: &VisionLanguageModel) -> VisionChat<'_> {
    let options = GenerateOptions { max_tokens: 6, prefill_step: 5, ..GenerateOptions::default() };
    VisionChat::new(model).unwrap().with(|session| session.options(options)).unwrap()
}

/// The answer, and how many tokens of the prompt were remembered.
fn answer(chat: &mut VisionChat<'_>, turn: Turn) -> (String, usize) {
    let (mut text, mut cached) = (String::new(), 0);
    for event in chat.send(turn).unwrap() {
        match event.unwrap() {
            ChatEvent::Text(piece) => text.push_str(&piece),
            ChatEvent::Finished(finished) => cached = finished.stats.cached_tokens,
            _ => {}
        }
    }
    (text, cached)
}

#[test]
fn a_further_question_runs_no_tower_and_no_earlier_token() {
    let model = model();
    let mut chat = chat(&model);
    let (first, cached) = answer(&mut chat, Turn::user("What is it?").with(cat(0)));
    assert_eq!(cached, 0);
    let asked = model.chat(&[Turn::user("What is it?").with(cat(0))]).unwrap().tokens().len();
    let (second, cached) = answer(&mut chat, Turn::user("And its colour?"));
    assert!(cached >= asked, "{cached} of {asked}");
    assert_eq!(model.features().runs(), 1);

    let whole =
        [Turn::user("What is it?").with(cat(0)), Turn::assistant(&first), Turn::user("And its colour?")];
    let prompt = model.chat(&whole).unwrap();
    let options = GenerateOptions { max_tokens: 6, ..GenerateOptions::default() };
    let expected: String =
        model.generate(&prompt, options).unwrap().map(|piece| piece.unwrap().text).collect();
    assert_eq!(second, expected);
}

#[test]
fn another_image_in_the_same_place_is_not_taken_for_the_first() {
    let model = model();
    let mut chat = chat(&model);
    let (first, _) = answer(&mut chat, Turn::user("What is it?").with(cat(0)));
    chat.session_mut().history_mut().clear();
    let (other, cached) = answer(&mut chat, Turn::user("What is it?").with(cat(9)));
    let prompt = model.chat(&[Turn::user("What is it?").with(cat(9))]).unwrap();
    assert!(cached <= prompt.shown().next().unwrap().start, "{cached}");
    let options = GenerateOptions { max_tokens: 6, ..GenerateOptions::default() };
    let expected: String =
        model.generate(&prompt, options).unwrap().map(|piece| piece.unwrap().text).collect();
    assert_eq!(other, expected);
    assert_ne!(other, first);
    assert_eq!(model.features().runs(), 2);
}

#[test]
fn a_turn_that_shows_more_than_its_message_says_is_refused() {
    let model = model();
    let mut chat = chat(&model);
    let mut turn = Turn::user("What is it?");
    turn.media.push(cat(0).into());
    let message = chat.send(turn).err().unwrap().to_string();
    assert_eq!(message, "the turn shows more than its message has parts for");
}

#[test]
fn a_batch_of_texts_with_images_and_without_gives_each_what_it_gets_alone() {
    let model = model();
    let options = GenerateOptions { max_tokens: 6, prefill_step: 9, ..GenerateOptions::default() };
    let turns = [
        vec![Turn::user("What is it?").with(cat(0))],
        vec![Turn::user("Nothing.")],
        vec![Turn::user("And this?").with(cat(3)).with(cat(4))],
    ];
    let prompts: Vec<_> = turns.iter().map(|turns| model.chat(turns).unwrap()).collect();
    let alone = prompts.iter().map(|prompt| {
        let pieces = model.generate(prompt, options.clone()).unwrap();
        pieces.filter_map(|piece| piece.unwrap().token).collect::<Vec<_>>()
    });
    let alone: Vec<_> = alone.collect();
    let mut batch = BatchGenerator::new(model.language().model(), BatchOptions::default()).unwrap();
    let insert =
        |prompt| batch.insert(model.batch_prompt(prompt, &options).unwrap(), options.clone()).unwrap();
    let ids: Vec<_> = prompts.iter().map(insert).collect();
    let mut found = vec![Vec::new(); ids.len()];
    while !batch.is_idle() {
        for event in batch.step() {
            if let (Some(text), EventKind::New(token)) =
                (ids.iter().position(|id| *id == event.id), event.kind)
            {
                found[text].push(token.id);
            }
        }
    }
    for (found, alone) in found.iter().zip(&alone) {
        assert_eq!(found[..alone.len()], alone[..]);
    }
}

#[test]
fn a_conversation_goes_back_to_between_two_images_that_were_run_together() {
    let model = model();
    let options = GenerateOptions { max_tokens: 6, prefill_step: 500, ..GenerateOptions::default() };
    let mut chat = VisionChat::new(&model).unwrap().with(|session| session.options(options.clone())).unwrap();
    let mut one = Turn::user("One.").with(cat(0));
    let push =
        |turn: &mut Turn, part| turn.message.content.as_mut().unwrap().as_array_mut().unwrap().push(part);
    push(&mut one, json!({"type": "text", "text": "A long text that stands between both."}));
    let mut both = one.clone();
    push(&mut both, json!({"type": "image"}));
    both.media.push(cat(9).into());
    answer(&mut chat, both);
    chat.session_mut().history_mut().clear();
    let (found, cached) = answer(&mut chat, one.clone());
    let prompt = model.chat(&[one]).unwrap();
    assert!(cached > prompt.shown().next().unwrap().end + 30, "{cached}");
    let expected: String =
        model.generate(&prompt, options).unwrap().map(|piece| piece.unwrap().text).collect();
    assert_eq!(found, expected);
}
