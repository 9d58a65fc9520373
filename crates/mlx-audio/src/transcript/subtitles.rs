//! Subtitles: a text for each span of time, whose lines fit on a screen.

use super::{Segment, Word};

/// Letters of a line. The usual measure of television.
const LINE: usize = 42;

/// Lines that are shown together.
const LINES: usize = 2;

/// A text that is shown.
#[derive(Debug, PartialEq)]
struct Cue {
    start: u64,
    end: u64,
    text: String,
}

/// SubRip.
pub(super) fn srt(segments: &[Segment]) -> String {
    let cue = |(number, cue): (usize, Cue)| {
        let [start, end] = [cue.start, cue.end].map(|time| stamp(time, ','));
        format!("{}{}\n{start} --> {end}\n{}\n", if number > 1 { "\n" } else { "" }, number, cue.text)
    };
    (1..).zip(cues(segments)).map(cue).collect()
}

/// WebVTT, whose texts are escaped.
pub(super) fn vtt(segments: &[Segment]) -> String {
    let cue = |cue: Cue| {
        let [start, end] = [cue.start, cue.end].map(|time| stamp(time, '.'));
        let text = cue.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("\n{start} --> {end}\n{text}\n")
    };
    std::iter::once("WEBVTT\n".to_owned()).chain(cues(segments).into_iter().map(cue)).collect()
}

/// Whole milliseconds, as the form has them: 59.9996 s are a minute.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

fn stamp(time: u64, point: char) -> String {
    let (seconds, thousandths) = (time / 1000, time % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{:02}:{:02}:{seconds:02}{point}{thousandths:03}", minutes / 60, minutes % 60)
}

/// What is shown one after another. Where the times of words are known, long texts are cut between words.
fn cues(segments: &[Segment]) -> Vec<Cue> {
    let mut cues: Vec<Cue> = segments.iter().flat_map(of_segment).collect();
    cues.retain(|cue| !cue.text.is_empty());
    // What is shown ends before the next begins.
    let starts: Vec<_> = cues.iter().skip(1).map(|cue| cue.start).collect();
    for (cue, next) in cues.iter_mut().zip(starts) {
        cue.end = cue.end.min(next.max(cue.start));
    }
    cues
}

fn of_segment(segment: &Segment) -> Vec<Cue> {
    if segment.words.is_empty() {
        let (start, end) = (milliseconds(segment.start), milliseconds(segment.end));
        return vec![Cue { start, end, text: lines(segment.text.split_whitespace()).join("\n") }];
    }
    let mut parts: Vec<&[Word]> = vec![&segment.words];
    let mut cues = Vec::new();
    while let Some(words) = parts.pop() {
        let text = lines(words.iter().map(|word| word.word.trim()).filter(|word| !word.is_empty()));
        if text.len() > LINES && words.len() > 1 {
            let (first, rest) = words.split_at(fitting(words));
            parts.extend([rest, first]);
        } else if let (Some(first), Some(last)) = (words.first(), words.last()) {
            let (start, end) = (milliseconds(first.start), milliseconds(last.end));
            cues.push(Cue { start, end, text: text.join("\n") });
        }
    }
    cues
}

/// How many of the first words fit into the lines that are shown together; one at least, and not all.
fn fitting(words: &[Word]) -> usize {
    let fits = |count: &usize| lines(words.iter().take(*count).map(|word| word.word.trim())).len() <= LINES;
    (1..words.len()).take_while(fits).last().unwrap_or(1)
}

/// Words in lines that are filled from the first on. A word that is longer than a line has one for itself.
fn lines<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start: f64, end: f64, text: &str) -> Segment {
        Segment { start, end, text: text.to_owned(), ..Segment::default() }
    }

    #[test]
    fn times_are_rounded_before_they_are_taken_apart() {
        assert_eq!(stamp(milliseconds(59.9996), ','), "00:01:00,000");
        assert_eq!(stamp(milliseconds(3_661.5), '.'), "01:01:01.500");
        assert_eq!(stamp(milliseconds(360_000.0), '.'), "100:00:00.000");
        assert_eq!(milliseconds(-1.0), 0);
    }

    #[test]
    fn subtitles_are_numbered_and_do_not_overlap() {
        let segments = [segment(0.0, 2.5, " One."), segment(2.0, 3.0, " Two & <three>.")];
        assert_eq!(
            srt(&segments),
            "1\n00:00:00,000 --> 00:00:02,000\nOne.\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo & <three>.\n"
        );
        assert_eq!(
            vtt(&segments),
            "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nOne.\n\n00:00:02.000 --> 00:00:03.000\nTwo &amp; &lt;three&gt;.\n"
        );
    }

    #[test]
    fn a_long_segment_is_cut_between_words_whose_times_are_known() {
        let words: Vec<_> = (0..30)
            .map(|at| Word {
                word: " eleventeen".to_owned(),
                start: f64::from(at),
                end: f64::from(at) + 0.5,
                probability: 1.0,
            })
            .collect();
        let cues = of_segment(&Segment { words, ..segment(0.0, 30.0, "") });
        // Three words of ten letters fit into a line.
        assert_eq!(cues.len(), 5);
        assert!(cues.iter().all(|cue| cue.text.lines().all(|line| line.chars().count() <= LINE)));
        assert_eq!((cues[1].start, cues[1].end), (6_000, 11_500));
    }
}
