//! What audio becomes: numbers of vectors in codebooks.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype};

use crate::{Error, Result};

/// Codes of some audio, and what else is needed to make audio of them again.
///
/// Most codecs have one rate: one array `[codebooks, time]`. SNAC has several: an array `[1, time]` each.
#[derive(Clone)]
pub struct Codes {
    rates: Vec<Array>,
    scales: Option<Array>,
    samples: Option<i32>,
}

impl Codes {
    /// Codes of one rate, whole numbers `[codebooks, time]`.
    pub fn new(codes: Array) -> Self {
        Self::of_rates(vec![codes])
    }

    /// Codes of several rates, `[codebooks, time]` each.
    pub fn of_rates(rates: Vec<Array>) -> Self {
        Self { rates, scales: None, samples: None }
    }

    /// The same with the loudness `[chunks]` of each chunk, where a codec normalises it.
    #[must_use]
    pub fn with_scales(self, scales: Option<Array>) -> Self {
        Self { scales, ..self }
    }

    /// The same with the number of samples that the audio had, to which it is cut when it is decoded.
    #[must_use]
    pub fn with_samples(self, samples: Option<i32>) -> Self {
        Self { samples, ..self }
    }

    /// The codes of each rate, `[codebooks, time]`.
    pub fn rates(&self) -> &[Array] {
        &self.rates
    }

    /// The loudness `[chunks]` of each chunk.
    pub fn scales(&self) -> Option<&Array> {
        self.scales.as_ref()
    }

    /// The number of samples that the audio had.
    pub fn samples(&self) -> Option<i32> {
        self.samples
    }

    /// The arrays by the names under which a file holds them: `codes`, or `codes.0`, `codes.1` and so on, and
    /// perhaps `scales` and `samples`.
    pub fn arrays(&self) -> BTreeMap<String, Array> {
        let mut arrays = BTreeMap::new();
        match self.rates.as_slice() {
            [codes] => drop(arrays.insert("codes".to_owned(), codes.clone())),
            rates => arrays.extend((0..).zip(rates).map(|(at, codes)| (rate_name(at), codes.clone()))),
        }
        arrays.extend(self.scales.clone().map(|scales| ("scales".to_owned(), scales)));
        arrays.extend(self.samples.map(|samples| ("samples".to_owned(), Array::from([samples]))));
        arrays
    }

    /// The codes in arrays of such names; others are left alone.
    ///
    /// # Errors
    /// There are no codes, or `samples` is no number.
    pub fn from_arrays(arrays: &BTreeMap<String, Array>) -> Result<Self> {
        let rates: Vec<_> = match arrays.get("codes") {
            Some(codes) => vec![codes.clone()],
            None => (0..).map_while(|at| arrays.get(&rate_name(at))).cloned().collect(),
        };
        if rates.is_empty() {
            return Err(Error::option(
                "codes",
                "missing",
                "there must be an array `codes`, or `codes.0` and on",
            ));
        }
        let samples = arrays.get("samples").map(|samples| samples.astype(Dtype::Int32)?.item::<i32>());
        Ok(Self::of_rates(rates)
            .with_scales(arrays.get("scales").cloned())
            .with_samples(samples.transpose()?))
    }

    /// The codes as int32, if there are so many rates, of at most so many books each, and all numbers are below `size`.
    pub(crate) fn check(&self, rates: usize, books: usize, size: i32) -> Result<Vec<Array>> {
        if self.rates.len() != rates {
            let range = format!("this codec has {rates}");
            return Err(Error::option("rates of codes", self.rates.len(), range));
        }
        self.rates.iter().map(|codes| checked(codes, books, size)).collect()
    }
}

fn rate_name(at: usize) -> String {
    format!("codes.{at}")
}

fn checked(codes: &Array, books: usize, size: i32) -> Result<Array> {
    let shape = codes.shape();
    let &[rows, length] = shape else {
        return Err(Error::option("shape of codes", format!("{shape:?}"), "it must be [codebooks, time]"));
    };
    if rows < 1 || usize::try_from(rows).is_ok_and(|rows| rows > books) {
        return Err(Error::option("codebooks", rows, format!("this codec has between 1 and {books}")));
    }
    if length < 1 {
        return Err(Error::option("length of codes", length, "there must be at least one"));
    }
    if !codes.dtype().is_integer() {
        return Err(Error::option("type of codes", codes.dtype(), "they must be whole numbers"));
    }
    let wide = codes.astype(Dtype::Int64)?;
    let (least, most) = (wide.min(..)?.item::<i64>()?, wide.max(..)?.item::<i64>()?);
    for code in [least, most] {
        if !(0..i64::from(size)).contains(&code) {
            return Err(Error::option("code", code, format!("a codebook has codes from 0 to {}", size - 1)));
        }
    }
    Ok(wide.astype(Dtype::Int32)?)
}
