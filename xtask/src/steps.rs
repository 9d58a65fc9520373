//! Named steps, one after the other, and a table of how they went.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::archive::Refused;

/// What became of a step that did not fail.
pub enum Outcome {
    Done,
    /// Why it was not run.
    Skipped(String),
}

/// The steps so far.
#[derive(Default)]
pub struct Steps {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    time: Duration,
    result: &'static str,
    skipped: Option<String>,
}

impl Steps {
    /// Runs a step. The first that fails ends the whole, after the table.
    pub fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        eprintln!("==> {name}");
        let start = Instant::now();
        let outcome = step();
        let (result, skipped) = match &outcome {
            Ok(Outcome::Done) => ("ok", None),
            Ok(Outcome::Skipped(why)) => ("skipped", Some(why.clone())),
            Err(_) => ("FAILED", None),
        };
        self.rows.push(Row { name, time: start.elapsed(), result, skipped });
        if outcome.is_err() {
            print!("{}", self.table());
        }
        outcome.map(drop).with_context(|| format!("step {name}"))
    }

    /// Prints the table; the last line says what was skipped.
    pub fn finish(&self) {
        print!("{}{}", self.table(), self.verdict());
    }

    fn table(&self) -> String {
        let row = |row: &Row| format!("{:<12} {:>7.1} s  {}\n", row.name, row.time.as_secs_f64(), row.result);
        self.rows.iter().map(row).collect()
    }

    fn verdict(&self) -> String {
        let skipped =
            self.rows.iter().filter_map(|row| Some(format!("{} ({})", row.name, row.skipped.as_ref()?)));
        match &skipped.collect::<Vec<_>>()[..] {
            [] => "skipped: nothing\n".into(),
            list => format!("skipped: {}\n", list.join(", ")),
        }
    }
}

/// A step that is never skipped.
pub fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Done)
}

/// A refused download skips its step; any other failure stays one.
pub fn unless_refused(result: Result<()>) -> Result<Outcome> {
    match result {
        Ok(()) => Ok(Outcome::Done),
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) => Ok(Outcome::Skipped(refused.to_string())),
            None => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failure_is_named_by_its_step_and_kept_in_the_table() {
        let mut steps = Steps::default();
        steps.run("first", || Ok(Outcome::Done)).unwrap();
        let error = steps.run("second", || Err(anyhow!("broken"))).unwrap_err();
        assert_eq!(format!("{error:#}"), "step second: broken");
        let table = steps.table();
        assert!(
            table.lines().nth(1).is_some_and(|row| row.starts_with("second") && row.ends_with("FAILED")),
            "{table}"
        );
    }

    #[test]
    fn the_last_line_lists_what_was_skipped() {
        let mut steps = Steps::default();
        steps.run("done", || Ok(Outcome::Done)).unwrap();
        assert_eq!(steps.verdict(), "skipped: nothing\n");
        steps.run("deny", || Ok(Outcome::Skipped("not installed".into()))).unwrap();
        assert_eq!(steps.verdict(), "skipped: deny (not installed)\n");
    }

    #[test]
    fn only_a_refused_download_is_a_skip() {
        let refused = unless_refused(Err(Refused("no network".into()).into())).unwrap();
        assert!(matches!(refused, Outcome::Skipped(why) if why == "no network"));
        assert!(unless_refused(Err(anyhow!("broken"))).is_err());
    }
}
