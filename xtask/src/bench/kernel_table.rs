//! What the bench of kernels prints, and the table of it.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::report::plain;

const HEAD: &str = "\
| kernel | what | time | speed | share of the ceiling |
|---|---|---:|---:|---:|
";

/// The ceilings of a machine, and how fast kernels are on it.
pub struct Table {
    rounds: usize,
    ceiling: Ceiling,
    lines: Vec<Line>,
}

/// One line of what the bench prints.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Record {
    Ceiling(Ceiling),
    Line(Line),
}

/// What can be done in a second.
#[derive(Deserialize)]
struct Ceiling {
    threads: usize,
    level: String,
    read: f64,
    copy: f64,
    arithmetic: f64,
}

#[derive(Deserialize)]
struct Line {
    kernel: String,
    what: String,
    seconds: f64,
    bytes: f64,
    operations: f64,
    limit: Limit,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Limit {
    Read,
    Copy,
    Arithmetic,
}

impl Table {
    /// The records of one round, one a line.
    pub fn read(text: &str) -> Result<Self> {
        let (mut ceiling, mut lines) = (None, Vec::new());
        for line in text.lines().filter(|line| line.starts_with('{')) {
            match serde_json::from_str(line).with_context(|| format!("{line}: not a record of the bench"))? {
                Record::Ceiling(found) => ceiling = Some(found),
                Record::Line(line) => lines.push(line),
            }
        }
        let ceiling = ceiling.context("the bench of kernels printed no ceiling")?;
        Ok(Self { rounds: 1, ceiling, lines })
    }

    /// The best of both, in each line.
    pub fn better(mut self, other: Self) -> Self {
        self.rounds += other.rounds;
        let Ceiling { read, copy, arithmetic, .. } = &mut self.ceiling;
        *read = read.max(other.ceiling.read);
        *copy = copy.max(other.ceiling.copy);
        *arithmetic = arithmetic.max(other.ceiling.arithmetic);
        for line in &mut self.lines {
            let same = |that: &&Line| that.kernel == line.kernel && that.what == line.what;
            let seconds = other.lines.iter().find(same).map_or(f64::INFINITY, |that| that.seconds);
            line.seconds = line.seconds.min(seconds);
        }
        self
    }

    /// The part of a document, with facts about the machine, each with its name.
    pub fn part(&self, command: &str, date: &str, facts: &[(String, String)]) -> String {
        let mut part = format!("## Kernels on a CPU\n\n`{command}` on {date}\n\n");
        for (name, fact) in facts.iter().chain(&self.ceiling.facts()) {
            let _ = writeln!(part, "- {name}: {fact}");
        }
        let _ = writeln!(
            part,
            "\nThe ceilings and every line are the best of {} rounds, as neighbours disturb. What memory bounds works on \
             operands that do\nnot fit the caches together: GB/s are held against reading, or against copying where \
             a kernel writes about as much as it reads.\nGFLOP/s are held against the fastest f32 product that was seen, which \
             is below what the instructions allow; products of\nintegers may be faster.\n",
            self.rounds
        );
        part += HEAD;
        self.lines.iter().for_each(|line| part += &line.row(&self.ceiling));
        part
    }
}

impl Ceiling {
    fn facts(&self) -> [(String, String); 3] {
        let [read, copy, arithmetic] =
            [self.read, self.copy, self.arithmetic].map(|speed| plain(speed / 1e9));
        [
            ("threads", format!("{}, {}", self.threads, self.level)),
            (
                "memory",
                format!("{read} GB/s read; {copy} GB/s copied, which counts bytes read and bytes written"),
            ),
            ("arithmetic", format!("{arithmetic} GFLOP/s in the fastest f32 product")),
        ]
        .map(|(name, fact)| (name.to_owned(), fact))
    }
}

impl Line {
    fn row(&self, ceiling: &Ceiling) -> String {
        let (done, most, unit) = match self.limit {
            Limit::Read => (self.bytes, ceiling.read, "GB/s read"),
            Limit::Copy => (self.bytes, ceiling.copy, "GB/s copied"),
            Limit::Arithmetic => (self.operations, ceiling.arithmetic, "GFLOP/s"),
        };
        let speed = done / self.seconds;
        format!(
            "| {} | {} | {} | {} {unit} | {:.0} % |\n",
            self.kernel,
            self.what,
            time(self.seconds),
            plain(speed / 1e9),
            speed / most * 100.0
        )
    }
}

fn time(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{} us", plain(seconds * 1e6))
    } else {
        format!("{} ms", plain(seconds * 1e3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(read: f64, arithmetic: f64, seconds: [f64; 3]) -> Table {
        let [a, b, c] = seconds;
        Table::read(&format!(
            r#"a line of another kind
{{"ceiling":{{"threads":2,"level":"avx2","read":{read:e},"copy":10e9,"arithmetic":{arithmetic:e}}}}}
{{"line":{{"kernel":"a","what":"1 row","seconds":{a:e},"bytes":1000000,"operations":7,"limit":"read"}}}}
{{"line":{{"kernel":"a","what":"many","seconds":{b:e},"bytes":7,"operations":100000000,"limit":"arithmetic"}}}}
{{"line":{{"kernel":"b","what":"rows","seconds":{c:e},"bytes":1000000,"operations":0,"limit":"copy"}}}}
"#
        ))
        .unwrap()
    }

    #[test]
    fn each_line_and_ceiling_is_the_best_of_all_rounds() {
        let best = table(20e9, 50e9, [1e-4, 2e-3, 1e-4]).better(table(10e9, 100e9, [2e-4, 1e-3, 2e-4]));
        let part = best.part("cargo x", "2000-01-01", &[("processor".to_owned(), "fast".to_owned())]);
        let rows = "\
| a | 1 row | 100 us | 10.0 GB/s read | 50 % |
| a | many | 1.00 ms | 100 GFLOP/s | 100 % |
| b | rows | 100 us | 10.0 GB/s copied | 100 % |
";
        assert!(part.ends_with(&format!("{HEAD}{rows}")), "{part}");
        assert!(part.starts_with("## Kernels on a CPU\n\n`cargo x` on 2000-01-01\n\n- processor: fast\n"));
        assert!(
            part.contains("the best of 2 rounds") && part.contains("- memory: 20.0 GB/s read;"),
            "{part}"
        );
    }

    #[test]
    fn a_record_that_is_not_understood_is_quoted() {
        let message = Table::read("{\"line\":1}").err().unwrap().to_string();
        assert_eq!(message, "{\"line\":1}: not a record of the bench");
        assert!(Table::read("").err().unwrap().to_string().contains("no ceiling"));
    }
}
