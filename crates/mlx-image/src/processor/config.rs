//! `preprocessor_config.json`, with what transformers takes for fields that are not there.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::class::Class;
use crate::size::Target;
use crate::{Error, Filter, Levels, Normal, Result, Size};

/// The fields, each as it is used.
pub(crate) struct Config<'a> {
    class: Class,
    pub(crate) do_resize: bool,
    file: &'a Value,
    fields: Fields,
}

/// The fields as they are written.
#[derive(Deserialize)]
struct Fields {
    image_processor_type: Option<String>,
    /// The older name of the same.
    feature_extractor_type: Option<String>,
    video_processor_type: Option<String>,
    /// The class that a processor of images is a part of, which counts where that has none.
    processor_class: Option<String>,
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<i64>,
    do_center_crop: Option<bool>,
    crop_size: Option<Lengths>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    #[serde(alias = "norm_mean")]
    image_mean: Option<Channels>,
    #[serde(alias = "norm_std")]
    image_std: Option<Channels>,
    do_pad: Option<bool>,
}

/// A height and a width, or edges.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged, expecting = "a size is a whole number or an object of whole numbers")]
pub(crate) enum Lengths {
    Edge(usize),
    Named(Named),
}

/// A size by its parts.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
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

/// The largest number of things, or length of an edge.
const LARGEST: usize = 1 << 16;

impl<'a> Config<'a> {
    /// The fields of a processor of one of these classes, and what belongs to that.
    pub(crate) fn parse<F: Copy>(file: &'a Value, classes: &[(Class, F)]) -> Result<(Self, F)> {
        let fields = parse::<Fields>(file)?;
        let types = [
            &fields.video_processor_type,
            &fields.image_processor_type,
            &fields.feature_extractor_type,
            &fields.processor_class,
        ];
        let types: Vec<_> = types.into_iter().flatten().collect();
        let known = |found: &&String| classes.iter().find(|(class, _)| class.is(found)).copied();
        let Some((class, family)) = types.iter().find_map(known) else {
            let found = types.first().map_or("", |found| found.as_str());
            let known: Vec<_> = classes.iter().map(|(class, _)| class.name).collect();
            let known = known.join(", ");
            let problem = format!("image_processor_type `{found}` is not supported (known: {known})");
            return Err(Error::config(problem));
        };
        Ok((Self { class, do_resize: fields.do_resize.unwrap_or(true), file, fields }, family))
    }

    /// Other fields of the same file.
    pub(crate) fn more<T: DeserializeOwned>(&self) -> Result<T> {
        parse(self.file)
    }

    /// What `size` says, if it is there.
    pub(crate) fn size<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.fields.size.as_ref().map(parse).transpose()
    }

    /// Whether images are padded, where the class says so or not by itself.
    pub(crate) fn pads(&self, by_itself: bool) -> bool {
        self.fields.do_pad.unwrap_or(by_itself)
    }

    /// What is cut out of the middle, a square of `edge` if nothing is said, where the class does so or not by itself.
    pub(crate) fn crop(&self, by_itself: bool, edge: usize) -> Result<Option<Size>> {
        let crop = || match self.fields.crop_size.unwrap_or(Lengths::Edge(edge)).parts() {
            [Some(height), Some(width), None, None] => Ok(Size { height, width }),
            _ => Err(Error::config("crop_size has no height and width")),
        };
        self.fields.do_center_crop.unwrap_or(by_itself).then(crop).transpose()
    }

    pub(crate) fn filter(&self) -> Result<Filter> {
        let Some(number) = self.fields.resample else { return Ok(self.class.filter) };
        let unknown = || Error::config(format!("resample is {number}: it must be between 0 and 5"));
        Filter::from_number(number).ok_or_else(unknown)
    }

    /// The means of the channels.
    pub(crate) fn mean(&self) -> [f64; 3] {
        self.fields.image_mean.map_or(self.class.normal.mean, Channels::each)
    }

    /// What the levels of the image become.
    pub(crate) fn levels(&self) -> Result<Levels> {
        let fields = &self.fields;
        let factor = fields.do_rescale.unwrap_or(true).then(|| fields.rescale_factor.unwrap_or(1.0 / 255.0));
        let std = fields.image_std.map_or(self.class.normal.std, Channels::each);
        let normalizes = fields.do_normalize.unwrap_or(self.class.normalizes);
        if normalizes && std.iter().any(|&deviation| deviation as f32 == 0.0) {
            return Err(Error::config("image_std is 0, which nothing can be divided by"));
        }
        Ok(Levels::new(factor, normalizes.then_some(Normal { mean: self.mean(), std })))
    }
}

/// A number of things or a length, which is 1 at least.
pub(crate) fn count(name: &str, value: usize) -> Result<usize> {
    if (1..=LARGEST).contains(&value) {
        return Ok(value);
    }
    Err(Error::config(format!("{name} is {value}: it must be between 1 and {LARGEST}")))
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| Error::config(error.to_string()))
}

impl Lengths {
    pub(crate) fn shortest(edge: usize) -> Self {
        Self::Named(Named { shortest_edge: Some(edge), ..Named::default() })
    }

    /// Height, width, the shortest and the longest edge.
    pub(crate) fn parts(self) -> [Option<usize>; 4] {
        match self {
            Self::Edge(edge) => [Some(edge), Some(edge), None, None],
            Self::Named(Named { height, width, shortest_edge, longest_edge }) => {
                [height, width, shortest_edge, longest_edge]
            }
        }
    }

    /// What images are resized to.
    pub(crate) fn target(self) -> Result<Target> {
        match self.parts() {
            [Some(height), Some(width), None, None] => Ok(Target::Exact(Size { height, width })),
            [None, None, Some(shortest), Some(longest)] => Ok(Target::Between { shortest, longest }),
            [None, None, Some(shortest), None] => Ok(Target::Shortest(shortest)),
            [None, None, None, Some(longest)] => Ok(Target::Longest(longest)),
            _ => Err(Error::config("size has neither height and width nor shortest_edge or longest_edge")),
        }
    }

    /// The height and the width, each a length that can be.
    pub(crate) fn exact(self, name: &str) -> Result<Size> {
        let [Some(height), Some(width), None, None] = self.parts() else {
            return Err(Error::config(format!("{name} has no height and width")));
        };
        Ok(Size { height: count(name, height)?, width: count(name, width)? })
    }

    /// The longest edge alone.
    pub(crate) fn longest(self, name: &str) -> Result<usize> {
        match self.parts() {
            [None, None, None, Some(longest)] => count(name, longest),
            _ => Err(Error::config(format!("{name} has no longest_edge, or more than that"))),
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
