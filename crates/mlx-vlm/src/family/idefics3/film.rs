//! What stands for a video: how many frames there are, how long it is, and the time of each frame.

use std::time::Duration;

use super::whole;

/// The text for frames of so many tokens each, so far apart.
pub(super) fn shown(frames: &[usize], interval: Duration) -> String {
    let seconds = |frame: usize| (interval.as_secs_f64() * frame as f64) as u64;
    let long = seconds(frames.len());
    let (hours, minutes, rest) = (long / 3600, long / 60 % 60, long % 60);
    let count = words(frames.len());
    let mut text = format!(
        "You are provided the following series of {count} frames from a {hours}:{minutes:02}:{rest:02} [H:MM:SS] video.\n"
    );
    for (at, tokens) in frames.iter().enumerate() {
        let time = seconds(at);
        text += &format!("\nFrame from {:02}:{:02}:{}", time / 60, time % 60, whole(*tokens));
    }
    text + "\n\n"
}

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

/// A number below a thousand in words, a larger one in digits.
fn words(number: usize) -> String {
    let named = |names: &[&str], at: usize| names.get(at).copied().unwrap_or_default().to_owned();
    match number {
        0..20 => named(&ONES, number),
        20..100 if number.is_multiple_of(10) => named(&TENS, number / 10),
        20..100 => named(&TENS, number / 10) + "-" + &named(&ONES, number % 10),
        100..1000 if number.is_multiple_of(100) => named(&ONES, number / 100) + " hundred",
        100..1000 => named(&ONES, number / 100) + " hundred and " + &words(number % 100),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_words() {
        let cases = [
            (0, "zero"),
            (19, "nineteen"),
            (40, "forty"),
            (64, "sixty-four"),
            (120, "one hundred and twenty"),
        ];
        for (number, expected) in cases {
            assert_eq!(words(number), expected);
        }
    }

    #[test]
    fn frames_are_told_by_their_time() {
        let text = shown(&[0, 0], Duration::from_secs(70));
        assert!(text.starts_with(
            "You are provided the following series of two frames from a 0:02:20 [H:MM:SS] video.\n"
        ));
        assert!(
            text.contains("\nFrame from 00:00:<fake") && text.contains("\nFrame from 01:10:<fake"),
            "{text}"
        );
    }
}
