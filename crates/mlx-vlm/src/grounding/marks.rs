//! Places between marks, and places that are tokens.

use super::json::{boxes, values};
use super::{Numbers, Written};

/// `(x,y),(x,y)`, and `(x,y)` behind `<|box_start|>`, with labels before them.
pub(super) fn pairs(text: &str) -> Vec<Written> {
    let (mut found, mut labels, mut at) =
        (Vec::new(), Labels::new(["<|object_ref_start|>", "<|object_ref_end|>"]), 0);
    while let Some(start) = find(text, at, "(") {
        let Some((first, behind)) = pair(text, start) else {
            at = start + 1;
            continue;
        };
        let before = text.get(labels.end..start).unwrap_or_default();
        let second = second(text, behind);
        let marked = before.trim_end().ends_with("<|box_start|>");
        let (numbers, end) = match second {
            Some(([right, bottom], end)) => (Numbers::Box([first[0], first[1], right, bottom]), end),
            None if marked && closed(text, behind) => (Numbers::Point(first), behind),
            None => {
                at = behind;
                continue;
            }
        };
        found.push((labels.next(text, start..end), numbers));
        at = end;
    }
    found
}

/// Lists of four numbers, with labels before them, which `marks` are around or not.
pub(super) fn lists(text: &str, marks: [&'static str; 2]) -> Vec<Written> {
    let (mut found, mut labels) = (Vec::new(), Labels::new(marks));
    for (range, value) in values(text) {
        let all = boxes(&value);
        if !all.is_empty() {
            let label = labels.next(text, range);
            found.extend(all.into_iter().map(|four| (label.clone(), Numbers::Box(four))));
        }
    }
    found
}

/// `<loc0000>` four times, with the label behind them, up to `;`.
pub(super) fn locations(text: &str) -> Vec<Written> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = find(text, at, "<loc") {
        let (mut numbers, mut end) = (Vec::new(), start);
        while let Some((number, behind)) = location(text, end) {
            numbers.push(number);
            end = behind;
        }
        at = end.max(start + 1);
        let rest = text.get(end..).unwrap_or_default();
        let label = rest.split("<loc").next().unwrap_or_default().split(';').next().unwrap_or_default();
        let label = plain(label);
        let (fours, _) = numbers.as_chunks::<4>();
        found.extend(fours.iter().map(|four| (label.clone(), Numbers::Box(*four))));
    }
    found
}

/// The texts between two marks; the last one may not be closed.
pub(super) fn between<'t>(text: &'t str, [open, close]: [&str; 2]) -> Vec<&'t str> {
    text.split(open).skip(1).map(|part| part.split(close).next().unwrap_or_default()).collect()
}

/// What stands before each place.
struct Labels {
    marks: [&'static str; 2],
    last: String,
    /// Where the last place ends.
    end: usize,
}

impl Labels {
    fn new(marks: [&'static str; 2]) -> Self {
        Self { marks, last: String::new(), end: 0 }
    }

    /// The label of the place in this range: the last one within marks, or else the line before it. If there is nothing, it
    /// is that of the place before.
    fn next(&mut self, text: &str, range: std::ops::Range<usize>) -> String {
        let before = text.get(self.end..range.start).unwrap_or_default();
        self.end = range.end;
        let label = match between(before, self.marks).last() {
            Some(label) => plain(label),
            None => before.lines().map(plain).rfind(|line| !line.is_empty()).unwrap_or_default(),
        };
        if !label.is_empty() {
            self.last = label;
        }
        self.last.clone()
    }
}

/// A text without marks `<…>` in it, and without the signs that stand between places.
fn plain(text: &str) -> String {
    let (mut words, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('<') {
        words.push_str(before);
        match behind.split_once('>') {
            Some((_, behind)) => rest = behind,
            None => rest = "",
        }
    }
    words.push_str(rest);
    words.trim_matches(|sign: char| sign.is_whitespace() || ",;:[]".contains(sign)).to_owned()
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    Some(from + text.get(from..)?.find(what)?)
}

/// The numbers of `(x,y)` at a place of the text, and where it ends.
fn pair(text: &str, at: usize) -> Option<([f64; 2], usize)> {
    let inside = text.get(at..)?.strip_prefix('(')?;
    let length = within(inside, b')')?;
    let (x, y) = inside.get(..length)?.split_once(',')?;
    Some(([number(x)?, number(y)?], at + length + 2))
}

/// The pair behind a comma.
fn second(text: &str, at: usize) -> Option<([f64; 2], usize)> {
    let rest = text.get(at..)?;
    let next = rest.trim_start().strip_prefix(',')?.trim_start();
    pair(text, at + rest.len() - next.len())
}

/// Whether a place is at its end, not cut.
fn closed(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|rest| rest.trim_start().starts_with("<|box_end|>"))
}

fn location(text: &str, at: usize) -> Option<(f64, usize)> {
    let digits = text.get(at..)?.strip_prefix("<loc")?;
    let length = within(digits, b'>')?;
    Some((number(digits.get(..length)?)?, at + "<loc".len() + length + 1))
}

/// Where a sign is among the next few.
fn within(text: &str, sign: u8) -> Option<usize> {
    /// A place is no longer than this, so that a long text is read once.
    const MOST: usize = 64;
    text.bytes().take(MOST).position(|byte| byte == sign)
}

/// A whole number or one with a fraction; no names of such as are not finite.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| digits && text.len() <= 16)
}
