//! Data to train on.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use mlx_core::{Array, Dtype};
use mlx_testkit::assets;

/// Handwritten digits of 8x8 pixels, in the order of scikit-learn's file.
///
/// Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits {
    /// Brightness from 0 to 1, [`Digits::PIXELS`] for each digit, row by row.
    pub pixels: Vec<f32>,
    /// What each digit is: 0 to 9.
    pub labels: Vec<u32>,
}

impl Digits {
    /// The pixels of a digit.
    pub const PIXELS: usize = 64;

    /// All digits; an error says how to fetch them.
    pub fn load() -> io::Result<Self> {
        let path = assets::get("digits", "digits.csv").map_err(missing)?;
        Self::parse(&fs::read_to_string(&path)?).map_err(|why| unreadable(&path, &why))
    }

    /// Lines of 64 numbers from 0 to 16, and the label.
    fn parse(text: &str) -> Result<Self, String> {
        let mut digits = Self { pixels: Vec::new(), labels: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            let numbers: Result<Vec<u8>, _> = line.split(',').map(str::parse).collect();
            match numbers.as_deref() {
                Ok([pixels @ .., label]) if pixels.len() == Self::PIXELS && *label < 10 => {
                    digits.pixels.extend(pixels.iter().map(|&pixel| f32::from(pixel) / 16.0));
                    digits.labels.push(u32::from(*label));
                }
                _ => return Err(format!("line {number} is not 64 pixels and a digit")),
            }
        }
        Ok(digits)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// Every fifth digit, to test with, and the others, to train on: `(train, test)`.
    pub fn split(&self) -> (Self, Self) {
        (self.filter(|at| at % 5 != 4), self.filter(|at| at % 5 == 4))
    }

    /// The pixels `[count, …shape]` and the labels `[count]`.
    pub fn arrays(&self, shape: &[i32]) -> mlx_core::Result<(Array, Array)> {
        let count = self.count() as i32;
        let pixels = Array::from_slice(&self.pixels, [&[count], shape].concat())?;
        Ok((pixels, Array::from_slice(&self.labels, [count])?))
    }

    fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let digits = self.pixels.chunks(Self::PIXELS).zip(&self.labels).enumerate();
        let kept = digits.filter(|(at, _)| keep(*at)).map(|(_, digit)| digit);
        let (pixels, labels): (Vec<_>, Vec<_>) = kept.unzip();
        Self { pixels: pixels.concat(), labels }
    }
}

/// The part of rows of `logits` `[count, classes]` whose greatest is at their label.
pub fn accuracy(logits: &Array, labels: &Array) -> mlx_core::Result<f32> {
    logits.argmax(-1)?.equal(labels)?.astype(Dtype::Float32)?.mean(..)?.item()
}

/// The text of Melville's "Moby-Dick"; an error says how to fetch it.
pub fn moby_dick() -> io::Result<String> {
    fs::read_to_string(assets::get("moby-dick", "moby-dick.txt").map_err(missing)?)
}

fn missing(why: String) -> io::Error {
    io::Error::new(ErrorKind::NotFound, why)
}

fn unreadable(path: &Path, why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        (0..count).map(|at| format!("{}{}\n", "16,".repeat(63) + "8,", at % 10)).collect()
    }

    #[test]
    fn a_line_is_pixels_and_a_label() {
        let digits = Digits::parse(&lines(2)).unwrap();
        assert_eq!((digits.count(), digits.pixels.len()), (2, 128));
        assert_eq!((digits.pixels[0], digits.pixels[63], digits.labels[1]), (1.0, 0.5, 1));
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        for bad in ["1,2,3\n", &format!("{}10\n", "0,".repeat(64)), &format!("{}x\n", "0,".repeat(64))] {
            let error = Digits::parse(&(lines(1) + bad)).unwrap_err();
            assert_eq!(error, "line 2 is not 64 pixels and a digit");
        }
    }

    #[test]
    fn arrays_have_the_shape_that_is_asked_for() {
        let (pixels, labels) = Digits::parse(&lines(3)).unwrap().arrays(&[8, 8, 1]).unwrap();
        assert_eq!((pixels.shape(), labels.shape()), ([3, 8, 8, 1].as_slice(), [3].as_slice()));
    }

    #[test]
    fn the_accuracy_is_the_part_that_is_right() {
        let logits = Array::from([[0.0_f32, 1.0], [1.0, 0.0], [3.0, 1.0], [0.0, 2.0]]);
        assert_eq!(accuracy(&logits, &Array::from([1_u32, 0, 1, 1])).unwrap(), 0.75);
    }

    #[test]
    fn every_fifth_digit_is_for_the_test() {
        let (train, test) = Digits::parse(&lines(10)).unwrap().split();
        assert_eq!(train.labels, [0, 1, 2, 3, 5, 6, 7, 8]);
        assert_eq!((test.labels.as_slice(), test.pixels.len()), ([4, 9].as_slice(), 128));
    }
}
