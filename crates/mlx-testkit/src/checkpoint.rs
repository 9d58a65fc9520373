//! Tiny model folders, for tests of what is said about a missing, unknown or misshapen key.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

/// A checkpoint in the making: a config, and tensors in one `model.safetensors`.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    config: Value,
    tensors: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// A checkpoint with no tensors.
    pub fn new(config: Value) -> Self {
        Self { config, tensors: BTreeMap::new() }
    }

    /// The config and tensors of a folder with one `model.safetensors`, such as a golden checkpoint.
    #[track_caller]
    pub fn read(folder: impl AsRef<Path>) -> Self {
        let [config, weights] = ["config.json", "model.safetensors"].map(|file| {
            let path = folder.as_ref().join(file);
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        });
        let file = SafeTensors::deserialize(&weights).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| (name, Stored::copy(&view))).collect();
        Self { config: serde_json::from_slice(&config).unwrap(), tensors }
    }

    /// Adds float32 tensor `name`, or replaces it; the values, between -1 and 1, depend on the name only.
    #[must_use]
    pub fn with(mut self, name: &str, shape: &[usize]) -> Self {
        self.tensors.insert(name.to_owned(), Stored::made_up(name, shape));
        self
    }

    /// Takes out the tensor `name`, which has to be there.
    #[must_use]
    #[track_caller]
    pub fn without(mut self, name: &str) -> Self {
        assert!(self.tensors.remove(name).is_some(), "the checkpoint has no tensor {name}");
        self
    }

    /// Sets a key of the config.
    #[must_use]
    pub fn with_config(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config[key] = value.into();
        self
    }

    /// Writes the checkpoint into a folder that lives as long as the value returned.
    pub fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::to_string_pretty(&self.config).unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        let views = self.tensors.iter().map(|(name, stored)| (name, stored.view()));
        safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
        folder
    }
}

impl Stored {
    fn copy(view: &TensorView<'_>) -> Self {
        Self { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() }
    }

    fn made_up(name: &str, shape: &[usize]) -> Self {
        let values = Noise::of(name).take(shape.iter().product());
        Self { dtype: Dtype::F32, shape: shape.to_vec(), bytes: values.flat_map(f32::to_le_bytes).collect() }
    }

    fn view(&self) -> TensorView<'_> {
        TensorView::new(self.dtype, self.shape.clone(), &self.bytes).unwrap()
    }
}

/// Numbers between -1 and 1 by SplitMix64 (Steele, Lea and Flood 2014), seeded with a name by FNV-1a.
struct Noise(u64);

impl Noise {
    fn of(name: &str) -> Self {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(seed)
    }
}

impl Iterator for Noise {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // The top 24 bits are what a float32 holds exactly.
        Some((bits >> 40) as f32 / (1_u32 << 23) as f32 - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Golden;

    fn written(checkpoint: &Checkpoint) -> (Golden, Value) {
        let folder = checkpoint.write();
        let config = fs::read(folder.path().join("config.json")).unwrap();
        (Golden::open(folder.path().join("model.safetensors")), serde_json::from_slice(&config).unwrap())
    }

    #[test]
    fn tensors_are_added_replaced_and_taken_out() {
        let checkpoint = Checkpoint::new(json!({})).with("a", &[2]).with("b", &[2, 2]).with("c", &[]);
        let (golden, _) = written(&checkpoint.without("a").with("b", &[4, 1]));
        assert_eq!(golden.names().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((golden.shape("b"), golden.shape("c")), (&[4, 1][..], &[][..]));
    }

    #[test]
    fn values_depend_on_the_name_and_spread_between_minus_one_and_one() {
        let (golden, _) = written(&Checkpoint::new(json!({})).with("a", &[500]).with("b", &[500]));
        let (again, _) = written(&Checkpoint::new(json!({})).with("a", &[500]));
        let (a, b) = (golden.f32("a"), golden.f32("b"));
        assert_eq!(a, again.f32("a"));
        assert_ne!(a, b);
        assert!(a.iter().all(|value| (-1.0..1.0).contains(value)));
        assert!(a.iter().any(|&value| value < -0.9) && a.iter().any(|&value| value > 0.9));
    }

    #[test]
    fn a_config_key_is_set() {
        let (_, config) = written(&Checkpoint::new(json!({"a": 1, "b": 2})).with_config("b", "x"));
        assert_eq!(config, json!({"a": 1, "b": "x"}));
    }

    #[test]
    fn a_checkpoint_read_back_is_the_same() {
        let checkpoint = Checkpoint::new(json!({"model_type": "llama"})).with("a", &[3]);
        let (first, second) = (checkpoint.write(), Checkpoint::read(checkpoint.write().path()).write());
        for file in ["config.json", "model.safetensors"] {
            assert_eq!(
                fs::read(first.path().join(file)).unwrap(),
                fs::read(second.path().join(file)).unwrap()
            );
        }
    }

    #[test]
    fn taking_out_a_tensor_that_is_not_there_stops_the_test() {
        let caught = std::panic::catch_unwind(|| Checkpoint::new(json!({})).without("a"));
        assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "the checkpoint has no tensor a");
    }
}
