//! What a function does, as data: for printing, and for writing it in other formats.

use std::panic::Location;
use std::str::FromStr;

use serde::Deserialize;

use super::grad::{formed, owned};
use super::tree::skeleton;
use super::{Keywords, Shapes};
use crate::ffi::closure::outcome;
use crate::ffi::export;
use crate::{Dtype, Error, Kind, Result, Tree, cpu};

/// The steps of a function, between arrays with names.
#[derive(Debug, Default)]
pub struct Program {
    /// The arrays of the argument, then those with keywords.
    pub inputs: Vec<Node>,
    /// Keywords, and the names of the inputs that they stand for.
    pub keywords: Vec<(String, String)>,
    /// The arrays of the value.
    pub outputs: Vec<Node>,
    /// Captured arrays, by name.
    pub constants: Keywords,
    /// The ops, each after those that it needs.
    pub steps: Vec<Step>,
}

/// An array of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name, which no other array of the program has.
    pub name: String,
    /// The length of each axis.
    pub shape: Vec<i32>,
    /// The type of the elements.
    pub dtype: Dtype,
}

/// An op of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// MLX's name of the primitive.
    pub op: String,
    /// What it reads.
    pub inputs: Vec<Node>,
    /// What it gives.
    pub outputs: Vec<Node>,
    /// What it needs beside arrays, in MLX's order.
    pub parameters: Vec<Parameter>,
}

/// A value that an op needs beside arrays.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A choice that was left out.
    None,
    /// A truth value.
    Bool(bool),
    /// A number. Those that are not finite are texts: `inf`, `-inf`, `nan`.
    Number(f64),
    /// A name, of a type of element or a mode.
    Text(String),
    /// Several values, such as axes.
    List(Vec<Parameter>),
}

/// Traces `f` and says what it does; Python's `export_function` with a callback.
///
/// ```
/// use std::collections::BTreeMap;
/// use mlx_core::prelude::*;
/// use mlx_core::transform::{Shapes, describe};
///
/// let x = Array::from([[1.0, 2.0]]);
/// let program = describe(|x: &Array, _| x.exp()?.sum(1), &x, &BTreeMap::new(), Shapes::Exact)?;
/// let ops: Vec<_> = program.steps.iter().map(|step| step.op.as_str()).collect();
/// assert_eq!(ops, ["Exp", "Reduce", "Squeeze"]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// `f` failed, captures its argument, or uses an op that has no description.
#[track_caller]
pub fn describe<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T, &Keywords) -> Result<U> + 'static,
    argument: &T,
    keywords: &Keywords,
    shapes: Shapes,
) -> Result<Program> {
    outcome(Location::caller(), || {
        let form = skeleton(argument)?;
        let body = move |arrays, keywords: Keywords| {
            let argument = formed(Some(&form), arrays)?;
            cpu::plainly(|| f(&argument, &keywords)).map(|value| owned(&value))
        };
        let (json, constants) =
            export::describe(Box::new(body), &owned(argument), keywords, shapes == Shapes::Any)?;
        let events: Vec<Event> = match serde_json::from_str(&json) {
            Ok(events) => events,
            Err(error) => return Err(Error::new(Kind::Mlx, "describe", error.to_string())),
        };
        let mut program = Program { constants, ..Program::default() };
        events.into_iter().try_for_each(|event| event.add_to(&mut program))?;
        Ok(program)
    })
}

type RawNode = (String, Vec<i32>, String);

/// What MLX tells about a trace, one thing after the other.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    Inputs { inputs: Vec<RawNode> },
    KeywordInputs { keywords: Vec<(String, String)> },
    Outputs { outputs: Vec<RawNode> },
    Constants,
    Primitive { name: String, inputs: Vec<RawNode>, outputs: Vec<RawNode>, arguments: Vec<Parameter> },
}

impl Event {
    fn add_to(self, program: &mut Program) -> Result<()> {
        match self {
            Self::Inputs { inputs } => program.inputs = nodes(inputs)?,
            Self::KeywordInputs { keywords } => program.keywords = keywords,
            Self::Outputs { outputs } => program.outputs = nodes(outputs)?,
            Self::Constants => {}
            Self::Primitive { name, inputs, outputs, arguments } => program.steps.push(Step {
                op: name,
                inputs: nodes(inputs)?,
                outputs: nodes(outputs)?,
                parameters: arguments,
            }),
        }
        Ok(())
    }
}

fn nodes(raw: Vec<RawNode>) -> Result<Vec<Node>> {
    let nodes = raw.into_iter().map(|(name, shape, dtype)| match Dtype::from_str(&dtype) {
        Ok(dtype) => Ok(Node { name, shape, dtype }),
        Err(why) => Err(Error::new(Kind::Dtype, "describe", why)),
    });
    nodes.collect()
}
