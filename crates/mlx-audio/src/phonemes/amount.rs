//! How much: a number that may have a point in it.

use super::number_names::{cardinal, digits};
use super::readings::{digits_only, whole};
use super::units::Currency;

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount<'a> {
    /// The digits before the point, with commas between thousands.
    whole: &'a str,
    /// Those behind it.
    pub(super) part: Option<&'a str>,
}

impl<'a> Amount<'a> {
    /// The number that a text begins with, and what is behind it.
    pub(super) fn of(text: &'a str) -> Option<(Self, &'a str)> {
        let (whole, rest) = split_digits(text);
        let (whole, rest) = with_thousands(text, whole, rest);
        let point = rest.strip_prefix('.').map(split_digits).filter(|(part, _)| !part.is_empty());
        let (part, rest) = point.map_or((None, rest), |(part, rest)| (Some(part), rest));
        (!whole.is_empty() || part.is_some()).then_some((Self { whole, part }, rest))
    }

    pub(super) fn whole(&self) -> &'a str {
        self.whole
    }

    pub(super) fn is_one(&self) -> bool {
        self.whole == "1" && self.part.is_none()
    }

    /// The number in words.
    pub(super) fn said(&self) -> String {
        let whole = match self.value() {
            Some(value) => cardinal(value),
            None => whole(self.whole),
        };
        match self.part {
            None => whole,
            Some(part) if self.whole.is_empty() => format!("point {}", digits(part)),
            Some(part) => format!("{whole} point {}", digits(part)),
        }
    }

    /// So much money.
    pub(super) fn of_money(&self, currency: &Currency) -> String {
        let name = |amount: u64, names: [&str; 2]| {
            let [one, several] = names;
            format!("{} {}", cardinal(amount), if amount == 1 { one } else { several })
        };
        let part = self.part.filter(|part| digits_only(part) == Some(2)).and_then(|part| part.parse().ok());
        match (self.value(), part, currency.part) {
            (Some(value), Some(0), _) => name(value, currency.whole),
            (Some(0), Some(part), Some(coins)) => name(part, coins),
            (Some(value), Some(part), Some(coins)) => {
                format!("{} and {}", name(value, currency.whole), name(part, coins))
            }
            (Some(value), None, _) if self.part.is_none() => name(value, currency.whole),
            _ => format!("{} {}", self.said(), currency.whole[1]),
        }
    }

    fn value(&self) -> Option<u64> {
        let plain = self.whole.replace(',', "");
        (plain == "0" || !plain.starts_with('0')).then(|| plain.parse().ok()).flatten()
    }
}

/// The digits that a text begins with, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// One to three digits with groups of three behind commas.
fn with_thousands<'a>(text: &'a str, first: &'a str, behind: &'a str) -> (&'a str, &'a str) {
    let mut rest = behind;
    while let Some((group, after)) =
        rest.strip_prefix(',').map(split_digits).filter(|(group, _)| group.len() == 3)
    {
        if first.is_empty() || first.len() > 3 || group.is_empty() {
            break;
        }
        rest = after;
    }
    (text.strip_suffix(rest).unwrap_or(first), rest)
}
