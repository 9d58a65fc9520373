//! The measurements as a part of a document.

use std::fmt::Write;

use super::program::{Program, Side, Speed, Work};

/// What was measured, and how.
pub struct Report {
    pub date: String,
    pub command: String,
    /// Facts about the machine and the programs, each with its name.
    pub facts: Vec<(String, String)>,
    pub models: Vec<Measured>,
    /// Models that were left out, with the reason.
    pub skipped: Vec<(String, String)>,
}

/// One model.
pub struct Measured {
    pub name: String,
    pub about: String,
    pub bytes: u64,
    pub programs: Vec<Series>,
}

/// The runs of one program with one model, one a round.
pub struct Series {
    pub program: &'static str,
    pub side: Side,
    pub work: Work,
    pub speeds: Vec<Speed>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rounds = self.models.iter().flat_map(|model| &model.programs).map(|series| series.speeds.len());
        writeln!(f, "## Models on a CPU\n")?;
        writeln!(f, "`{}` on {}\n", self.command, self.date)?;
        for (name, fact) in &self.facts {
            writeln!(f, "- {name}: {fact}")?;
        }
        writeln!(
            f,
            "\nEvery program ran once in each of {} rounds, and each round began with another one. Speeds are medians, in \
             tokens a second.\nA ratio is the median of ours / theirs within a round, with the lowest and the highest; \
             above 1 ours is faster.\nResident is the most memory of the process, mapped files included, and how often \
             the weights fit into it.\n",
            rounds.max().unwrap_or(0)
        )?;
        f.write_str(
            "| weights | program | prompt | generation | ratio, prompt | ratio, generation | resident |\n",
        )?;
        f.write_str("|---|---|---:|---:|---:|---:|---:|\n")?;
        self.models.iter().try_for_each(|model| f.write_str(&model.rows()))?;
        f.write_char('\n')?;
        for Measured { name, about, bytes, .. } in &self.models {
            writeln!(f, "- {name}: {about}, {} MB", bytes / 1_000_000)?;
        }
        self.skipped.iter().try_for_each(|(name, why)| writeln!(f, "- {name} is left out: {why}"))?;
        let int8: String = self.models.iter().map(Measured::int8_rows).collect();
        if int8.is_empty() {
            return Ok(());
        }
        f.write_str(
            "\nRatios of ours with activations rounded to int8, as llama.cpp and candle round them for quantized \
             matrices:\n\n",
        )?;
        f.write_str("| weights | int8 / | ratio, prompt | ratio, generation |\n|---|---|---:|---:|\n")?;
        f.write_str(&int8)
    }
}

impl Measured {
    fn rows(&self) -> String {
        let mut rows = String::new();
        for series in &self.programs {
            let (prompt, generation) =
                (series.each(|speed| speed.prompt), series.each(|speed| speed.generation));
            let resident = series.speeds.iter().filter_map(|speed| speed.resident).max();
            let resident = resident.map_or_else(|| "-".to_owned(), |bytes| self.memory(bytes));
            let ours = self.by(Side::Ours).filter(|_| series.side == Side::Theirs);
            let ratios = ours.map_or_else(|| "- | -".to_owned(), |ours| ours.ratios(series));
            let cells = [
                self.name.clone(),
                format!("{}, {}", series.program, series.work),
                plain(median(&prompt)),
                plain(median(&generation)),
                ratios,
                resident,
            ];
            rows += &format!("| {} |\n", cells.join(" | "));
        }
        rows
    }

    /// Bytes, and how often the weights fit into them.
    fn memory(&self, bytes: u64) -> String {
        format!("{} MB ({})", bytes / 1_000_000, factor(bytes as f64 / self.bytes as f64))
    }

    /// How much faster ours with int8 activations is than each of the others; nothing if it did not run.
    fn int8_rows(&self) -> String {
        let Some(int8) = self.by(Side::Int8) else { return String::new() };
        let others = self.programs.iter().filter(|series| series.side != Side::Int8);
        others
            .map(|series| format!("| {} | {} | {} |\n", self.name, series.program, int8.ratios(series)))
            .collect()
    }

    fn by(&self, side: Side) -> Option<&Series> {
        self.programs.iter().find(|series| series.side == side)
    }
}

impl Series {
    /// The program before its first run.
    pub fn new(program: &dyn Program) -> Self {
        let (name, side, work) = (program.name(), program.side(), program.work());
        Self { program: name, side, work, speeds: Vec::new() }
    }

    fn each(&self, of: fn(&Speed) -> f64) -> Vec<f64> {
        self.speeds.iter().map(of).collect()
    }

    /// How much faster this is than another program, in two cells: for the prompt, and for generation.
    fn ratios(&self, other: &Self) -> String {
        [|speed: &Speed| speed.prompt, |speed: &Speed| speed.generation]
            .map(|of| self.ratio(other, of))
            .join(" | ")
    }

    fn ratio(&self, other: &Self, of: fn(&Speed) -> f64) -> String {
        let ratios: Vec<_> =
            self.each(of).iter().zip(other.each(of)).map(|(this, that)| this / that).collect();
        spread(&ratios)
    }
}

/// The median of some ratios, the lowest and the highest.
pub fn spread(ratios: &[f64]) -> String {
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    format!("**{}** ({} to {})", factor(median(ratios)), factor(lowest), factor(highest))
}

/// The middle one, or the mean of the middle two.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

/// A speed to three digits.
pub fn plain(speed: f64) -> String {
    match speed {
        _ if speed >= 100.0 => format!("{speed:.0}"),
        _ if speed >= 10.0 => format!("{speed:.1}"),
        _ => format!("{speed:.2}"),
    }
}

fn factor(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}x") } else { format!("{ratio:.2}x") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(program: &'static str, side: Side, speeds: &[(f64, f64)]) -> Series {
        let speed = |&(prompt, generation)| Speed { prompt, generation, resident: Some(512_000_000) };
        let work = Work { prompt: 512, generation: 128, threads: 2 };
        Series { program, side, work, speeds: speeds.iter().map(speed).collect() }
    }

    fn report() -> Report {
        let ours = series("ours", Side::Ours, &[(200.0, 50.0), (300.0, 60.0), (100.0, 10.0)]);
        let peer = series("peer", Side::Theirs, &[(100.0, 100.0), (100.0, 60.0), (100.0, 5.0)]);
        let model = Measured {
            name: "m".into(),
            about: "A model".into(),
            bytes: 400_000_000,
            programs: vec![ours, peer],
        };
        Report {
            date: "2000-01-01".into(),
            command: "cargo xtask bench cpu m".into(),
            facts: vec![("processor".into(), "fast".into())],
            models: vec![model],
            skipped: vec![("n".into(), "no network".into())],
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_before_the_median() {
        let text = report().to_string();
        let row = "| m | peer, 512 + 128 tokens | 100 | 60.0 | **2.00x** (1.00x to 3.00x) | **1.00x** (0.50x to 2.00x) | 512 MB (1.28x) |";
        assert!(text.lines().any(|line| line == row), "{text}");
        let row = "| m | ours, 512 + 128 tokens | 200 | 50.0 | - | - | 512 MB (1.28x) |";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(text.contains("- m: A model, 400 MB\n- n is left out: no network\n"), "{text}");
        assert!(text.contains("in each of 3 rounds") && text.contains("- processor: fast\n"), "{text}");
    }

    #[test]
    fn int8_has_ratios_of_its_own_to_every_other_program() {
        let mut report = report();
        assert!(!report.to_string().contains("int8"));
        let int8 = series("rounded", Side::Int8, &[(400.0, 50.0), (600.0, 60.0), (200.0, 10.0)]);
        report.models[0].programs.push(int8);
        let text = report.to_string();
        let row = "| m | rounded, 512 + 128 tokens | 400 | 50.0 | - | - | 512 MB (1.28x) |";
        assert!(text.lines().any(|line| line == row), "{text}");
        let rows = "\n\n| weights | int8 / | ratio, prompt | ratio, generation |\n|---|---|---:|---:|\n\
            | m | ours | **2.00x** (2.00x to 2.00x) | **1.00x** (1.00x to 1.00x) |\n\
            | m | peer | **4.00x** (2.00x to 6.00x) | **1.00x** (0.50x to 2.00x) |\n";
        assert!(text.ends_with(rows), "{text}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn speeds_have_three_digits() {
        assert_eq!([211.4, 57.26, 0.217].map(plain), ["211", "57.3", "0.22"]);
        assert_eq!([31.4, 1.314].map(factor), ["31x", "1.31x"]);
    }
}
