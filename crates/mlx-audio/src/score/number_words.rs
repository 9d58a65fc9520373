//! Words that numbers are made of.

/// What a word says in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberWord {
    /// `zero`, `oh` or `o`.
    Zero,
    /// One to nineteen.
    Ones(u128),
    /// An ordinal or plural of zero to nineteen, and its ending.
    OnesEnding(u128, &'static str),
    /// Twenty to ninety.
    Tens(u128),
    /// An ordinal or plural of twenty to ninety.
    TensEnding(u128, &'static str),
    /// A hundred and more, which multiply.
    Times(u128),
    /// An ordinal or plural of what multiplies.
    TimesEnding(u128, &'static str),
    /// A sign before a number.
    Sign(char),
    /// A currency, said behind a number and written before it.
    Currency(char),
    /// `percent`.
    Percent,
    /// `per`, which `cent` may follow.
    Per,
    /// `and`.
    And,
    /// `double` and `triple`.
    Repeat(usize),
    /// `point`.
    Point,
}

const ONES: [&str; 19] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

/// From zero. Whisper spells that of nine as a rule would, so `ninth` is no number.
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "nineth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];

const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// What multiplies, and the zeros that it adds.
const TIMES: [(&str, u32); 12] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
    ("trillion", 12),
    ("quadrillion", 15),
    ("quintillion", 18),
    ("sextillion", 21),
    ("septillion", 24),
    ("octillion", 27),
    ("nonillion", 30),
    ("decillion", 33),
];

impl NumberWord {
    /// What a word says, if it is one of numbers.
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "zero" | "oh" | "o" => Self::Zero,
            "minus" | "negative" => Self::Sign('-'),
            "plus" | "positive" => Self::Sign('+'),
            "pound" | "pounds" => Self::Currency('£'),
            "euro" | "euros" => Self::Currency('€'),
            "dollar" | "dollars" => Self::Currency('$'),
            "cent" | "cents" => Self::Currency('¢'),
            "percent" => Self::Percent,
            "per" => Self::Per,
            "and" => Self::And,
            "double" => Self::Repeat(2),
            "triple" => Self::Repeat(3),
            "point" => Self::Point,
            _ => return ones(word).or_else(|| tens(word)).or_else(|| times(word)),
        })
    }

    /// Whether a point can stand before it.
    pub(super) fn is_decimal(self) -> bool {
        matches!(self, Self::Zero | Self::Ones(_) | Self::Tens(_))
    }
}

fn ones(word: &str) -> Option<NumberWord> {
    let place = |words: &[&str], word: &str| words.iter().position(|known| *known == word);
    if let Some(at) = place(&ONES, word) {
        return Some(NumberWord::Ones(at as u128 + 1));
    }
    if let Some(value) = place(&ORDINALS, word) {
        let ending = match value {
            1 => "st",
            2 => "nd",
            3 => "rd",
            _ => "th",
        };
        return Some(NumberWord::OnesEnding(value as u128, ending));
    }
    let one = if word == "sixes" { "six" } else { word.strip_suffix('s').filter(|&word| word != "six")? };
    place(&ONES, one).map(|at| NumberWord::OnesEnding(at as u128 + 1, "s"))
}

fn tens(word: &str) -> Option<NumberWord> {
    let value = |stem: &str| {
        let at = TENS.iter().position(|known| known.strip_suffix('y') == Some(stem))?;
        Some(10 * (at as u128 + 2))
    };
    let with = |ending: &str| word.strip_suffix(ending).and_then(value);
    let plural = || with("ies").map(|value| NumberWord::TensEnding(value, "s"));
    let ordinal = || with("ieth").map(|value| NumberWord::TensEnding(value, "th"));
    with("y").map(NumberWord::Tens).or_else(plural).or_else(ordinal)
}

fn times(word: &str) -> Option<NumberWord> {
    TIMES.iter().find_map(|&(known, zeros)| {
        let value = 10_u128.pow(zeros);
        match word.strip_prefix(known)? {
            "" => Some(NumberWord::Times(value)),
            "s" => Some(NumberWord::TimesEnding(value, "s")),
            "th" => Some(NumberWord::TimesEnding(value, "th")),
            _ => None,
        }
    })
}
