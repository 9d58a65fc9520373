//! Numbers in English words, as Americans say them.

const ONES: [&str; 20] = [
    "zero",
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

const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

const THOUSANDS: [&str; 7] =
    ["", " thousand", " million", " billion", " trillion", " quadrillion", " quintillion"];

/// Words whose ordinal is not the word with `th`.
const ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// How many: `forty two`.
pub(super) fn cardinal(number: u64) -> String {
    let mut groups = Vec::new();
    let mut rest = number;
    for name in THOUSANDS {
        let group = rest % 1000;
        if group > 0 || number == 0 && groups.is_empty() {
            groups.push(below_thousand(group) + name);
        }
        rest /= 1000;
    }
    groups.reverse();
    groups.join(" ")
}

/// Which one: `forty second`.
pub(super) fn ordinal(number: u64) -> String {
    let words = cardinal(number);
    let last = words.rsplit(' ').next().unwrap_or(&words);
    let other = ORDINALS.iter().find(|(word, _)| *word == last).map(|(_, ordinal)| (*ordinal).to_owned());
    let regular = || last.strip_suffix('y').map_or_else(|| format!("{last}th"), |stem| format!("{stem}ieth"));
    words.strip_suffix(last).unwrap_or_default().to_owned() + &other.unwrap_or_else(regular)
}

/// The number of a year: `nineteen oh five`. Those that are not said in two parts are as [`cardinal`] says them.
pub(super) fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (century, rest) {
        (10 | 20, 0..=9) => cardinal(number),
        (11..=99, 0) => below_hundred(century) + " hundred",
        (10..=99, 1..=9) => format!("{} oh {}", below_hundred(century), below_hundred(rest)),
        (10..=99, _) => format!("{} {}", below_hundred(century), below_hundred(rest)),
        _ => cardinal(number),
    }
}

/// Several: `nineties`, `ones`, `sixes`.
pub(super) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// One digit after the other.
pub(super) fn digits(text: &str) -> String {
    let names = text.chars().filter_map(|digit| ONES.get(digit.to_digit(10)? as usize).copied());
    names.collect::<Vec<_>>().join(" ")
}

fn below_thousand(number: u64) -> String {
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => below_hundred(hundreds) + " hundred",
        (hundreds, rest) => format!("{} hundred {}", below_hundred(hundreds), below_hundred(rest)),
    }
}

fn below_hundred(number: u64) -> String {
    let name = |names: &[&str], at: u64| {
        let name = usize::try_from(at).ok().and_then(|at| names.get(at).copied());
        name.unwrap_or_default().to_owned()
    };
    match (number / 10, number % 10) {
        (0 | 1, _) => name(&ONES, number),
        (tens, 0) => name(&TENS, tens),
        (tens, ones) => format!("{} {}", name(&TENS, tens), name(&ONES, ones)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_that_are_said() {
        for (number, name) in [
            (0, "zero"),
            (7, "seven"),
            (10, "ten"),
            (19, "nineteen"),
            (20, "twenty"),
            (42, "forty two"),
            (100, "one hundred"),
            (115, "one hundred fifteen"),
            (1_000, "one thousand"),
            (20_305, "twenty thousand three hundred five"),
            (1_000_001, "one million one"),
            (18_000_000_000_000_000_000, "eighteen quintillion"),
        ] {
            assert_eq!(cardinal(number), name);
        }
        for (number, name) in [
            (0, "zeroth"),
            (1, "first"),
            (2, "second"),
            (3, "third"),
            (4, "fourth"),
            (5, "fifth"),
            (8, "eighth"),
            (9, "ninth"),
            (12, "twelfth"),
            (20, "twentieth"),
            (21, "twenty first"),
            (100, "one hundredth"),
        ] {
            assert_eq!(ordinal(number), name);
        }
    }

    #[test]
    fn years_are_said_in_two_parts() {
        for (number, name) in [
            (1066, "ten sixty six"),
            (1900, "nineteen hundred"),
            (1905, "nineteen oh five"),
            (1999, "nineteen ninety nine"),
            (2000, "two thousand"),
            (2005, "two thousand five"),
            (2010, "twenty ten"),
            (1001, "one thousand one"),
            (476, "four hundred seventy six"),
        ] {
            assert_eq!(year(number), name);
        }
        assert_eq!(["ninety", "one", "six"].map(plural), ["nineties", "ones", "sixes"]);
        assert_eq!(digits("0-07"), "zero zero seven");
    }
}
