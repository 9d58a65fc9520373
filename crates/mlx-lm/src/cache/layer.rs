//! Keys and values of one attention layer.

use mlx_core::{Array, Result, concatenate, fast};

use super::Mask;

/// Rows are added this many at a time, so that most tokens are written in place.
pub(crate) const STEP: i32 = 256;

/// Keys and values of all tokens that a layer has seen, `[batch, kv_heads, tokens, width]`.
#[derive(Clone, Debug, Default)]
pub struct LayerCache {
    rows: Option<Rows>,
    offset: i32,
}

/// Buffers with room for tokens to come.
#[derive(Clone, Debug)]
struct Rows {
    keys: Array,
    values: Array,
}

impl LayerCache {
    /// The number of tokens seen, which is the position of the next.
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// Appends keys and values and attends to all of them: queries `[batch, heads, length, width]` give
    /// `[batch, heads, length, width]`.
    pub fn attend(
        &mut self,
        queries: &Array,
        keys: &Array,
        values: &Array,
        scale: f32,
        mask: &Mask,
    ) -> Result<Array> {
        let (keys, values) = self.append(keys, values)?;
        fast::scaled_dot_product_attention(queries, &keys, &values, scale, mask.as_fast(), None)
    }

    /// Appends keys and values. Returns those of all tokens.
    pub fn append(&mut self, keys: &Array, values: &Array) -> Result<(Array, Array)> {
        let end = self.offset + keys.dim(2)?;
        let rows = match self.rows.take() {
            Some(rows) if end <= rows.keys.dim(2)? => rows,
            Some(rows) => Rows {
                keys: grown(&rows.keys, self.offset, keys)?,
                values: grown(&rows.values, self.offset, values)?,
            },
            None => Rows { keys: room(keys)?, values: room(values)? },
        };
        let at = [0, 0, self.offset, 0];
        let rows =
            Rows { keys: rows.keys.slice_update(keys, at)?, values: rows.values.slice_update(values, at)? };
        let seen = |buffer: &Array| buffer.index((.., .., ..end));
        let all = (seen(&rows.keys)?, seen(&rows.values)?);
        self.offset = end;
        self.rows = Some(rows);
        Ok(all)
    }

    pub(super) fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.rows.iter().flat_map(|rows| [&rows.keys, &rows.values])
    }
}

/// Zeroed rows for the tokens of `new`, rounded up to whole steps.
fn room(new: &Array) -> Result<Array> {
    let [batch, heads, length, width] = new.dims()?;
    let steps = length.saturating_add(STEP - 1) / STEP;
    Array::zeros([batch, heads, steps * STEP, width], new.dtype())
}

/// The first `used` rows of `buffer` with room for `new` behind them.
fn grown(buffer: &Array, used: i32, new: &Array) -> Result<Array> {
    concatenate([&buffer.index((.., .., ..used))?, &room(new)?], 2)
}

#[cfg(test)]
mod tests {
    use mlx_core::Dtype;

    use super::*;

    fn row(value: f32) -> Array {
        Array::full([1, 1, 1, 2], value, Dtype::Float32).unwrap()
    }

    #[test]
    fn rows_keep_their_order_when_the_buffer_grows() {
        let mut cache = LayerCache::default();
        for value in 0..STEP + 3 {
            cache.append(&row(value as f32), &row(-value as f32)).unwrap();
        }
        let (keys, values) = cache.append(&row(-1.0), &row(1.0)).unwrap();
        let keys = keys.to_vec::<f32>().unwrap();
        let expected: Vec<_> = (0..STEP + 3).chain([-1]).flat_map(|v| [v as f32; 2]).collect();
        assert_eq!(keys, expected);
        let negated: Vec<_> = expected.iter().map(|v| -v).collect();
        assert_eq!(values.to_vec::<f32>().unwrap(), negated);
        assert_eq!(cache.offset(), STEP + 4);
    }

    #[test]
    fn a_clone_does_not_see_what_is_appended_later() {
        let mut cache = LayerCache::default();
        cache.append(&row(1.0), &row(1.0)).unwrap();
        let mut copy = cache.clone();
        cache.append(&row(2.0), &row(2.0)).unwrap();
        let (keys, _) = copy.append(&row(3.0), &row(3.0)).unwrap();
        assert_eq!(keys.to_vec::<f32>().unwrap(), [1.0, 1.0, 3.0, 3.0]);
    }
}
