//! The sections behind the options of a subcommand's help, such as its examples.

use clap::Command;

/// The sections behind the options: each title, without its colon, and its lines.
pub(crate) fn sections(command: &Command) -> Vec<(String, Vec<String>)> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("  "), sections.last_mut()) {
            (Some(line), Some((_, lines))) => lines.push(line.to_owned()),
            _ if line.is_empty() => {}
            _ => sections.push((line.trim_end_matches(':').to_owned(), Vec::new())),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::args::Args;

    /// All subcommands that do something themselves, with what they are called by.
    fn leaves(command: &Command, called: &str, found: &mut Vec<(String, Command)>) {
        for inner in command.get_subcommands() {
            let called = format!("{called} {}", inner.get_name());
            if inner.has_subcommands() {
                leaves(inner, &called, found);
            } else {
                found.push((called, inner.clone()));
            }
        }
    }

    /// The words of a line of a shell, up to where its output goes.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
        for letter in line.chars() {
            match letter {
                '\'' => is_quoted = !is_quoted,
                ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
                letter => word.push(letter),
            }
        }
        words.push(word);
        assert!(!is_quoted, "{line}");
        let end = words.iter().position(|word| ["<", ">", "|"].contains(&word.as_str()));
        words.truncate(end.unwrap_or(words.len()));
        words
    }

    #[test]
    fn each_subcommand_has_examples_that_parse() {
        let mut found = Vec::new();
        leaves(&Args::command(), "mlx", &mut found);
        assert!(found.len() > 18, "{found:?}");
        for (called, command) in found {
            let sections = sections(&command);
            let examples = sections.iter().find(|(title, _)| title == "Examples");
            let Some((_, examples)) = examples else { panic!("`{called}` has no examples") };
            let own = examples
                .iter()
                .filter(|line| line.contains(&format!("{called} ")) || line.ends_with(&called));
            assert!(own.count() > 0, "{called}: {examples:?}");
            for line in examples {
                let words = words(line.split_once("| ").map_or(line, |(_, behind)| behind));
                let parsed = Args::try_parse_from(words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn the_guide_has_each_subcommand_and_examples_that_parse() {
        let guide = include_str!("../../../docs/guide/command-line.md");
        let mut found = Vec::new();
        leaves(&Args::command(), "mlx", &mut found);
        for (called, command) in found {
            let own = format!("`{called}`");
            let row = guide.lines().find(|line| line.starts_with("| `mlx ") && line.contains(&own));
            let Some(row) = row else { panic!("{own} is not in the table") };
            let takes_json = command.get_arguments().any(|option| option.get_id() == "json");
            assert_eq!(
                takes_json,
                !["| - |", "`--format json` |"].iter().any(|end| row.ends_with(end)),
                "{row}"
            );
        }
        for line in guide.lines().filter(|line| line.starts_with("mlx ")) {
            let parsed = Args::try_parse_from(words(line));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn options_and_subcommands_have_no_full_stop_and_say_something() {
        let mut found = Vec::new();
        leaves(&Args::command(), "mlx", &mut found);
        for (called, command) in found {
            assert!(command.get_about().is_some(), "{called}");
            for option in command.get_arguments() {
                let help = option.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty() && !help.ends_with('.'), "{called}: {:?} {help}", option.get_id());
            }
        }
    }
}
