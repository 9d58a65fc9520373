//! From what the command line says to tokens.

use std::io::{self, Read};

use mlx_lm::LanguageModel;
use mlx_text::{ChatOptions, Message};
use mlx_vlm::{Media, Prompt, Turn, VisionLanguageModel};

use crate::failure::Outcome;

/// The text itself, or stdin for `-`.
pub(crate) fn text(argument: &str) -> io::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// All of a prompt, up to where the answer begins.
pub(crate) fn whole(
    model: &LanguageModel,
    system: Option<&str>,
    prompt: &str,
    raw: bool,
) -> mlx_lm::Result<Vec<u32>> {
    let has_template = model.tokenizer().chat_template().is_some();
    if raw || prompt.is_empty() || (!has_template && system.is_none()) {
        return model.encode(prompt);
    }
    let system = system.map(Message::system);
    let messages: Vec<_> = system.into_iter().chain([Message::user(prompt)]).collect();
    model.chat(&messages)
}

/// The beginning of a message, which [`rest`] will go on with.
pub(crate) fn beginning(
    model: &LanguageModel,
    system: Option<&str>,
    text: &str,
    raw: bool,
) -> mlx_lm::Result<Vec<u32>> {
    let system = system.map(Message::system);
    match around(model, system, text, raw)? {
        Some((before, _)) => Ok(model.tokenizer().encode(&before, false)?),
        None => model.encode(text),
    }
}

/// The beginning of a message that shows something before it says something, which [`rest`] will go on with.
pub(crate) fn shown(
    model: &VisionLanguageModel,
    system: Option<&str>,
    text: &str,
    media: &[Media],
    raw: bool,
) -> Outcome<Prompt> {
    let template = model.language().tokenizer().chat_template().filter(|_| !raw);
    let Some(template) = template else { return Ok(model.prompt(text, media)?) };
    let turn = media.iter().cloned().fold(Turn::user(format!("{text}{END}")), Turn::with);
    let turns = system.map(Turn::system).into_iter().chain([turn]);
    let messages: Vec<_> = turns.map(|turn| turn.message).collect();
    let written = template.render(&messages, &ChatOptions::default())?;
    let before = written.split_once(END).map_or(written.as_str(), |(before, _)| before);
    Ok(model.prompt(before, media)?)
}

/// The rest of a message after its [`beginning`], up to where the answer begins.
pub(crate) fn rest(model: &LanguageModel, text: &str, raw: bool) -> mlx_lm::Result<Vec<u32>> {
    let after = around(model, None, "", raw)?.map_or(String::new(), |(_, after)| after);
    Ok(model.tokenizer().encode(&(text.to_owned() + &after), false)?)
}

/// The end of the beginning of a message: for private use, so in no text.
const END: &str = "\u{f8ff}\u{e000}\u{f8ff}";

/// What the chat template writes up to the end of a message that begins with `text`, and after that end.
fn around(
    model: &LanguageModel,
    system: Option<Message>,
    text: &str,
    raw: bool,
) -> mlx_lm::Result<Option<(String, String)>> {
    let Some(template) = model.tokenizer().chat_template().filter(|_| !raw) else { return Ok(None) };
    let messages: Vec<_> = system.into_iter().chain([Message::user(format!("{text}{END}"))]).collect();
    let split = |messages: &[Message]| -> mlx_lm::Result<_> {
        let written = template.render(messages, &ChatOptions::default())?;
        Ok(written.split_once(END).map(|(before, after)| (before.to_owned(), after.to_owned())))
    };
    match split(&messages)? {
        // Some templates of models that see write only parts of messages.
        None => split(&messages.into_iter().map(Message::in_parts).collect::<Vec<_>>()),
        found => Ok(found),
    }
}
