//! The forms in which a transcript is written.

use std::fmt;
use std::str::FromStr;

use super::{Transcript, subtitles};
use crate::{Error, Result};

/// The form in which a transcript is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The text of each segment on a line.
    #[default]
    Txt,
    /// All that is known.
    Json,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// Start and end in milliseconds, and the text, between tabs.
    Tsv,
}

const NAMES: [(Format, &str); 5] = [
    (Format::Txt, "txt"),
    (Format::Json, "json"),
    (Format::Srt, "srt"),
    (Format::Vtt, "vtt"),
    (Format::Tsv, "tsv"),
];

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name).map(|(format, _)| *format);
        let known = NAMES.map(|(_, name)| name).join(", ");
        found.ok_or_else(|| Error::option("format", name, format!("known are {known}")))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

impl Transcript {
    /// The transcript in this form, which ends with a line break if it is not empty.
    pub fn to_text(&self, format: Format) -> String {
        match format {
            Format::Txt => self.segments.iter().map(|segment| format!("{}\n", segment.text.trim())).collect(),
            Format::Json => serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default(),
            Format::Srt => subtitles::srt(&self.segments),
            Format::Vtt => subtitles::vtt(&self.segments),
            Format::Tsv => self.tsv(),
        }
    }

    fn tsv(&self) -> String {
        let lines = self.segments.iter().map(|segment| {
            let [start, end] = [segment.start, segment.end].map(subtitles::milliseconds);
            format!("{start}\t{end}\t{}\n", segment.text.trim().replace('\t', " "))
        });
        std::iter::once("start\tend\ttext\n".to_owned()).chain(lines).collect()
    }
}
