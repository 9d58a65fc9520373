//! Stop texts, found in the text and not in the tokens, since they may be spelt by other tokens.

/// Lets text through until a stop text appears. What may be the beginning of one waits.
#[derive(Debug)]
pub(super) struct StopFilter {
    stops: Vec<String>,
    waiting: String,
}

/// What may be shown now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) text: String,
    /// The stop text that appeared.
    pub(super) stop: Option<String>,
}

impl StopFilter {
    pub(super) fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, waiting: String::new() }
    }

    /// Takes more text.
    pub(super) fn push(&mut self, text: &str) -> Passed {
        self.waiting.push_str(text);
        let found = self.stops.iter().filter_map(|stop| Some((self.waiting.find(stop.as_str())?, stop)));
        if let Some((at, stop)) = found.min_by_key(|(at, _)| *at) {
            self.waiting.truncate(at);
            return Passed { text: std::mem::take(&mut self.waiting), stop: Some(stop.clone()) };
        }
        let certain = self.waiting.len() - self.beginning_of_a_stop();
        let rest = self.waiting.split_off(certain);
        Passed { text: std::mem::replace(&mut self.waiting, rest), stop: None }
    }

    /// What is left when the text ends.
    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.waiting)
    }

    /// The length of the longest end of the waiting text that begins a stop text.
    fn beginning_of_a_stop(&self) -> usize {
        let ends = self.waiting.char_indices().map(|(at, _)| self.waiting.split_at(at).1);
        ends.filter(|end| self.stops.iter().any(|stop| stop.starts_with(end)))
            .map(str::len)
            .next()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shown text, in the pieces it came in, and what stopped it.
    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let stops: Vec<_> = stops.iter().map(|s| (*s).to_owned()).collect();
        let mut filter = StopFilter::new(&stops);
        let mut shown = Vec::new();
        for piece in pieces {
            let passed = filter.push(piece);
            shown.push(passed.text);
            if passed.stop.is_some() {
                return (shown, passed.stop);
            }
        }
        shown.push(filter.finish());
        (shown, None)
    }

    fn shown(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|t| (*t).to_owned()).collect()
    }

    fn by(stop: &str) -> Option<String> {
        Some(stop.to_owned())
    }

    #[test]
    fn a_stop_text_split_over_pieces_is_found_and_not_shown() {
        assert_eq!(run(&["</s>"], &["hello <", "/s", "> more"]), (shown(&["hello ", "", ""]), by("</s>")));
    }

    #[test]
    fn a_false_beginning_is_shown_later() {
        assert_eq!(run(&["</s>"], &["a <", "b"]), (shown(&["a ", "<b", ""]), None));
        assert_eq!(run(&["</s>"], &["a </"]), (shown(&["a ", "</"]), None));
    }

    #[test]
    fn the_earliest_of_several_stops_wins() {
        assert_eq!(run(&["later", "now"], &["x now and later"]), (shown(&["x "]), by("now")));
    }

    #[test]
    fn a_repeated_beginning_is_not_lost() {
        assert_eq!(run(&["aab"], &["aa", "ab!"]), (shown(&["", "a"]), by("aab")));
    }

    #[test]
    fn letters_of_several_bytes_are_kept_whole() {
        assert_eq!(run(&["é!"], &["caf", "é", "s"]), (shown(&["caf", "", "és", ""]), None));
    }

    #[test]
    fn an_empty_stop_text_stops_nothing() {
        assert_eq!(run(&[""], &["abc"]), (shown(&["abc", ""]), None));
    }
}
