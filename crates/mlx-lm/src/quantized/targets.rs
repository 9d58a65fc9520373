//! Which layers a setting of compressed-tensors is for.

use fancy_regex::Regex;

use super::refusal;
use crate::Result;

/// The names of layers, classes of layers (`Linear`) and patterns (`re:.*mlp.*`) of a list.
#[derive(Debug)]
pub(super) struct Targets {
    names: Vec<String>,
    patterns: Vec<Regex>,
}

/// How closely a target names a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    Class,
    Pattern,
    Name,
}

impl Targets {
    /// Reads a list. Patterns are Python's and begin where a name begins.
    pub(super) fn new(list: &[String]) -> Result<Self> {
        let (mut names, mut patterns) = (Vec::new(), Vec::new());
        for target in list {
            match target.strip_prefix("re:") {
                Some(pattern) => patterns.push(
                    Regex::new(&format!("^(?:{pattern})"))
                        .map_err(|why| refusal(format!("`{target}` is no pattern: {why}")))?,
                ),
                None => names.push(target.clone()),
            }
        }
        Ok(Self { names, patterns })
    }

    /// How the list names the layer at `path`, if it does. Every packed layer may be of a class `Linear`.
    pub(super) fn find(&self, path: &str) -> Option<Match> {
        if self.names.iter().any(|name| name == path) {
            return Some(Match::Name);
        }
        if self.patterns.iter().any(|pattern| pattern.is_match(path).unwrap_or_default()) {
            return Some(Match::Pattern);
        }
        self.names.iter().any(|name| name == "Linear").then_some(Match::Class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(list: &[&str], path: &str) -> Option<Match> {
        let list: Vec<_> = list.iter().map(|&target| target.to_owned()).collect();
        Targets::new(&list).unwrap().find(path)
    }

    #[test]
    fn names_go_before_patterns_and_those_before_classes() {
        let list = ["Linear", "re:.*mlp.*", "a.mlp.up"];
        assert_eq!(find(&list, "a.mlp.up"), Some(Match::Name));
        assert_eq!(find(&list, "a.mlp.down"), Some(Match::Pattern));
        assert_eq!(find(&list, "a.attn.q"), Some(Match::Class));
        assert_eq!(find(&list[1..], "a.attn.q"), None);
    }

    #[test]
    fn a_pattern_begins_where_the_name_begins() {
        assert_eq!(find(&["re:mlp"], "a.mlp"), None);
        assert_eq!(find(&["re:a|b"], "b.mlp"), Some(Match::Pattern));
        assert_eq!(find(&["re:(?!a).*"], "a.mlp"), None);
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = Targets::new(&["re:(".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`re:(` is no pattern"), "{error}");
    }
}
