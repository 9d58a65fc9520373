//! Gradients of processes that each have a part of a batch.

use mlx_core::distributed::Group;
use mlx_core::{Array, Dtype, Result, Tree, concatenate};

/// How many bytes of gradients Python's `average_gradients` sends at once.
pub const MESSAGE_BYTES: usize = 32 << 20;

/// The mean of `gradients` over all processes of `group`, all of which call it with arrays of the same shapes.
///
/// Neighbours of one type are sent together until they have `message_bytes`; 0 sends each alone.
///
/// ```
/// use mlx_core::{Array, distributed};
/// use mlx_nn::{Parameters, train};
///
/// let group = distributed::init(distributed::Backend::Any, false)?;
/// let gradients = Parameters::from_iter([("w", Array::from([1.0, 2.0]))]);
/// let mean = train::average_gradients(&gradients, &group, train::MESSAGE_BYTES)?;
/// assert_eq!(mean.get("w").unwrap().to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn average_gradients<T: Tree>(gradients: &T, group: &Group, message_bytes: usize) -> Result<T> {
    if group.size() == 1 {
        return gradients.tree_map(|_, gradient| Ok(gradient.clone()));
    }
    let mut means = Vec::new();
    for message in messages(gradients.leaves(), message_bytes) {
        means.extend(mean(&message, group)?);
    }
    gradients.with_leaves(means)
}

/// The means of arrays of one type, which are sent as one.
fn mean(arrays: &[&Array], group: &Group) -> Result<Vec<Array>> {
    let average = |x: &Array| (group.all_sum(x)? / group.size())?.astype(x.dtype());
    if let [array] = arrays {
        return Ok(vec![average(array)?]);
    }
    let flat = arrays.iter().map(|array| array.reshape([-1])).collect::<Result<Vec<_>>>()?;
    let ends = flat.iter().scan(0, |end, array| {
        *end += array.size() as i32;
        Some(*end)
    });
    let ends: Vec<_> = ends.take(flat.len() - 1).collect();
    let parts = average(&concatenate(&flat, 0)?)?.split_at(ends, 0)?;
    parts.iter().zip(arrays).map(|(part, array)| part.reshape(array.shape())).collect()
}

/// Runs of arrays of one type, each of which is complete once it has `bytes`.
fn messages(arrays: Vec<&Array>, bytes: usize) -> Vec<Vec<&Array>> {
    let mut messages: Vec<Message<'_>> = Vec::new();
    for array in arrays {
        match messages.last_mut() {
            Some(last) if last.dtype == array.dtype() && last.bytes < bytes => last.push(array),
            _ => messages.push(Message { dtype: array.dtype(), bytes: array.nbytes(), arrays: vec![array] }),
        }
    }
    messages.into_iter().map(|message| message.arrays).collect()
}

struct Message<'a> {
    dtype: Dtype,
    bytes: usize,
    arrays: Vec<&'a Array>,
}

impl<'a> Message<'a> {
    fn push(&mut self, array: &'a Array) {
        self.bytes += array.nbytes();
        self.arrays.push(array);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[(i32, Dtype)], bytes: usize) -> Vec<usize> {
        let arrays: Vec<_> =
            sizes.iter().map(|&(size, dtype)| Array::zeros([size], dtype).unwrap()).collect();
        messages(arrays.iter().collect(), bytes).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_message_is_complete_once_it_has_the_bytes() {
        let floats = |sizes: &[i32]| sizes.iter().map(|&size| (size, Dtype::Float32)).collect::<Vec<_>>();
        assert_eq!(runs(&floats(&[1, 1, 1, 1, 1]), 8), [2, 2, 1]);
        assert_eq!(runs(&floats(&[1, 9, 1, 1, 5]), 8), [2, 2, 1]);
        assert_eq!(runs(&floats(&[1, 2, 3]), 0), [1, 1, 1]);
        assert_eq!(runs(&floats(&[]), 8), [0; 0]);
    }

    #[test]
    fn arrays_of_different_types_are_sent_apart() {
        let mixed = [(1, Dtype::Float32), (1, Dtype::Float32), (1, Dtype::Float16), (1, Dtype::Float32)];
        assert_eq!(runs(&mixed, MESSAGE_BYTES), [2, 1, 1]);
    }
}
