//! What was found out, and what is wrong.

use std::fmt;
use std::io::{self, Write};

use mlx_memory::Bytes;
use serde_json::{Map, Value, json};

use crate::terminal::Paint;

/// Facts by their section, and what is to be said of them.
#[derive(Default)]
pub(super) struct Report {
    before: Vec<Section>,
    current: Section,
    findings: Vec<Finding>,
}

/// Facts of one kind.
#[derive(Default)]
pub(super) struct Section {
    name: &'static str,
    facts: Vec<(String, Datum)>,
}

/// Something found out.
pub(super) enum Datum {
    Text(String),
    Number(u64),
    Decimal(f64),
    Size(Bytes),
    Flag(bool),
    List(Vec<String>),
    Unknown,
}

/// Something that is not as it should be, or not as it could be.
struct Finding {
    /// Whether something does not work.
    is_wrong: bool,
    about: &'static str,
    problem: String,
    way_out: String,
}

impl Report {
    /// Begins a section, to which facts are added from now on.
    pub(super) fn section(&mut self, name: &'static str) -> &mut Section {
        let current = std::mem::replace(&mut self.current, Section { name, facts: Vec::new() });
        self.before.push(current);
        &mut self.current
    }

    /// The section that was begun last.
    pub(super) fn current(&mut self) -> &mut Section {
        &mut self.current
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        self.before.iter().chain([&self.current]).filter(|section| !section.name.is_empty())
    }

    /// Says that something does not work, and what to do.
    pub(super) fn wrong(&mut self, problem: impl fmt::Display, way_out: impl fmt::Display) {
        self.find(true, &problem, &way_out);
    }

    /// Says that something is not as good as it could be, or unusual, and what to do if that is not wanted.
    pub(super) fn note(&mut self, problem: impl fmt::Display, way_out: impl fmt::Display) {
        self.find(false, &problem, &way_out);
    }

    fn find(&mut self, is_wrong: bool, problem: &dyn fmt::Display, way_out: &dyn fmt::Display) {
        let about = self.current.name;
        let [problem, way_out] = [problem, way_out].map(|text| text.to_string().replace('\n', " "));
        self.findings.push(Finding { is_wrong, about, problem, way_out });
    }

    /// Whether something does not work.
    pub(super) fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.is_wrong)
    }

    /// One object: an object of facts for each section, then `findings`, and whether all is `ok`.
    pub(super) fn object(&self) -> Value {
        let mut all = Map::new();
        for Section { name, facts } in self.sections() {
            let facts = facts.iter().map(|(name, datum)| (key(name), datum.value()));
            all.insert(key(name), facts.collect::<Map<_, _>>().into());
        }
        let findings = self.findings.iter().map(Finding::object);
        all.insert("findings".into(), findings.collect());
        all.insert("ok".into(), (!self.is_wrong()).into());
        all.into()
    }

    /// A line for each fact, then what is to be said of them.
    pub(super) fn print(&self, out: &mut impl Write, paint: Paint) -> io::Result<()> {
        for Section { name, facts } in self.sections() {
            writeln!(out, "{}", paint.heading(name))?;
            for (name, datum) in facts {
                writeln!(out, "  {name:<20}{datum}")?;
            }
        }
        writeln!(out, "{}", paint.heading("findings"))?;
        for Finding { is_wrong, about, problem, way_out } in &self.findings {
            let kind = if *is_wrong { paint.wrong("wrong") } else { paint.doubtful("note") };
            writeln!(out, "  {kind}: {about}: {problem}\n    {way_out}")?;
        }
        let end = if self.is_wrong() { "something is wrong" } else { "nothing is wrong" };
        writeln!(out, "  {end}")
    }
}

impl Section {
    /// Adds a fact.
    pub(super) fn fact(&mut self, name: impl Into<String>, datum: impl Into<Datum>) -> &mut Self {
        self.facts.push((name.into(), datum.into()));
        self
    }
}

impl Finding {
    fn object(&self) -> Value {
        let severity = if self.is_wrong { "wrong" } else { "note" };
        json!({"severity": severity, "about": key(self.about), "problem": self.problem, "way_out": self.way_out})
    }
}

/// A name as JSON has it.
fn key(name: &str) -> String {
    name.replace([' ', '-'], "_").to_lowercase()
}

impl Datum {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Decimal(number) => (*number).into(),
            Self::Size(bytes) => bytes.get().into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(list) => list.as_slice().into(),
            Self::Unknown => Value::Null,
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number:.2}"),
            Self::Size(bytes) => write!(f, "{bytes}"),
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::List(list) if list.is_empty() => f.write_str("none"),
            Self::List(list) => f.write_str(&list.join(", ")),
            Self::Unknown => f.write_str("not known"),
        }
    }
}

macro_rules! data {
    ($($from:ty => |$it:ident| $to:expr;)*) => {$(
        impl From<$from> for Datum {
            fn from($it: $from) -> Self {
                $to
            }
        }
    )*};
}

data! {
    &str => |text| Self::Text(text.to_owned());
    String => |text| Self::Text(text);
    usize => |number| Self::Number(number as u64);
    f64 => |number| Self::Decimal(number);
    Bytes => |bytes| Self::Size(bytes);
    bool => |flag| Self::Flag(flag);
    Vec<String> => |list| Self::List(list);
}

impl<T: Into<Datum>> From<Option<T>> for Datum {
    fn from(datum: Option<T>) -> Self {
        datum.map_or(Self::Unknown, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_nothing_wrong_and_both_have_their_section() {
        let mut report = Report::default();
        report.section("Hub cache").fact("free space", Bytes::gib(3)).fact("models", vec!["a/b".to_owned()]);
        report.note("offline", "unset it");
        assert!(!report.is_wrong());
        report.wrong("it is\nfull", "delete");
        let object = report.object();
        assert_eq!(object["hub_cache"], json!({"free_space": 3_u64 << 30, "models": ["a/b"]}));
        assert_eq!(object["findings"][1]["about"], "hub_cache");
        assert_eq!((&object["findings"][1]["severity"], &object["ok"]), (&json!("wrong"), &json!(false)));
        let mut text = Vec::new();
        report.print(&mut text, Paint::none()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("  free space          3.0 GiB\n"), "{text}");
        assert!(
            text.contains("  wrong: Hub cache: it is full\n    delete\n  something is wrong\n"),
            "{text}"
        );
    }
}
