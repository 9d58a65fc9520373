//! Attention of each text to itself, in both directions.

use mlx_core::fast::{Mask, scaled_dot_product_attention};
use mlx_core::{Array, Result, concatenate};
use mlx_nn::Rope;

use crate::{Group, Packed};

/// How tokens of a text attend to each other.
#[derive(Clone, Debug)]
pub(super) struct Attend<'a> {
    pub(super) heads: i32,
    /// How places turn queries and keys, if they do.
    pub(super) rope: Option<&'a Rope>,
    /// How far away another token may be to be seen.
    pub(super) reach: Option<i32>,
}

impl Attend<'_> {
    /// Queries, keys and values `[tokens, hidden]` to what tokens see: `[tokens, hidden]`.
    pub(super) fn forward(&self, texts: &Packed, [queries, keys, values]: [&Array; 3]) -> Result<Array> {
        let mut seen = Vec::with_capacity(texts.groups().len());
        for (group, range) in texts.ranges() {
            let heads = |x: &Array| {
                let rows = texts.rows(x, (group, range.clone()))?;
                rows.reshape([group.count, group.length, self.heads, -1])?.transpose([0, 2, 1, 3])
            };
            let turned = |x: Array| match self.rope {
                Some(rope) => rope.forward(&x, 0),
                None => Ok(x),
            };
            let seen_by_all = |x: Array| match group.seen {
                seen if seen < group.length => x.index((.., .., ..seen)),
                _ => Ok(x),
            };
            let q = turned(heads(queries)?)?;
            let (k, v) = (seen_by_all(turned(heads(keys)?)?)?, seen_by_all(heads(values)?)?);
            let scale = f64::from(q.dim(-1)?).recip().sqrt() as f32;
            let near = self.reach.filter(|&reach| reach < group.length - 1);
            let near = near.map(|reach| near_mask(group, reach)).transpose()?;
            let mask = near.as_ref().map_or(Mask::None, Mask::Array);
            let y = scaled_dot_product_attention(&q, &k, &v, scale, mask, None)?;
            seen.push(y.transpose([0, 2, 1, 3])?.reshape([group.count * group.length, -1])?);
        }
        match seen.as_slice() {
            [only] => Ok(only.clone()),
            all => concatenate(all, 0),
        }
    }
}

/// True where two tokens are no further apart than `reach`: `[length, seen]`.
fn near_mask(group: Group, reach: i32) -> Result<Array> {
    let (queries, keys) = (Array::arange(0..group.length)?, Array::arange(0..group.seen)?);
    (queries.expand_dims(1)? - keys)?.abs()?.less_equal(reach)
}
