//! What a config of a Vocos says: classes of its package, and what they are made with.

use mlx_hub::Directory;
use serde::Deserialize;

use super::yaml;
use crate::{Error, Result};

pub(super) const YAML: &str = "config.yaml";
pub(super) const JSON: &str = "config.json";

#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) feature_extractor: Features,
    backbone: BackboneClass,
    head: HeadClass,
}

#[derive(Deserialize)]
#[serde(tag = "class_path", content = "init_args")]
pub(super) enum Features {
    #[serde(rename = "vocos.feature_extractors.MelSpectrogramFeatures")]
    Mel(MelConfig),
    #[serde(rename = "vocos.feature_extractors.EncodecFeatures")]
    Encodec(EncodecConfig),
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct MelConfig {
    pub(super) sample_rate: u32,
    pub(super) n_fft: usize,
    pub(super) hop_length: usize,
    pub(super) n_mels: usize,
    pub(super) padding: Place,
}

impl Default for MelConfig {
    fn default() -> Self {
        Self { sample_rate: 24_000, n_fft: 1024, hop_length: 256, n_mels: 100, padding: Place::Center }
    }
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct EncodecConfig {
    pub(super) encodec_model: EncodecName,
    /// Thousands of bits a second.
    pub(super) bandwidths: Vec<f64>,
}

impl Default for EncodecConfig {
    fn default() -> Self {
        Self { encodec_model: EncodecName::Mono, bandwidths: vec![1.5, 3.0, 6.0, 12.0] }
    }
}

/// Whose codes are looked up.
#[derive(Clone, Copy, Deserialize)]
pub(super) enum EncodecName {
    #[serde(rename = "encodec_24khz")]
    Mono,
    #[serde(rename = "encodec_48khz")]
    Stereo,
}

/// Where a frame stands.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// Its middle is at a multiple of the hop.
    Center,
    /// There are as many as hops: the middle of each is that of a hop.
    Same,
}

#[derive(Deserialize)]
#[serde(tag = "class_path", content = "init_args")]
enum BackboneClass {
    #[serde(rename = "vocos.models.VocosBackbone")]
    Backbone(BackboneConfig),
}

#[derive(Deserialize)]
pub(super) struct BackboneConfig {
    pub(super) input_channels: i32,
    pub(super) dim: i32,
    pub(super) intermediate_dim: i32,
    pub(super) num_layers: usize,
    pub(super) adanorm_num_embeddings: Option<i32>,
    #[serde(default = "yes")]
    pub(super) bias: bool,
    #[serde(default = "seven")]
    pub(super) input_kernel_size: i32,
    #[serde(default = "seven")]
    pub(super) dw_kernel_size: i32,
}

fn yes() -> bool {
    true
}

fn seven() -> i32 {
    7
}

#[derive(Deserialize)]
#[serde(tag = "class_path", content = "init_args")]
enum HeadClass {
    #[serde(rename = "vocos.heads.ISTFTHead")]
    Istft(HeadConfig),
}

#[derive(Deserialize)]
pub(super) struct HeadConfig {
    pub(super) dim: i32,
    pub(super) n_fft: i32,
    pub(super) hop_length: i32,
    #[serde(default = "center")]
    pub(super) padding: Place,
}

fn center() -> Place {
    Place::Center
}

/// The name and the text of a folder's config.
pub(super) fn text(directory: &Directory) -> Result<(&'static str, String)> {
    const MOST: u64 = 1 << 20;
    let found = [YAML, JSON].into_iter().find_map(|name| Some((name, directory.file(name)?)));
    let Some((name, path)) = found else {
        let folder = directory.path().display().to_string();
        return Err(Error::config(folder, format!("has no {YAML} and no {JSON}")));
    };
    let failed = |source| Error::File { path: path.clone(), source };
    if std::fs::metadata(&path).map_err(failed)?.len() > MOST {
        return Err(Error::config(name, format!("has more than {MOST} bytes, which no config needs")));
    }
    Ok((name, std::fs::read_to_string(&path).map_err(failed)?))
}

impl Config {
    /// The config in a text, of YAML or JSON.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let config = Self::deserialize(yaml::read(text)?).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    pub(super) fn backbone(&self) -> &BackboneConfig {
        let BackboneClass::Backbone(config) = &self.backbone;
        config
    }

    pub(super) fn head(&self) -> &HeadConfig {
        let HeadClass::Istft(config) = &self.head;
        config
    }

    fn check(&self) -> Result<(), String> {
        let (backbone, head) = (self.backbone(), self.head());
        let layers = i32::try_from(backbone.num_layers).unwrap_or(i32::MAX);
        for (field, size, most) in [
            ("input_channels", backbone.input_channels, 1 << 16),
            ("dim", backbone.dim, 1 << 16),
            ("intermediate_dim", backbone.intermediate_dim, 1 << 18),
            ("num_layers", layers, 1 << 10),
            ("adanorm_num_embeddings", backbone.adanorm_num_embeddings.unwrap_or(1), 1 << 10),
            ("input_kernel_size", backbone.input_kernel_size, 255),
            ("dw_kernel_size", backbone.dw_kernel_size, 255),
            ("n_fft", head.n_fft, 1 << 16),
            ("hop_length", head.hop_length, head.n_fft),
        ] {
            if !(1..=most).contains(&size) {
                return Err(format!("{field} is {size}: it must be between 1 and {most}"));
            }
        }
        let odd = |size: i32| size % 2 == 1;
        let (conditions, fits) = match &self.feature_extractor {
            Features::Mel(mel) => {
                let same = mel.hop_length == head.hop_length as usize && mel.n_fft <= 1 << 16;
                (None, same && mel.n_mels == backbone.input_channels as usize)
            }
            Features::Encodec(encodec) => (i32::try_from(encodec.bandwidths.len()).ok(), true),
        };
        let rules = [
            (head.dim == backbone.dim, "dim of the head is not that of the backbone"),
            (odd(backbone.input_kernel_size) && odd(backbone.dw_kernel_size), "a kernel is even"),
            (!odd(head.n_fft), "n_fft is odd"),
            (fits, "n_mels or hop_length of the features is not that of the backbone and the head"),
            (
                conditions == backbone.adanorm_num_embeddings,
                "adanorm_num_embeddings is not the number of bandwidths, of which mel spectra have none",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(problem.to_owned()),
            None => Ok(()),
        }
    }
}
