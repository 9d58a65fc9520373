//! What all examples can be asked for.

use std::path::{Path, PathBuf};

use mlx_core::random::Key;

use crate::{Chart, Result, sparkline};

/// How many columns of a terminal a curve takes.
const COLUMNS: usize = 60;

/// Arguments that every example has.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// What the random numbers start from.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Where to draw the losses, as a PNG.
    #[arg(long, value_name = "FILE")]
    pub chart: Option<PathBuf>,
}

impl Settings {
    /// The key of the seed.
    pub fn key(&self) -> mlx_core::Result<Key> {
        Key::new(self.seed)
    }

    /// The losses as a line for a terminal. They are drawn to the file that was asked for, too.
    pub fn curve(&self, title: &str, losses: &[f32]) -> Result<String> {
        if let Some(path) = &self.chart {
            Chart::new(title).curve("loss", losses).save(path)?;
        }
        let [Some(first), Some(last)] = [losses.first(), losses.last()] else { return Ok(String::new()) };
        let drawn = self.chart.as_deref().map(|path| format!(", in {}", Path::display(path)));
        let line = sparkline(losses, COLUMNS);
        Ok(format!("loss {first:.3} {line} {last:.3}{}", drawn.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_a_line_and_a_file_if_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let chart = folder.path().join("loss.png");
        let settings = Settings { seed: 0, chart: Some(chart.clone()) };
        let line = settings.curve("title", &[2.0, 1.0]).unwrap();
        assert_eq!(line, format!("loss 2.000 █▁ 1.000, in {}", chart.display()));
        assert!(chart.is_file());
        let settings = Settings { seed: 0, chart: None };
        assert_eq!(settings.curve("title", &[2.0, 1.0]).unwrap(), "loss 2.000 █▁ 1.000");
    }
}
