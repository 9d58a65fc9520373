//! Fixtures written by `cargo xtask golden`: tensors in safetensors, cases in JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;

use crate::tensor::Tensor;
use crate::tolerance::{Tolerance, judge};

/// A safetensors fixture, read whole. Its methods stop the test, naming file and tensor, where data is missing.
#[derive(Clone, Debug)]
pub struct Golden {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

impl Golden {
    /// Reads every tensor of the file at `path`.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_path_buf();
        let bytes = read(&path);
        let file =
            SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let tensor = Tensor::read(&view)
                .unwrap_or_else(|| panic!("{}: {name} has the type {:?}", path.display(), view.dtype()));
            tensors.insert(name, tensor);
        }
        Self { path, tensors }
    }

    /// The names of the tensors in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor `name`, of whatever type.
    #[track_caller]
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("{} has no tensor {name}", self.path.display()))
    }

    /// The length of each axis of `name`.
    #[track_caller]
    pub fn shape(&self, name: &str) -> &[usize] {
        &self.tensor(name).shape
    }

    /// The values of the float tensor `name`.
    #[track_caller]
    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.tensor(name).f32().unwrap_or_else(|| self.refuse(name, "float32"))
    }

    /// The values of the integer or boolean tensor `name`, each of which has to fit.
    #[track_caller]
    pub fn i32(&self, name: &str) -> Vec<i32> {
        self.tensor(name).i32().unwrap_or_else(|| self.refuse(name, "int32"))
    }

    /// The values of the integer or boolean tensor `name`, each of which has to fit; packed weights are these.
    #[track_caller]
    pub fn u32(&self, name: &str) -> Vec<u32> {
        self.tensor(name).u32().unwrap_or_else(|| self.refuse(name, "uint32"))
    }

    /// Stops the test unless `actual` has the shape of the tensor `name` and is close to its values.
    #[track_caller]
    pub fn assert_close<A: Copy + Into<f64>>(
        &self,
        name: &str,
        shape: &[usize],
        actual: &[A],
        tolerance: Tolerance,
    ) {
        let expected = self.tensor(name);
        let path = self.path.display();
        assert_eq!(shape, expected.shape, "the shape of {name} ({path}) differs: got left, expected right");
        if let Err(difference) = judge(shape, actual, &expected.values, tolerance) {
            panic!("{name} ({path}) {difference}");
        }
    }

    #[track_caller]
    fn refuse(&self, name: &str, wanted: &str) -> ! {
        let dtype = self.tensor(name).dtype;
        panic!("{}: {name} is {dtype} and cannot be read as {wanted}", self.path.display())
    }
}

/// The `cases` of a JSON fixture such as `ops.json`, each an object.
#[track_caller]
pub fn cases(path: impl AsRef<Path>) -> Vec<Value> {
    let path = path.as_ref();
    let json: Value =
        serde_json::from_slice(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match json.get("cases").and_then(Value::as_array) {
        Some(cases) if !cases.is_empty() => cases.clone(),
        _ => panic!("{} has no `cases`", path.display()),
    }
}

#[track_caller]
fn read(path: &Path) -> Vec<u8> {
    fs::read(path)
        .unwrap_or_else(|error| panic!("{}: {error}; cargo xtask golden writes the fixtures", path.display()))
}

#[cfg(test)]
mod tests {
    use std::panic::{UnwindSafe, catch_unwind};

    use serde_json::json;

    use super::*;
    use crate::Checkpoint;

    fn message(test: impl FnOnce() + UnwindSafe) -> String {
        *catch_unwind(test).unwrap_err().downcast::<String>().unwrap()
    }

    fn example() -> Golden {
        let folder = Checkpoint::new(json!({})).with("a", &[2, 3]).write();
        Golden::open(folder.path().join("model.safetensors"))
    }

    #[test]
    fn a_fixture_is_read_whole() {
        let golden = example();
        assert_eq!(golden.names().collect::<Vec<_>>(), ["a"]);
        assert!(golden.contains("a") && !golden.contains("b"));
        assert_eq!((golden.shape("a"), golden.f32("a").len()), (&[2, 3][..], 6));
    }

    #[test]
    fn a_missing_tensor_is_named() {
        assert!(message(|| drop(example().f32("b"))).ends_with("has no tensor b"));
    }

    #[test]
    fn a_float_is_not_read_as_an_integer() {
        assert!(message(|| drop(example().i32("a"))).ends_with("a is float32 and cannot be read as int32"));
    }

    #[test]
    fn a_missing_file_says_what_writes_it() {
        let text = message(|| drop(Golden::open("nowhere.safetensors")));
        assert!(text.starts_with("nowhere.safetensors: ") && text.contains("cargo xtask golden"), "{text}");
    }

    #[test]
    fn a_result_is_compared_in_shape_and_values() {
        let golden = example();
        let mut actual = golden.f32("a");
        golden.assert_close("a", &[2, 3], &actual, Tolerance::EXACT);
        assert!(
            message(|| example().assert_close("a", &[3, 2], &[0.0_f32; 6], Tolerance::F32))
                .contains("the shape of a")
        );
        actual[4] += 1.0;
        let text = message(move || golden.assert_close("a", &[2, 3], &actual, Tolerance::F32));
        assert!(text.contains("at [1, 1]: "), "{text}");
    }

    #[test]
    fn cases_come_from_the_key_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ops.json");
        fs::write(&path, r#"{"cases": [{"op": "add"}]}"#).unwrap();
        assert_eq!(cases(&path), [json!({"op": "add"})]);
        fs::write(&path, r#"{"cases": []}"#).unwrap();
        assert!(message(|| drop(cases(&path))).ends_with("ops.json has no `cases`"));
    }
}
