//! Weights whose length and direction are stored apart.
//!
//! Salimans and Kingma, "Weight Normalization": `w = g · v / ‖v‖`, with a norm for each entry of the first axis.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, Result, keep};

/// What PyTorch calls length and direction, before and since its parametrizations.
const NAMES: [[&str; 2]; 2] =
    [["weight_g", "weight_v"], ["parametrizations.weight.original0", "parametrizations.weight.original1"]];

/// The arrays with each such pair made one `weight`. A pair that does not fit together is left as it is, for the
/// strict reading to report.
pub(crate) fn fold(mut arrays: BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
    for [length, direction] in NAMES {
        let layers: Vec<_> =
            arrays.keys().filter_map(|key| key.strip_suffix(direction)).map(str::to_owned).collect();
        for layer in layers {
            let (length, direction) = (format!("{layer}{length}"), format!("{layer}{direction}"));
            let (Some(g), Some(v)) = (arrays.get(&length), arrays.get(&direction)) else { continue };
            let Some(weight) = whole(g, v)? else { continue };
            arrays.remove(&length);
            arrays.remove(&direction);
            arrays.insert(format!("{layer}weight"), weight);
        }
    }
    Ok(arrays)
}

fn whole(g: &Array, v: &Array) -> Result<Option<Array>> {
    let Some((&rows, rest)) = v.shape().split_first() else { return Ok(None) };
    if usize::try_from(rows) != Ok(g.size()) || rest.is_empty() {
        return Ok(None);
    }
    let (g, v) = (g.astype(Dtype::Float32)?, v.astype(Dtype::Float32)?);
    let axes: Vec<i32> = (1..).take(rest.len()).collect();
    let norms = v.square()?.sum(keep(axes.as_slice()))?.sqrt()?;
    let scale = (g.reshape(norms.shape())? / norms)?;
    Ok(Some((v * scale)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_becomes_a_weight_and_half_a_pair_stays() {
        let array = |values: &[f32], shape: &[i32]| Array::from_slice(values, shape).unwrap();
        let v = array(&[3.0, 4.0, 0.0, 2.0], &[2, 1, 2]);
        let g = array(&[10.0, -1.0], &[2, 1, 1]);
        for [length, direction] in NAMES {
            let named = [(format!("a.{length}"), g.clone()), (format!("a.{direction}"), v.clone())];
            let lone = (format!("b.{direction}"), v.clone());
            let folded = fold(named.into_iter().chain([lone]).collect()).unwrap();
            assert_eq!(folded.keys().collect::<Vec<_>>(), ["a.weight", &format!("b.{direction}")]);
            assert_eq!(folded["a.weight"].to_vec::<f32>().unwrap(), [6.0, 8.0, 0.0, -1.0]);
        }
    }
}
