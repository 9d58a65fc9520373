//! Conversations with tiny checkpoints of real architectures.

use mlx_core::Dtype;
use mlx_hub::Source;
use mlx_lm::{ChatSession, GenerateOptions, LanguageModel, Loader, Model, Processors};
use mlx_text::{ChatTemplate, Message};

use super::stats;
use crate::bad_input::speller_of;
use crate::sampling::golden;

/// A letter for who speaks, then the letters of what is said.
const TEMPLATE: &str = "{% for m in messages %}{{ m.role[0] + ' ' + m.content + ' ' }}{% endfor %}\
                        {% if add_generation_prompt %}{{ 'a' }}{% endif %}";

/// The model of a golden checkpoint, with a tokenizer of letters.
fn model(name: &str) -> LanguageModel {
    let loader = Loader::new(Source::path(golden(name))).dtype(Dtype::Float32);
    let tokenizer = speller_of("llama-tied").tokenizer().clone();
    LanguageModel::new(
        loader.load_model().unwrap(),
        tokenizer.with_chat_template(ChatTemplate::new(TEMPLATE)),
    )
}

fn session(model: &LanguageModel) -> ChatSession<'_> {
    let others = 26..u32::try_from(model.model().vocab_size()).unwrap();
    let logit_bias = others.map(|token| (token, f64::NEG_INFINITY)).collect();
    let processors = Processors { logit_bias, ..Processors::default() };
    let options =
        GenerateOptions { max_tokens: 5, prefill_step: 3, processors, ..GenerateOptions::default() };
    ChatSession::new(model).unwrap().options(options).unwrap()
}

fn remembers_all(model: &Model) -> bool {
    let mut cache = model.cache();
    model.logits(&[1; 14], &mut cache).unwrap();
    cache.trimmable() == 14
}

#[test]
fn an_edited_message_is_answered_as_in_a_new_session_by_every_kind_of_layer() {
    let mut kinds = Vec::new();
    for name in ["llama-tied", "gemma3-text", "lfm2-tied", "qwen3_5-tied", "gemma4-shared"] {
        let model = model(name);
        let mut chat = session(&model);
        stats(chat.send("h e l l o").unwrap());
        stats(chat.send("w h y").unwrap());
        let mut edited = chat.history()[..3].to_vec();
        edited[2] = Message::user("w h o");
        *chat.history_mut() = edited.clone();
        let cost = stats(chat.reply().unwrap());

        let before_last = model.chat(&edited[..2]).unwrap().len() - 1;
        kinds.push(remembers_all(model.model()));
        let cached = if remembers_all(model.model()) { before_last + "uwh".len() } else { before_last };
        assert_eq!(cost.cached_tokens, cached, "{name}");
        assert_eq!(cost.cached_tokens + cost.prefilled_tokens, model.chat(&edited).unwrap().len(), "{name}");
        let mut fresh = session(&model);
        *fresh.history_mut() = edited;
        stats(fresh.reply().unwrap());
        assert_eq!(chat.remembered(), fresh.remembered(), "{name}");
    }
    assert!(kinds.contains(&true) && kinds.contains(&false));
}
