//! Programs that run in turn, and what each did in each round.

use std::process::Command;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::child;
use super::report::{median, plain, spread};

/// What a program did in each round.
pub struct Series {
    pub program: &'static str,
    pub speeds: Vec<f64>,
    /// Bytes.
    pub resident: u64,
}

/// Runs programs in turn, whose last line is JSON with their speed as `field`.
pub fn alternate<const N: usize>(
    mut programs: [(&'static str, Command); N],
    rounds: usize,
    field: &str,
) -> Result<Vec<Series>> {
    let mut all: Vec<_> =
        programs.iter().map(|(program, _)| Series { program, speeds: Vec::new(), resident: 0 }).collect();
    let bar = ProgressBar::new((rounds * N) as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} runs: {msg}")?);
    for round in 0..rounds {
        for place in 0..N {
            let turn = (round + place) % N;
            let (Some((name, command)), Some(series)) = (programs.get_mut(turn), all.get_mut(turn)) else {
                continue;
            };
            bar.set_message(*name);
            let finished = child::finish(command).context(*name)?;
            let line = finished.stdout.lines().last().unwrap_or_default();
            let said: Value = serde_json::from_str(line).with_context(|| format!("{name} said {line:?}"))?;
            let speed = said.get(field).and_then(Value::as_f64);
            series.speeds.push(speed.with_context(|| format!("{name} gave no speed"))?);
            series.resident = series.resident.max(finished.resident.unwrap_or(0));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

/// The cells of each program: its name, speed, the ratio of the first's speed within a round to its own, and memory.
pub fn rows(series: &[Series]) -> impl Iterator<Item = String> {
    let ours = series.first();
    series.iter().map(move |series| {
        let ratio = match ours {
            Some(ours) if !std::ptr::eq(ours, series) => spread(
                &ours
                    .speeds
                    .iter()
                    .zip(&series.speeds)
                    .map(|(ours, theirs)| ours / theirs)
                    .collect::<Vec<_>>(),
            ),
            _ => "-".to_owned(),
        };
        let speed = plain(median(&series.speeds));
        format!("| {} | {speed} | {ratio} | {} MB |", series.program, series.resident / 1_000_000)
    })
}
