//! Numbers in words as numbers in digits, by the rules of Whisper's `EnglishNumberNormalizer`, whatever they make of numbers
//! that nobody says.

use super::english::rewritten;
use super::number_words::NumberWord;
use super::symbols::is_of_word;

/// A text in lower case whose numbers are in digits: `twenty-first` without its hyphen is `21st`, and `two dollars and five
/// cents` are `$2.05`.
pub(super) fn in_digits(text: &str) -> String {
    let text = endings_closed(&digits_apart(&halves(text)));
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut reader = Reader::default();
    let mut is_taken = false;
    for (at, word) in words.iter().enumerate() {
        if std::mem::take(&mut is_taken) {
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied();
        is_taken = reader.read(before, word, words.get(at + 1).copied());
    }
    reader.end();
    ones_in_words(&cents(&reader.written.join(" ")))
}

/// `and a half` behind a number as `point five`.
fn halves(text: &str) -> String {
    let mut parts = split(text, &["and", "a", "half"]);
    let last = parts.pop().unwrap_or_default();
    let mut all = Vec::new();
    for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
        let number = part.split_whitespace().next_back().and_then(NumberWord::of);
        let is_number = number.is_some_and(|word| word.is_decimal() || matches!(word, NumberWord::Times(_)));
        all.extend([part, if is_number { "point five" } else { "and a half" }]);
    }
    all.extend((!last.trim().is_empty()).then_some(last));
    all.join(" ")
}

/// The parts of a text between those places where these words follow each other.
fn split<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(rest) = text.get(at..) {
        let begins = !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(is_of_word);
        if let Some(behind) = begins.then(|| behind(rest, words)).flatten() {
            parts.extend(text.get(from..at));
            at = text.len() - behind.len();
            from = at;
        } else {
            let Some(letter) = rest.chars().next() else { break };
            at += letter.len_utf8();
        }
    }
    parts.extend(text.get(from..));
    parts
}

/// What is behind these words, if a text begins with them.
fn behind<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let mut rest = text;
    for (at, word) in words.iter().enumerate() {
        let next = if at == 0 { rest } else { rest.strip_prefix(char::is_whitespace)?.trim_start() };
        rest = next.strip_prefix(word)?;
    }
    (!rest.starts_with(is_of_word)).then_some(rest)
}

/// Spaces between letters and digits.
fn digits_apart(text: &str) -> String {
    let mut apart = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        let is_edge = |a: char, b: char| a.is_ascii_lowercase() && b.is_ascii_digit();
        if is_edge(before, letter) || is_edge(letter, before) {
            apart.push(' ');
        }
        apart.push(letter);
        before = letter;
    }
    apart
}

/// Endings of ordinals and plurals beside their digits again.
fn endings_closed(text: &str) -> String {
    let mut closed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        closed.push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        let next = rest.trim_start();
        let is_ending =
            |ending: &str| next.strip_prefix(ending).is_some_and(|behind| !behind.starts_with(is_of_word));
        if letter.is_ascii_digit() && ["st", "nd", "rd", "th", "s"].into_iter().any(is_ending) {
            rest = next;
        }
    }
    closed
}

/// What was read of a number.
#[derive(Clone, Debug)]
enum Value {
    Whole(u128),
    /// Digits said one by one, or with a point among them.
    Digits(String),
}

impl Value {
    fn written(&self) -> String {
        match self {
            Self::Whole(value) => value.to_string(),
            Self::Digits(digits) => digits.clone(),
        }
    }

    /// With more digits at its end.
    fn then(&self, digits: impl ToString) -> Self {
        Self::Digits(self.written() + &digits.to_string())
    }

    /// With a number of less than a hundred at its end: added where there is room, as in `hundred five`, else beside it.
    fn with(&self, number: u128, room: u128) -> Self {
        match self {
            Self::Whole(value) if value % room == 0 => Self::Whole(value.saturating_add(number)),
            _ => self.then(number),
        }
    }

    /// With one to nineteen at its end, behind another word.
    fn with_ones(&self, ones: u128, before: Option<NumberWord>) -> Self {
        match (self, before) {
            (Self::Digits(digits), Some(NumberWord::Tens(_))) if ones < 10 => {
                let tens = digits.strip_suffix('0').unwrap_or(digits);
                Self::Digits(format!("{tens}{ones}"))
            }
            (Self::Digits(_), _) | (_, Some(NumberWord::Ones(_))) => self.then(ones),
            _ => self.with(ones, if ones < 10 { 10 } else { 100 }),
        }
    }

    /// So many times as much; none of digits that are no number or would not be whole.
    fn times(&self, factor: u128) -> Option<u128> {
        let digits = match self {
            Self::Whole(0) => return Some(0),
            Self::Whole(value) => {
                let below = value % 1000;
                return Some((value - below).saturating_add(below.saturating_mul(factor)));
            }
            Self::Digits(digits) => digits,
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let value: u128 = format!("{whole}{part}").parse().ok()?;
        let power = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let all = value.checked_mul(factor)?;
        all.is_multiple_of(power).then(|| all / power)
    }
}

#[derive(Default)]
struct Reader {
    written: Vec<String>,
    /// What will stand before the next thing that is written.
    prefix: Option<char>,
    value: Option<Value>,
}

impl Reader {
    /// Reads a word, with those before and behind it. Says whether that behind it was read, too.
    fn read(&mut self, before: Option<&str>, word: &str, next: Option<&str>) -> bool {
        if let Some((prefix, digits)) = arabic(word) {
            self.digits(word, prefix, digits);
            return false;
        }
        let Some(number) = NumberWord::of(word) else {
            self.flush();
            self.write(word);
            return false;
        };
        let before = before.and_then(NumberWord::of);
        match number {
            NumberWord::Zero => {
                let value = self.nonzero().map_or(Value::Digits("0".to_owned()), |value| value.then(0));
                self.value = Some(value);
            }
            NumberWord::Ones(ones) => {
                self.put(ones, |value| value.with_ones(ones, before));
            }
            NumberWord::Tens(tens) => self.put(tens, |value| value.with(tens, 100)),
            NumberWord::OnesEnding(ones, ending) => {
                self.put(ones, |value| value.with_ones(ones, before));
                self.flush_with(ending);
            }
            NumberWord::TensEnding(tens, ending) => {
                self.put(tens, |value| value.with(tens, 100));
                self.flush_with(ending);
            }
            NumberWord::Times(factor) => self.multiply(factor),
            NumberWord::TimesEnding(factor, ending) => {
                self.multiply(factor);
                self.flush_with(ending);
            }
            NumberWord::Sign(sign) => self.sign(sign, word, next),
            NumberWord::Currency(sign) => {
                if self.value.is_some() {
                    self.prefix = Some(sign);
                    self.flush();
                } else {
                    self.write(word);
                }
            }
            NumberWord::Percent if self.value.is_some() => self.flush_with("%"),
            NumberWord::Per if self.value.is_some() && next == Some("cent") => {
                self.flush_with("%");
                return true;
            }
            NumberWord::Percent | NumberWord::Per => {
                self.flush();
                self.write(word);
            }
            NumberWord::And | NumberWord::Repeat(_) | NumberWord::Point => {
                return self.special(number, before, word, next);
            }
        }
        false
    }

    /// Words that are of numbers only beside others that are.
    fn special(
        &mut self,
        number: NumberWord,
        before: Option<NumberWord>,
        word: &str,
        next: Option<&str>,
    ) -> bool {
        let (following, is_numeric) = (next.and_then(NumberWord::of), next.is_some_and(is_numeric));
        match (number, following) {
            // Behind hundreds it says nothing.
            (NumberWord::And, Some(_)) if matches!(before, Some(NumberWord::Times(_))) => return false,
            (NumberWord::And, _) if is_numeric && matches!(before, Some(NumberWord::Times(_))) => {
                return false;
            }
            (NumberWord::Repeat(times), Some(NumberWord::Zero | NumberWord::Ones(_))) => {
                let digit = if let Some(NumberWord::Ones(ones)) = following { ones } else { 0 };
                let digits = digit.to_string().repeat(times);
                let value = self.nonzero().map_or(Value::Digits(digits.clone()), |value| value.then(&digits));
                self.value = Some(value);
                return true;
            }
            (NumberWord::Point, _) if is_numeric || following.is_some_and(NumberWord::is_decimal) => {
                let value = self.nonzero().map_or(Value::Digits(".".to_owned()), |value| value.then('.'));
                self.value = Some(value);
                return false;
            }
            // Between numbers that have none behind a point, it is lost.
            (NumberWord::Point, Some(_)) => return false,
            _ => {}
        }
        self.flush();
        self.write(word);
        false
    }

    /// A number in digits.
    fn digits(&mut self, word: &str, prefix: Option<char>, digits: &str) {
        if let Some(Value::Digits(before)) = &self.value
            && before.ends_with('.')
        {
            self.value = Some(Value::Digits(format!("{before}{word}")));
            return;
        }
        self.flush();
        self.prefix = prefix.or(self.prefix);
        let whole = digits
            .split_once('.')
            .map_or(Some(digits), |(whole, part)| part.bytes().all(|digit| digit == b'0').then_some(whole));
        let whole = whole.and_then(|whole| whole.parse().ok());
        self.value = Some(whole.map_or_else(|| Value::Digits(digits.to_owned()), Value::Whole));
    }

    /// A number by itself, or what `join` makes of it and that before.
    fn put(&mut self, number: u128, join: impl FnOnce(&Value) -> Value) {
        self.value = Some(self.value.as_ref().map_or(Value::Whole(number), join));
    }

    fn multiply(&mut self, factor: u128) {
        let value = match self.value.as_ref().map(|value| value.times(factor)) {
            None => factor,
            Some(Some(value)) => value,
            Some(None) => {
                self.flush();
                factor
            }
        };
        self.value = Some(Value::Whole(value));
    }

    fn sign(&mut self, sign: char, word: &str, next: Option<&str>) {
        self.flush();
        if next.is_some_and(|next| is_numeric(next) || NumberWord::of(next).is_some()) {
            self.prefix = Some(sign);
        } else {
            self.write(word);
        }
    }

    /// What was read, if digits can follow it: 0 itself is left away.
    fn nonzero(&self) -> Option<&Value> {
        self.value.as_ref().filter(|value| !matches!(value, Value::Whole(0)))
    }

    fn flush(&mut self) {
        if self.value.is_some() {
            self.flush_with("");
        }
    }

    /// Writes the number with an ending.
    fn flush_with(&mut self, ending: &str) {
        let number = self.value.take().map(|value| value.written()).unwrap_or_default();
        self.write(&(number + ending));
    }

    fn write(&mut self, word: &str) {
        let prefix = self.prefix.take().map(String::from).unwrap_or_default();
        self.written.push(prefix + word);
        self.value = None;
    }

    fn end(&mut self) {
        self.flush();
    }
}

/// The sign before a number in digits, and the digits.
fn arabic(word: &str) -> Option<(Option<char>, &str)> {
    let prefix = word.chars().next().filter(|sign| "-+£€$¢".contains(*sign));
    let digits = prefix.and_then(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
    is_numeric(digits).then_some((prefix, digits))
}

/// Whether a word is digits, with a point between them or none.
fn is_numeric(word: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    word.split_once('.').map_or(is_digits(word), |(whole, part)| is_digits(whole) && is_digits(part))
}

/// Cents that follow a currency as its decimals, and decimals of nothing as cents.
fn cents(text: &str) -> String {
    let text = rewritten(text, |rest| {
        let (currency, behind) = rest.split_first().filter(|(sign, _)| "€£$".contains(**sign))?;
        let whole = behind.iter().take_while(|letter| letter.is_ascii_digit()).count();
        let (whole, behind) = behind.split_at_checked(whole).filter(|(whole, _)| !whole.is_empty())?;
        let after = behind.strip_prefix(&[' '])?;
        let after = after.strip_prefix(&['a', 'n', 'd', ' ']).unwrap_or(after).strip_prefix(&['¢'])?;
        let cents = one_or_two_digits(after)?;
        let whole: String = whole.iter().collect();
        let taken = rest.len() - after.len() + cents.len();
        Some((taken, format!("{currency}{whole}.{cents:0>2}")))
    });
    rewritten(&text, |rest| match rest {
        ['€' | '£' | '$', '0', _, behind @ ..] => {
            let cents = one_or_two_digits(behind)?;
            Some((3 + cents.len(), format!("¢{}", cents.parse::<u8>().ok()?)))
        }
        _ => None,
    })
}

/// One or two digits that end a word.
fn one_or_two_digits(letters: &[char]) -> Option<String> {
    let digits: String = letters.iter().take_while(|letter| is_of_word(**letter)).collect();
    (is_numeric(&digits) && digits.len() <= 2).then_some(digits)
}

/// `one` and `ones`, which are pronouns, too, for 1 and 1s.
fn ones_in_words(text: &str) -> String {
    let mut before = ' ';
    let mut written = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        let behind = rest.as_str();
        let behind = behind.strip_prefix('s').unwrap_or(behind);
        let is_one = letter == '1' && !is_of_word(before) && !behind.starts_with(is_of_word);
        match is_one {
            true => written.push_str("one"),
            false => written.push(letter),
        }
        before = letter;
    }
    written
}
