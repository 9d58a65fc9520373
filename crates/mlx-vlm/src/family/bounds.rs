//! Which sizes of towers can be.

use crate::{Error, Result};

/// Checks that each field of `vision_config` is from 1 to the most that is given for it.
pub(super) fn sizes(fields: &[(&str, i32, i32)]) -> Result<()> {
    match fields.iter().find(|(_, size, most)| !(1..=*most).contains(size)) {
        Some((field, size, most)) => {
            let problem = format!("vision_config: {field} is {size}: it must be from 1 to {most}");
            Err(Error::config(problem))
        }
        None => Ok(()),
    }
}

/// Checks that there are not too many layers, and that heads can turn by rows and columns. `sizes` are checked.
pub(super) fn heads(layers: usize, [width, heads]: [i32; 2]) -> Result<()> {
    if layers <= 1024 && width % (4 * heads) == 0 {
        return Ok(());
    }
    let problem = format!(
        "vision_config: {layers} layers, {width} wide with {heads} heads: at most 1024, and heads must be wide by a \
         multiple of 4"
    );
    Err(Error::config(problem))
}

/// Checks that vectors are as wide as those of the decoder, if its config says how wide these are.
pub(super) fn output(width: i32, decoder: Option<i32>) -> Result<()> {
    match decoder.filter(|&hidden| hidden != width) {
        Some(hidden) => {
            let problem = format!(
                "vision_config: the tower gives vectors {width} wide to a decoder whose hidden_size is {hidden}"
            );
            Err(Error::config(problem))
        }
        None => Ok(()),
    }
}
