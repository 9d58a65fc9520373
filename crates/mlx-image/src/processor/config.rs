//! `preprocessor_config.json`, with what transformers takes for fields that are not there.

use std::path::Path;
use std::{fs, io};

use serde::Deserialize;
use serde_json::Value;

use crate::size::Target;
use crate::{Error, Filter, Levels, Normal, Result, Size};

/// What the file is called.
pub(crate) const FILE: &str = "preprocessor_config.json";

/// What it is called by newer versions of transformers, as a part of a larger one.
const WHOLE_FILE: &str = "processor_config.json";

/// A family of processors, which differ in what they take for fields that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Clip,
    Siglip,
    Siglip2,
    Vit,
}

/// The fields, each as it is used.
pub(crate) struct Config {
    kind: Kind,
    pub(crate) do_resize: bool,
    pub(crate) do_center_crop: bool,
    fields: Fields,
}

/// The fields as they are written.
#[derive(Deserialize)]
struct Fields {
    image_processor_type: Option<String>,
    /// The older name of the same.
    feature_extractor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<Lengths>,
    resample: Option<i64>,
    do_center_crop: Option<bool>,
    crop_size: Option<Lengths>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<Channels>,
    image_std: Option<Channels>,
    do_pad: Option<bool>,
    patch_size: Option<usize>,
    max_num_patches: Option<usize>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a size is a whole number or an object of whole numbers")]
enum Lengths {
    Edge(usize),
    Named(Named),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    height: Option<usize>,
    width: Option<usize>,
    shortest_edge: Option<usize>,
    longest_edge: Option<usize>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a mean or deviation is a number or one for each of 3 channels")]
enum Channels {
    All(f64),
    Each([f64; 3]),
}

/// The file in a folder.
pub(crate) fn read(dir: &Path) -> Result<Value> {
    if let Some(config) = json(dir, FILE)? {
        return Ok(config);
    }
    let whole = json(dir, WHOLE_FILE)?.and_then(|mut whole| Some(whole.get_mut("image_processor")?.take()));
    whole.ok_or_else(|| Error::config(format!("is missing in {}", dir.display())))
}

/// A JSON file of a folder, if it is there.
fn json(dir: &Path, name: &str) -> Result<Option<Value>> {
    let path = dir.join(name);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path, source }),
    };
    let parsed = serde_json::from_str(&text);
    parsed
        .map(Some)
        .map_err(|error| Error::Config { file: path.display().to_string(), problem: error.to_string() })
}

impl Kind {
    /// The name of the class in transformers, which may have an ending.
    fn name(self) -> &'static str {
        match self {
            Self::Clip => "CLIPImageProcessor",
            Self::Siglip => "SiglipImageProcessor",
            Self::Siglip2 => "Siglip2ImageProcessor",
            Self::Vit => "ViTImageProcessor",
        }
    }

    /// Whether a class is this, or an older or faster one that does the same.
    fn is(self, class: &str) -> bool {
        let class = ["Fast", "Pil"].iter().find_map(|end| class.strip_suffix(end)).unwrap_or(class);
        let own = class == self.name();
        own || class
            .strip_suffix("FeatureExtractor")
            .is_some_and(|family| self.name().strip_suffix("ImageProcessor") == Some(family))
    }

    fn filter(self) -> Filter {
        match self {
            Self::Clip | Self::Siglip => Filter::Bicubic,
            Self::Siglip2 | Self::Vit => Filter::Bilinear,
        }
    }

    fn normal(self) -> Normal {
        match self {
            Self::Clip => Normal {
                mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
                std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
            },
            _ => Normal { mean: [0.5; 3], std: [0.5; 3] },
        }
    }
}

impl Config {
    /// The fields of a processor of one of these kinds.
    pub(crate) fn parse(config: &Value, kinds: &[Kind]) -> Result<Self> {
        let fields = Fields::deserialize(config).map_err(|error| Error::config(error.to_string()))?;
        let class = fields.image_processor_type.as_ref().or(fields.feature_extractor_type.as_ref());
        let found = class.map_or("", String::as_str);
        let Some(&kind) = kinds.iter().find(|kind| kind.is(found)) else {
            let known: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let problem =
                format!("image_processor_type `{found}` is not supported (known: {})", known.join(", "));
            return Err(Error::config(problem));
        };
        if fields.do_pad == Some(true) {
            return Err(Error::config("do_pad is not supported"));
        }
        let do_center_crop = fields.do_center_crop.unwrap_or(kind == Kind::Clip);
        Ok(Self { kind, do_resize: fields.do_resize.unwrap_or(true), do_center_crop, fields })
    }

    /// What images are resized to.
    pub(crate) fn target(&self) -> Result<Target> {
        let edge = match (self.kind, self.fields.size) {
            (Kind::Clip, None) => Lengths::shortest(224),
            (_, None) => Lengths::Edge(224),
            // An edge alone is that of a square to ViT, and the shortest one to the others.
            (Kind::Clip | Kind::Siglip, Some(Lengths::Edge(edge))) => Lengths::shortest(edge),
            (_, Some(given)) => given,
        };
        match edge.parts() {
            [Some(height), Some(width), None, None] => Ok(Target::Exact(Size { height, width })),
            [None, None, Some(shortest), Some(longest)] => Ok(Target::Between { shortest, longest }),
            [None, None, Some(shortest), None] => Ok(Target::Shortest(shortest)),
            [None, None, None, Some(longest)] => Ok(Target::Longest(longest)),
            _ => Err(Error::config("size has neither height and width nor shortest_edge or longest_edge")),
        }
    }

    /// What is cut out of the middle.
    pub(crate) fn crop(&self) -> Result<Size> {
        match self.fields.crop_size.unwrap_or(Lengths::Edge(224)).parts() {
            [Some(height), Some(width), None, None] => Ok(Size { height, width }),
            _ => Err(Error::config("crop_size has no height and width")),
        }
    }

    pub(crate) fn filter(&self) -> Result<Filter> {
        let Some(number) = self.fields.resample else { return Ok(self.kind.filter()) };
        let unknown = || Error::config(format!("resample is {number}: it must be between 0 and 5"));
        Filter::from_number(number).ok_or_else(unknown)
    }

    /// What the levels of the image become.
    pub(crate) fn levels(&self) -> Result<Levels> {
        let fields = &self.fields;
        let factor = fields.do_rescale.unwrap_or(true).then(|| fields.rescale_factor.unwrap_or(1.0 / 255.0));
        let default = self.kind.normal();
        let mean = fields.image_mean.map_or(default.mean, Channels::each);
        let std = fields.image_std.map_or(default.std, Channels::each);
        let normalizes = fields.do_normalize.unwrap_or(true);
        if normalizes && std.iter().any(|&deviation| deviation as f32 == 0.0) {
            return Err(Error::config("image_std is 0, which nothing can be divided by"));
        }
        Ok(Levels::new(factor, normalizes.then_some(Normal { mean, std })))
    }

    /// The edge of a patch and the most patches of an image.
    pub(crate) fn patches(&self) -> Result<[usize; 2]> {
        const LARGEST: usize = 1 << 16;
        let fields = [
            ("patch_size", self.fields.patch_size, 16),
            ("max_num_patches", self.fields.max_num_patches, 256),
        ];
        let mut sizes = [0; 2];
        for (size, (name, given, default)) in sizes.iter_mut().zip(fields) {
            *size = given.unwrap_or(default);
            if !(1..=LARGEST).contains(size) {
                let problem = format!("{name} is {size}: it must be between 1 and {LARGEST}");
                return Err(Error::config(problem));
            }
        }
        Ok(sizes)
    }
}

impl Lengths {
    fn shortest(edge: usize) -> Self {
        Self::Named(Named { height: None, width: None, shortest_edge: Some(edge), longest_edge: None })
    }

    /// Height, width, the shortest and the longest edge.
    fn parts(self) -> [Option<usize>; 4] {
        match self {
            Self::Edge(edge) => [Some(edge), Some(edge), None, None],
            Self::Named(Named { height, width, shortest_edge, longest_edge }) => {
                [height, width, shortest_edge, longest_edge]
            }
        }
    }
}

impl Channels {
    fn each(self) -> [f64; 3] {
        match self {
            Self::All(all) => [all; 3],
            Self::Each(each) => each,
        }
    }
}
