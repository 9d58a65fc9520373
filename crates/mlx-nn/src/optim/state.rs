//! What an optimiser keeps between steps.

use std::fmt::Display;

use mlx_core::transform::Path;
use mlx_core::{Array, Error, Result, Tree};

use crate::Parameters;

const STEP: &str = "step";
const RATE: &str = "learning_rate";

/// Arrays by Python's names: `step`, `learning_rate`, and what is kept of each parameter under its path, such as
/// `layers.0.weight.m`. Those of a [`MultiOptimizer`](super::MultiOptimizer) begin with `states.0`, and so on.
///
/// It is a [`Tree`]: [`save_tree`](crate::save_tree) and [`load_tree`](crate::load_tree) exchange it with Python.
#[derive(Clone, Debug)]
pub struct State(Parameters);

impl State {
    pub(super) fn new(rate: Option<Array>) -> Self {
        let rate = rate.map(|rate| (RATE, rate));
        Self([(STEP, Array::from(0_u64))].into_iter().chain(rate).collect())
    }

    /// The arrays by name.
    pub fn arrays(&self) -> &Parameters {
        &self.0
    }

    /// How many steps were done: a `uint64`.
    ///
    /// # Errors
    /// It is the state of a [`MultiOptimizer`](super::MultiOptimizer), which has several.
    #[track_caller]
    pub fn step(&self) -> Result<&Array> {
        self.get(STEP)
    }

    /// The rate of the last step; before the first, that of the first.
    ///
    /// # Errors
    /// There is none, or more than one.
    #[track_caller]
    pub fn learning_rate(&self) -> Result<&Array> {
        self.get(RATE)
    }

    /// The same state with another learning rate, for all steps from now on unless a schedule makes it. A compiled
    /// step need not be traced again for it.
    #[must_use]
    pub fn with_learning_rate(mut self, rate: f32) -> Self {
        let is_rate = |name: &str| name == RATE || part_name(name).is_some_and(|(_, name)| name == RATE);
        let rates: Vec<_> = self.0.names().filter(|name| is_rate(name)).map(str::to_owned).collect();
        self.0.extend(rates.into_iter().map(|name| (name, Array::from(rate))));
        self
    }

    pub(super) fn set_step(&mut self, step: Array) {
        self.0.insert(STEP, step);
    }

    pub(super) fn set_learning_rate(&mut self, rate: Array) {
        self.0.insert(RATE, rate);
    }

    /// What is kept of the parameter at `path`.
    pub(super) fn slots<'a>(&'a mut self, path: &'a str) -> Slots<'a> {
        Slots { path, state: self }
    }

    /// The states of several optimisers as one.
    pub(super) fn of_parts(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts = parts.into_iter().enumerate();
        let arrays = parts
            .flat_map(|(at, part)| part.0.into_iter().map(move |(name, array)| (part_key(at, name), array)));
        Self(arrays.collect())
    }

    /// The state of the optimiser number `at`.
    pub(super) fn part(&self, at: usize) -> Self {
        let named = self.0.iter().filter_map(|(name, array)| Some((part_name(name)?, array)));
        let own = named.filter(|((part, _), _)| *part == at);
        Self(own.map(|((_, name), array)| (name, array.clone())).collect())
    }

    #[track_caller]
    fn get(&self, name: &str) -> Result<&Array> {
        let missing = || format!("the state has no `{name}`: make it by `init` with the parameters to train");
        self.0.get(name).ok_or_else(|| Error::custom("optimizer", missing()))
    }
}

/// The key in the state of all parts of what part `at` calls `name`.
fn part_key(at: usize, name: impl Display) -> String {
    format!("states.{at}.{name}")
}

/// The part that a key belongs to, and its name there.
fn part_name(key: &str) -> Option<(usize, &str)> {
    let (at, name) = key.strip_prefix("states.")?.split_once('.')?;
    Some((at.parse().ok()?, name))
}

/// What is kept of one parameter between steps.
#[derive(Debug)]
pub struct Slots<'a> {
    path: &'a str,
    state: &'a mut State,
}

impl Slots<'_> {
    /// The array `name`.
    ///
    /// # Errors
    /// It was never set.
    #[track_caller]
    pub fn get(&self, name: &str) -> Result<&Array> {
        self.state.get(&self.key(name))
    }

    /// Keeps `array` as `name`.
    pub fn set(&mut self, name: &str, array: Array) {
        self.state.0.insert(self.key(name), array);
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

impl Tree for State {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        self.0.visit_leaves(path, visit);
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        self.0.map_leaves(path, map).map(Self)
    }

    fn same_form(&self, other: &Self) -> bool {
        self.0.same_form(&other.0)
    }
}
