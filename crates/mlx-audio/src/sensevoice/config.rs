//! What a config of a SenseVoice says, and the moments of its features.

use mlx_hub::Directory;
use serde::Deserialize;

use crate::codec::config::{check, count, read};
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) vocab_size: i32,
    pub(super) input_size: i32,
    pub(super) encoder_conf: Encoder,
    pub(super) frontend_conf: Frontend,
    cmvn_means: Option<Vec<f32>>,
    cmvn_istd: Option<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Encoder {
    pub(super) output_size: i32,
    pub(super) attention_heads: i32,
    pub(super) linear_units: i32,
    pub(super) num_blocks: usize,
    pub(super) tp_blocks: usize,
    pub(super) kernel_size: i32,
    /// Published configs misspell it.
    #[serde(alias = "sanm_shfit")]
    pub(super) sanm_shift: i32,
    normalize_before: bool,
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Frontend {
    pub(super) fs: u32,
    window: String,
    pub(super) n_mels: usize,
    pub(super) frame_length: f64,
    pub(super) frame_shift: f64,
    /// Frames that are put side by side.
    pub(super) lfr_m: usize,
    /// Frames from one such row to the next.
    pub(super) lfr_n: usize,
}

/// What is added to features, and what they are multiplied by then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) shifts: Vec<f32>,
    pub(super) scales: Vec<f32>,
}

/// The one published model.
impl Default for Config {
    fn default() -> Self {
        Self {
            vocab_size: 25_055,
            input_size: 560,
            encoder_conf: Encoder::default(),
            frontend_conf: Frontend::default(),
            cmvn_means: None,
            cmvn_istd: None,
        }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            output_size: 512,
            attention_heads: 4,
            linear_units: 2048,
            num_blocks: 50,
            tp_blocks: 20,
            kernel_size: 11,
            sanm_shift: 0,
            normalize_before: true,
        }
    }
}

impl Default for Frontend {
    fn default() -> Self {
        Self {
            fs: 16_000,
            window: "hamming".to_owned(),
            n_mels: 80,
            frame_length: 25.0,
            frame_shift: 10.0,
            lfr_m: 7,
            lfr_n: 6,
        }
    }
}

impl Config {
    pub(super) fn read(directory: &Directory) -> Result<Self> {
        let config: Self = read(&directory.config()?)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::config("config.json", problem));
        let Encoder { output_size: width, attention_heads: heads, kernel_size, sanm_shift, .. } =
            self.encoder_conf;
        let Frontend { n_mels, lfr_m, lfr_n, .. } = self.frontend_conf;
        if self.frontend_conf.fs != 16_000 || self.frontend_conf.window != "hamming" {
            return wrong("frontend_conf is supported with fs 16000 and window `hamming`");
        }
        if !self.encoder_conf.normalize_before {
            return wrong("encoder_conf.normalize_before is false, which is not supported");
        }
        for (field, size, most) in [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("input_size", self.input_size, 1 << 16),
            ("output_size", width, 1 << 16),
            ("attention_heads", heads, width),
            ("linear_units", self.encoder_conf.linear_units, 1 << 20),
            ("num_blocks", count(self.encoder_conf.num_blocks), 1 << 12),
            ("tp_blocks", count(self.encoder_conf.tp_blocks).max(1), 1 << 12),
            ("kernel_size", kernel_size, 1 << 10),
            ("lfr_n", count(lfr_n), 1 << 10),
        ] {
            check(field, size, most)?;
        }
        if !(0..=(kernel_size - 1) / 2).contains(&sanm_shift) {
            return wrong("sanm_shift is not between 0 and half of kernel_size");
        }
        if width % heads != 0 {
            return wrong("attention_heads do not divide output_size");
        }
        match usize::try_from(self.input_size).ok() == n_mels.checked_mul(lfr_m) {
            true if self.input_size % 2 == 0 && self.input_size > 2 => Ok(()),
            true => wrong("input_size must be even and more than 2"),
            false => wrong("input_size is not n_mels times lfr_m"),
        }
    }

    /// The moments in `am.mvn`, or in the config; nothing if there are none.
    ///
    /// # Errors
    /// There are not as many as there are features.
    pub(super) fn moments(&self, directory: &Directory) -> Result<Option<Moments>> {
        const FILE: &str = "am.mvn";
        let (file, moments) = match directory.file(FILE) {
            Some(path) => {
                let failed = |source| Error::File { path: path.clone(), source };
                (FILE, Moments::parse(&std::fs::read_to_string(&path).map_err(failed)?)?)
            }
            None => match (&self.cmvn_means, &self.cmvn_istd) {
                (Some(means), Some(scales)) => {
                    ("config.json", Moments { shifts: means.clone(), scales: scales.clone() })
                }
                _ => return Ok(None),
            },
        };
        let count = usize::try_from(self.input_size).unwrap_or(0);
        match moments.shifts.len() == count && moments.scales.len() == count {
            true => Ok(Some(moments)),
            false => Err(Error::config(file, format!("does not have {count} means and as many deviations"))),
        }
    }
}

impl Moments {
    /// Reads the layers `AddShift` and `Rescale` of Kaldi's text form.
    fn parse(text: &str) -> Result<Self> {
        let layer = |name: &str| {
            let numbers = text
                .split_once(name)
                .and_then(|(_, rest)| rest.split_once("<LearnRateCoef>"))
                .and_then(|(_, rest)| Some(rest.split_once('[')?.1.split_once(']')?.0));
            let numbers = numbers.map(|numbers| numbers.split_whitespace().map(str::parse).collect());
            match numbers {
                Some(Ok(numbers)) => Ok(numbers),
                _ => Err(Error::config("am.mvn", format!("has no numbers behind {name}"))),
            }
        };
        Ok(Self { shifts: layer("<AddShift>")?, scales: layer("<Rescale>")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_from_the_layers_of_kaldi() {
        let text = "<Nnet>\n<Splice> 2 2\n[ 0 ]\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -8.5 1e-1 ]\n\
                    <Rescale> 2 2\n<LearnRateCoef> 0 [ 0.25 2 ]\n</Nnet>";
        let moments = Moments::parse(text).unwrap();
        assert_eq!(moments, Moments { shifts: vec![-8.5, 0.1], scales: vec![0.25, 2.0] });
        let message = Moments::parse("<AddShift> 2 2\n<LearnRateCoef> 0 [ a ]").unwrap_err().to_string();
        assert_eq!(message, "am.mvn: has no numbers behind <AddShift>");
    }
}
