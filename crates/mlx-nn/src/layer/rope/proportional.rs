//! The partial rotation of Gemma 4.

use super::powers;
use crate::{Error, Result};

/// Only the first pairs of features turn, as fast as they do when all turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportional {
    /// The part of the features that turns, from 0 to 1.
    pub partial_rotary_factor: f32,
    /// How much the waves are stretched.
    pub factor: f32,
}

impl Proportional {
    pub(super) fn wavelengths(&self, base: f32, dims: i32) -> Result<Vec<f32>> {
        if !(0.0..=1.0).contains(&self.partial_rotary_factor) {
            let problem = format!("{} is not between 0 and 1", self.partial_rotary_factor);
            return Err(Error::config("partial_rotary_factor", problem));
        }
        let turning = (dims as f32 * self.partial_rotary_factor) as usize;
        let length = |(pair, length)| if 2 * pair < turning { self.factor * length } else { f32::INFINITY };
        Ok(powers(base, dims).into_iter().enumerate().map(length).collect())
    }
}
