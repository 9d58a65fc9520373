//! Real weights, recordings and data, too large to commit: `cargo xtask assets` fetches them by group.

use std::env;
use std::path::{Path, PathBuf};

/// The path of a fetched file; where it is absent, `None` and a line on stderr that the test was skipped.
///
/// Looks in `<MLX_ASSETS>/<group>/` if that variable is set, else in the workspace's `assets/<group>/`.
pub fn find(group: &str, file: &str) -> Option<PathBuf> {
    get(group, file).inspect_err(|absent| eprintln!("skipped: {absent}")).ok()
}

/// As [`find`], but with what is absent, and how to fetch it, instead of `None`.
pub fn get(group: &str, file: &str) -> Result<PathBuf, String> {
    let root = root(env::var_os("MLX_ASSETS").map(PathBuf::from));
    locate(&root, group, file).ok_or_else(|| absent(group, file))
}

fn root(chosen: Option<PathBuf>) -> PathBuf {
    chosen.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets"))
}

fn locate(root: &Path, group: &str, file: &str) -> Option<PathBuf> {
    let path = root.join(group).join(file);
    path.exists().then_some(path)
}

fn absent(group: &str, file: &str) -> String {
    format!("{group}/{file} is not here; fetch it with cargo xtask assets {group}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_found_in_its_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speech/en/hello.wav");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(locate(folder.path(), "speech", "en/hello.wav"), Some(path));
        assert_eq!(locate(folder.path(), "images", "en/hello.wav"), None);
    }

    #[test]
    fn the_variable_goes_before_the_workspace() {
        assert_eq!(root(Some(PathBuf::from("elsewhere"))), Path::new("elsewhere"));
        assert!(root(None).ends_with("../../assets"));
    }

    #[test]
    fn an_absent_file_is_none() {
        assert_eq!(find("no-such-group", "nothing.bin"), None);
    }

    #[test]
    fn what_is_absent_is_named_with_the_command() {
        assert_eq!(
            get("smollm2", "no-such-model.gguf"),
            Err("smollm2/no-such-model.gguf is not here; fetch it with cargo xtask assets smollm2".into())
        );
    }
}
