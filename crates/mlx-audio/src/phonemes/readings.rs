//! How words are read that have digits in them or stand beside such: `$3.50`, `21st`, `5 km`.

use super::amount::Amount;
use super::number_names::{cardinal, digits, ordinal, plural, year};
use super::units::{currency, month, multiplies, thousands, unit};

/// For each word of a text what it is read as, if that is not what is written. Signs around a word stay.
pub(super) fn readings(words: &[&str]) -> Vec<Option<String>> {
    let all: Vec<Word<'_>> = words.iter().map(|word| Word::of(word)).collect();
    let beside = |at: usize| all.get(at).copied().unwrap_or_default();
    let reading = |(at, word): (usize, &Word<'_>)| {
        let before = at.checked_sub(1).map(beside).unwrap_or_default();
        word.reading(before, beside(at + 1))
    };
    all.iter().enumerate().map(reading).collect()
}

/// A word between its signs. None is one without letters.
#[derive(Clone, Copy, Debug, Default)]
struct Word<'a> {
    opening: &'a str,
    core: &'a str,
    closing: &'a str,
}

impl<'a> Word<'a> {
    fn of(word: &'a str) -> Self {
        let inner = word.trim_start_matches(['(', '[', '"', '\'', '“', '‘', '’', '«']);
        let core =
            inner.trim_end_matches(['.', ',', ';', ':', '!', '?', '…', '"', '\'', '”', '’', ')', ']', '»']);
        let opening = word.strip_suffix(inner).unwrap_or_default();
        Self { opening, core, closing: inner.strip_prefix(core).unwrap_or_default() }
    }

    fn reading(self, before: Word<'_>, after: Word<'_>) -> Option<String> {
        let is_number =
            self.core.contains(|letter: char| letter.is_ascii_digit() || fraction(letter).is_some());
        if is_number {
            let said = self.number(before, after)?;
            // An apostrophe stands for a century.
            return Some(format!(
                "{}{said}{}",
                self.opening.trim_end_matches(['\'', '’', '‘']),
                self.closing
            ));
        }
        let (said, closing) = self.beside(before, after)?;
        Some(format!("{}{said}{closing}", self.opening))
    }

    /// A word that is read otherwise beside a number, and the signs behind it.
    fn beside(self, before: Word<'_>, after: Word<'_>) -> Option<(String, &'a str)> {
        if let Some(said) = self.behind(before) {
            // A full stop of what is written short is none.
            let is_short = self.core.contains('.') && !after.core.is_empty();
            return Some((said, if is_short { self.closing.trim_start_matches('.') } else { self.closing }));
        }
        if !after.opening.is_empty() || !after.core.starts_with(|digit: char| digit.is_ascii_digit()) {
            return None;
        }
        let closing = self.closing.strip_prefix('.').or(self.closing.is_empty().then_some(""))?;
        let said = match self.core {
            "No" if self.closing.starts_with('.') => "number",
            "Nos" if self.closing.starts_with('.') => "numbers",
            name => month(name).filter(|month| *month != name)?,
        };
        Some((said.to_owned(), closing))
    }

    /// A word that a number before it makes a unit of.
    fn behind(self, before: Word<'_>) -> Option<String> {
        let is_number =
            before.core.ends_with(|letter: char| letter.is_ascii_digit() || fraction(letter).is_some());
        if !is_number || !before.closing.is_empty() {
            return None;
        }
        if let (true, Some((currency, _))) = (multiplies(self.core), currency(before.core)) {
            return Some(format!("{} {}", self.core, currency.whole[1]));
        }
        let is_time = before.core.chars().all(|letter| letter.is_ascii_digit() || letter == ':');
        let half = half_of_day(self.core).filter(|_| is_time).map(str::to_owned);
        half.or_else(|| unit(self.core, before.core == "1", true).map(str::to_owned))
    }

    fn number(self, before: Word<'_>, after: Word<'_>) -> Option<String> {
        let core = self.core;
        if let Some((first, last)) = range(core) {
            return Some(match (digits_only(first), digits_only(last)) {
                (Some(3), Some(4)) => format!("{} {}", digits(first), digits(last)),
                _ => format!("{} to {}", simple(first)?, simple(last)?),
            });
        }
        if let Some(rest) = core.strip_prefix(['-', '−']) {
            return Some(format!("minus {}", simple(rest)?));
        }
        if let Some(rest) = core.strip_prefix('+') {
            return Some(format!("plus {}", simple(rest)?));
        }
        if let Some(number) = core.strip_prefix('#').filter(|number| digits_only(number).is_some()) {
            return Some(format!("number {}", whole(number)));
        }
        if let Some((_, rest)) = currency(core)
            && multiplies(after.core)
            && self.closing.is_empty()
        {
            return Amount::of(rest).filter(|(_, rest)| rest.is_empty()).map(|(amount, _)| amount.said());
        }
        let is_month = month(before.core).is_some() && matches!(before.closing, "" | ".");
        let is_day = |day: u64| (1..=31).contains(&day) && is_month;
        if let Some(day) = core.parse().ok().filter(|&day| core.len() <= 2 && is_day(day)) {
            return Some(ordinal(day));
        }
        if let Some(hour) = core.strip_suffix(":00").filter(|_| half_of_day(after.core).is_some()) {
            return Some(cardinal(hour.parse().ok()?));
        }
        simple(core)
    }
}

/// A number with what is written at it.
fn simple(core: &str) -> Option<String> {
    if let Some((currency, rest)) = currency(core) {
        let (amount, tail) = Amount::of(rest)?;
        return match (thousands(tail), tail.strip_prefix('/')) {
            (Some(times), _) => Some(format!("{} {times} {}", amount.said(), currency.whole[1])),
            (None, Some(per)) if !per.is_empty() => Some(format!("{} per {per}", amount.of_money(currency))),
            _ => tail.is_empty().then(|| amount.of_money(currency)),
        };
    }
    let Some((amount, tail)) = Amount::of(core) else {
        return single(core).map(str::to_owned).or_else(|| mixed(core));
    };
    let is_whole = amount.part.is_none();
    if tail.is_empty() {
        return Some(if is_whole { whole(core) } else { amount.said() });
    }
    if is_whole && let Some(said) = behind_whole(amount.whole(), tail) {
        return Some(said);
    }
    if let Some(parts) = single(tail) {
        return Some(format!("{} and {parts}", amount.said()));
    }
    if let Some(name) = unit(tail, amount.is_one(), false) {
        return Some(format!("{} {name}", amount.said()));
    }
    if let Some(said) = listed(core, '.', " point ").or_else(|| listed(core, ',', ", ")) {
        return Some(said);
    }
    if let Some(words) = tail.strip_prefix('-').filter(|words| words.starts_with(char::is_alphabetic)) {
        return Some(format!("{} {}", amount.said(), words.replace('-', " ")));
    }
    mixed(core)
}

/// What is behind a whole number: an ordinal's ending, a plural's, minutes and so on.
fn behind_whole(number: &str, tail: &str) -> Option<String> {
    let value: u64 = number.parse().ok()?;
    let tail = &tail.to_lowercase();
    match tail.as_str() {
        "st" | "nd" | "rd" | "th" => return Some(ordinal(value)),
        "'s" | "’s" => return Some(plural(&whole(number))),
        "s" if number.len() > 1 => return Some(plural(&whole(number))),
        "+" => return Some(format!("{} plus", whole(number))),
        _ => {}
    }
    if let Some(half) = half_of_day(tail) {
        return Some(format!("{} {half}", whole(number)));
    }
    if let Some(rest) = tail.strip_prefix(':') {
        return time(value, rest);
    }
    if let Some(other) = tail.strip_prefix(['x', '×']).filter(|other| digits_only(other).is_some()) {
        return Some(format!("{} by {}", whole(number), whole(other)));
    }
    let rest = tail.strip_prefix('/')?;
    if let Some(below) = rest.parse().ok().filter(|below| value < *below) {
        return Some(parts_of(value, below));
    }
    Some(format!("{} {}", whole(number), listed(rest, '/', " ")?))
}

/// Whole numbers with a sign between them, which is said in this way.
fn listed(text: &str, sign: char, said: &str) -> Option<String> {
    let numbers = text.split(sign).map(|number| digits_only(number).map(|_| whole(number)));
    numbers.collect::<Option<Vec<_>>>().map(|numbers| numbers.join(said))
}

/// The fraction that a text is, if it is one sign.
fn single(text: &str) -> Option<&'static str> {
    let mut letters = text.chars();
    letters.next().filter(|_| letters.as_str().is_empty()).and_then(fraction)
}

/// An hour, and what is behind its colon: minutes, seconds and half of the day. A single digit makes it a score.
fn time(hour: u64, rest: &str) -> Option<String> {
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != ':').unwrap_or(rest.len());
    let (minutes, half) = rest.split_at_checked(end)?;
    let half = if half.is_empty() { "" } else { half_of_day(half)? };
    let hour_said = cardinal(hour);
    if let Some(1) = digits_only(minutes) {
        return Some(format!("{hour_said} to {}", whole(minutes)));
    }
    let parts: Vec<&str> = minutes.split(':').collect();
    let is_part = |part: &&str| digits_only(part) == Some(2) && part.parse().is_ok_and(|part: u64| part < 60);
    if !parts.iter().all(is_part) {
        return None;
    }
    let mut said = vec![hour_said];
    match (parts.as_slice(), half) {
        (["00"], "") if hour > 12 => said.push("hundred".to_owned()),
        (["00"], "") => said.push("o'clock".to_owned()),
        (["00"], _) => {}
        _ => said.extend(parts.iter().map(|part| match part.strip_prefix('0') {
            Some(digit) => format!("oh {}", if digit == "0" { "oh".to_owned() } else { digits(digit) }),
            None => whole(part),
        })),
    }
    said.extend((!half.is_empty()).then(|| half.to_owned()));
    Some(said.join(" "))
}

/// `a.m.` or `p.m.`, however it is written.
fn half_of_day(written: &str) -> Option<&'static str> {
    match written.to_lowercase().replace('.', "").trim() {
        // With a stop, as `AM` could be a word in capitals.
        "am" => Some("A.M"),
        "pm" => Some("P.M"),
        _ => None,
    }
}

/// A whole number by itself: digits where zeros lead, a year where it could be one.
pub(super) fn whole(number: &str) -> String {
    let plain = number.replace(',', "");
    match plain.parse() {
        Ok(value) if plain.len() == 1 || !plain.starts_with('0') => match value {
            1000..=2099 if number.len() == 4 => year(value),
            _ => cardinal(value),
        },
        _ => digits(&plain),
    }
}

/// Letters and digits in turn: `MP3`, `COVID-19`.
fn mixed(core: &str) -> Option<String> {
    if !core.chars().all(|letter| letter.is_alphanumeric() || letter == '-') {
        return None;
    }
    let parts = core.split('-').flat_map(|part| part_runs(part));
    let said: Vec<String> =
        parts.map(|run| if digits_only(run).is_some() { whole(run) } else { run.to_owned() }).collect();
    Some(said.join(" "))
}

/// A word cut between letters and digits.
fn part_runs(part: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let end =
            rest.find(|letter: char| letter.is_ascii_digit() != first.is_ascii_digit()).unwrap_or(rest.len());
        let (run, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        runs.push(run);
        rest = behind;
    }
    runs
}

/// Both ends of a range, which begin with digits or money.
fn range(core: &str) -> Option<(&str, &str)> {
    let (first, last) = core.split_once(['-', '–'])?;
    let begins = |text: &str| {
        let digits = currency(text).map_or(text, |(_, rest)| rest);
        digits.starts_with(|digit: char| digit.is_ascii_digit())
    };
    let ends = first.ends_with(|letter: char| letter.is_ascii_digit() || letter == '%');
    (begins(first) && ends && begins(last)).then_some((first, last))
}

/// How many digits a text is, if it is only digits.
pub(super) fn digits_only(text: &str) -> Option<usize> {
    (!text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).then_some(text.len())
}

/// `two thirds`; two numbers where nobody says parts.
fn parts_of(number: u64, of: u64) -> String {
    let name = match of {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        3 | 5..=10 | 16 | 32 | 64 | 100 | 1000 => ordinal(of),
        _ => return format!("{} {}", cardinal(number), cardinal(of)),
    };
    format!("{} {}", cardinal(number), if number == 1 { name } else { plural(&name) })
}

/// A sign that is a fraction.
fn fraction(sign: char) -> Option<&'static str> {
    Some(match sign {
        '½' => "a half",
        '⅓' => "a third",
        '⅔' => "two thirds",
        '¼' => "a quarter",
        '¾' => "three quarters",
        '⅛' => "an eighth",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        let all = words.iter().zip(readings(&words));
        all.map(|(word, reading)| reading.unwrap_or_else(|| (*word).to_owned())).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_are_said_as_a_listener_expects() {
        for (written, expected) in [
            ("the 21st of May", "the twenty first of May"),
            ("1st, 2nd, (3rd) and 112th.", "first, second, (third) and one hundred twelfth."),
            ("In 1999, 2005 and 1066", "In nineteen ninety nine, two thousand five and ten sixty six"),
            (
                "1,999 and 12345",
                "one thousand nine hundred ninety nine and twelve thousand three hundred forty five",
            ),
            ("the 1990s and the '90s", "the nineteen nineties and the nineties"),
            ("3.14, 0.5 and .5", "three point one four, zero point five and point five"),
            ("-5 or -$2", "minus five or minus two dollars"),
            ("10-20%, 1990–95", "ten to twenty percent, nineteen ninety to ninety five"),
            ("call 555-0134", "call five five five zero one three four"),
            ("1/2, 2/3 and 3/4 of 9/11", "one half, two thirds and three quarters of nine eleven"),
            ("½ cup, 1½ cups", "a half cup, one and a half cups"),
            ("12/25/2024", "twelve twenty five twenty twenty four"),
            ("3.2.1", "three point two point one"),
            ("1,2,3", "one, two, three"),
            ("#1 and No. 5", "number one and number five"),
            ("agent 007", "agent zero zero seven"),
            ("50 %, 100+", "fifty percent, one hundred plus"),
            ("4x4", "four by four"),
            ("a 10-year-old", "a ten year old"),
            ("COVID-19, MP3", "COVID nineteen, MP three"),
            (
                "98765432109876543210",
                "nine eight seven six five four three two one zero nine eight seven six five four three two one zero",
            ),
        ] {
            assert_eq!(said(written), expected);
        }
    }

    #[test]
    fn money_has_its_currency_behind_it() {
        for (written, expected) in [
            ("$3.50", "three dollars and fifty cents"),
            ("$1, £1.01", "one dollar, one pound and one penny"),
            ("$0.99!", "ninety nine cents!"),
            ("$1,000.00", "one thousand dollars"),
            ("$5 million, or $1.5 billion.", "five million dollars, or one point five billion dollars."),
            ("$3M and $20k", "three million dollars and twenty thousand dollars"),
            ("$2.5", "two point five dollars"),
            ("$5-$10", "five dollars to ten dollars"),
            ("¥500, €20", "five hundred yen, twenty euros"),
            ("$9/month", "nine dollars per month"),
        ] {
            assert_eq!(said(written), expected);
        }
    }

    #[test]
    fn times_and_dates_are_said_as_such() {
        for (written, expected) in [
            ("3:30", "three thirty"),
            ("at 3:05 pm", "at three oh five P.M"),
            ("3:00, 3:00 PM", "three o'clock, three P.M"),
            ("15:00 or 15:30", "fifteen hundred or fifteen thirty"),
            ("5pm, 10:30am", "five P.M, ten thirty A.M"),
            ("at 5 p.m. today", "at five P.M today"),
            ("at 5 p.m.", "at five P.M."),
            ("10:30:15", "ten thirty fifteen"),
            ("won 2:1", "won two to one"),
            ("May 5, 1999", "May fifth, nineteen ninety nine"),
            ("Jan. 31", "January thirty first"),
            ("May 32", "May thirty two"),
            ("In May, 5 came", "In May, five came"),
        ] {
            assert_eq!(said(written), expected);
        }
    }

    #[test]
    fn units_have_their_names_behind_numbers_alone() {
        for (written, expected) in [
            ("5 km, 1 km and 5km", "five kilometers, one kilometer and five kilometers"),
            ("20 °C or 68°F", "twenty degrees Celsius or sixty eight degrees Fahrenheit"),
            ("100 km/h", "one hundred kilometers per hour"),
            ("2.4 GHz", "two point four gigahertz"),
            ("5 in my bag", "five in my bag"),
            ("5. km and km", "five. km and km"),
            ("m is no unit", "m is no unit"),
        ] {
            assert_eq!(said(written), expected);
        }
    }

    #[test]
    fn what_has_no_number_stays() {
        for text in ["No. That is Jan. Mr. Hall's.", "...", "$", "a million", "5'9\"", "3;4"] {
            assert_eq!(said(text), text);
        }
    }
}
