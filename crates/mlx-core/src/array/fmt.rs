//! Printing.

use std::fmt;

use crate::{Array, Category, Complex64, Dtype, Result};

/// The shape and type. Nothing is computed.
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({:?}, {})", self.shape(), self.dtype())
    }
}

/// The values as MLX prints them, which computes them; `{:.3}` gives numbers three digits after the point.
///
/// MLX's own option for that is one for the whole process, so it is left alone.
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match f.precision() {
            Some(digits) if Category::Inexact.contains(self.dtype()) => self.fixed(digits),
            _ => self.text(),
        };
        match text {
            Ok(text) => f.write_str(&text),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

/// MLX shows so many elements at each end of an axis that is longer than twice that.
const ENDS: i32 = 3;

impl Array {
    /// MLX's layout with `digits` after the point.
    fn fixed(&self, digits: usize) -> Result<String> {
        let mut shown = self.clone();
        for (axis, &length) in (0..).zip(self.shape()) {
            if length > 2 * ENDS {
                let last = [length - 3, length - 2, length - 1];
                shown = shown.take(&Self::from([[0, 1, 2], last]).flatten(0, 1)?, axis)?;
            }
        }
        let mut layout =
            Layout { shape: self.shape(), numbers: shown.numbers(digits)?.into_iter(), text: String::new() };
        layout.axis(0);
        Ok(format!("array({}, dtype={})", layout.text, self.dtype()))
    }

    /// The text of each number.
    fn numbers(&self, digits: usize) -> Result<Vec<String>> {
        let real = |number: f64| format!("{number:.digits$}").replace("NaN", "nan");
        Ok(match self.dtype() {
            Dtype::Complex64 => {
                let complex = |Complex64 { re, im }: Complex64| {
                    let sign = if im < 0.0 { '-' } else { '+' };
                    format!("{}{sign}{}j", real(re.into()), real(im.abs().into()))
                };
                self.to_vec()?.into_iter().map(complex).collect()
            }
            Dtype::Float64 => self.to_vec()?.into_iter().map(real).collect(),
            _ => {
                let singles = self.astype(Dtype::Float32)?.to_vec::<f32>()?;
                singles.into_iter().map(|number| real(number.into())).collect()
            }
        })
    }
}

/// Numbers between brackets.
struct Layout<'a> {
    shape: &'a [i32],
    numbers: std::vec::IntoIter<String>,
    text: String,
}

impl Layout<'_> {
    /// Writes what lies along axis `at`; behind the last one, a number.
    fn axis(&mut self, at: usize) {
        let Some(&length) = self.shape.get(at) else {
            self.text.extend(self.numbers.next());
            return;
        };
        let last = at + 1 == self.shape.len();
        let between = if last { ", ".to_owned() } else { format!(",\n{:1$}", "", 7 + at) };
        self.text.push('[');
        for place in 0..length.min(2 * ENDS) {
            if place > 0 {
                self.text.push_str(&between);
            }
            if place == ENDS && length > 2 * ENDS {
                self.text.push_str("...");
                self.text.push_str(&between);
            }
            self.axis(at + 1);
        }
        self.text.push(']');
    }
}
