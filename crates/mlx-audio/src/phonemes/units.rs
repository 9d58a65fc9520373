//! Units of measures and money, as they are written and as they are said.

/// A unit behind a number: as it is written, one of it, and several.
type Unit = (&'static str, &'static str, &'static str);

const UNITS: [Unit; 47] = [
    ("mm", "millimeter", "millimeters"),
    ("cm", "centimeter", "centimeters"),
    ("m", "meter", "meters"),
    ("km", "kilometer", "kilometers"),
    ("in", "inch", "inches"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("mi", "mile", "miles"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("kg", "kilogram", "kilograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ms", "millisecond", "milliseconds"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("mph", "mile per hour", "miles per hour"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("dB", "decibel", "decibels"),
    ("°", "degree", "degrees"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("%", "percent", "percent"),
];

/// Units that are words of their own, which stand for units only where no space is before them.
const WORDS: [&str; 2] = ["in", "s"];

/// What a unit is called behind one or several. It may stand apart from its number.
pub(super) fn unit(written: &str, is_one: bool, is_apart: bool) -> Option<&'static str> {
    let known = UNITS.iter().find(|(known, ..)| *known == written)?;
    (!is_apart || !WORDS.contains(&written)).then_some(if is_one { known.1 } else { known.2 })
}

/// A currency: its sign, what one of it is called and several, and the same for its hundredths.
pub(super) struct Currency {
    sign: char,
    pub(super) whole: [&'static str; 2],
    /// None where there are no smaller coins.
    pub(super) part: Option<[&'static str; 2]>,
}

const CURRENCIES: [Currency; 5] = [
    Currency { sign: '$', whole: ["dollar", "dollars"], part: Some(["cent", "cents"]) },
    Currency { sign: '€', whole: ["euro", "euros"], part: Some(["cent", "cents"]) },
    Currency { sign: '£', whole: ["pound", "pounds"], part: Some(["penny", "pence"]) },
    Currency { sign: '¥', whole: ["yen", "yen"], part: None },
    Currency { sign: '₹', whole: ["rupee", "rupees"], part: None },
];

/// The currency that a word begins with, and what is behind its sign.
pub(super) fn currency(word: &str) -> Option<(&'static Currency, &str)> {
    CURRENCIES.iter().find_map(|currency| Some((currency, word.strip_prefix(currency.sign)?)))
}

/// The thousands, millions and so on that a letter behind an amount of money stands for.
pub(super) fn thousands(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "k" | "K" => "thousand",
        "m" | "M" | "mn" => "million",
        "b" | "B" | "bn" => "billion",
        "tn" | "T" => "trillion",
        _ => return None,
    })
}

/// Whether a word multiplies an amount before it.
pub(super) fn multiplies(word: &str) -> bool {
    ["hundred", "thousand", "million", "billion", "trillion"].contains(&word)
}

/// Whether a word names a month, whole or short.
pub(super) fn month(word: &str) -> Option<&'static str> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let short = |month: &str| month.get(..3) == Some(word) || month == "September" && word == "Sept";
    MONTHS.into_iter().find(|month| *month == word || short(month))
}
