//! The terminal.

use std::env;
use std::io::{self, IsTerminal};

use super::report::Report;

/// Tells how texts are written.
pub(super) fn examine(report: &mut Report) {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    let is_utf8 = locale.as_deref().is_some_and(speaks_utf8);
    let is_terminal = io::stdout().is_terminal();
    report
        .section("terminal")
        .fact("locale", locale.clone())
        .fact("UTF-8", is_utf8)
        .fact("stdout is one", is_terminal)
        .fact("stderr is one", io::stderr().is_terminal())
        .fact("NO_COLOR", variable("NO_COLOR").is_some());
    if !is_utf8 && is_terminal {
        let locale = locale.as_deref().unwrap_or("not set");
        let problem = format!("the locale is {locale}, and texts of models are UTF-8");
        report.note(problem, "set LC_ALL to C.UTF-8 or to your language's, such as en_US.UTF-8");
    }
}

/// Whether the name of a locale says so.
fn speaks_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::speaks_utf8;

    #[test]
    fn a_locale_says_how_texts_are_written() {
        assert!(speaks_utf8("en_US.UTF-8") && speaks_utf8("C.utf8"));
        assert!(!speaks_utf8("C") && !speaks_utf8("de_DE.ISO-8859-1"));
    }
}
