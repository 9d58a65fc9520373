//! `unsafe` and raw MLX calls stay in their places.

use super::source::Source;
use super::tree::{Breach, File, Tree};

/// The benches hold the safe calls against the raw ones.
const BENCHES: &str = "crates/mlx-core/benches/";
const FFI: &str = "crates/mlx-core/src/ffi/";
const UNSAFE_PLACES: [&str; 4] = ["crates/mlx-sys/", FFI, BENCHES, "crates/mlx-cpu/"];
const RAW_PLACES: [&str; 3] = ["crates/mlx-sys/", FFI, BENCHES];

/// The words `unsafe` and `mlx_sys`, and the attributes of crate roots.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in &tree.files {
        let Some(source) = &file.rust else { continue };
        words(file, source, "unsafe", &UNSAFE_PLACES, &mut breaches);
        words(file, source, "mlx_sys", &RAW_PLACES, &mut breaches);
        breaches.extend(root_attribute(file, source));
    }
    breaches.extend(core_exceptions(tree));
    breaches
}

fn words(file: &File, source: &Source, word: &str, places: &[&str], breaches: &mut Vec<Breach>) {
    if places.iter().any(|place| file.path.starts_with(place)) {
        return;
    }
    let found = source.words.iter().filter(|one| one.text == word);
    breaches.extend(
        found.map(|one| file.breach(one.line, format!("`{word}` is allowed only in {}", places.join(", ")))),
    );
}

/// A crate without `unsafe` says so to the compiler.
fn root_attribute(file: &File, source: &Source) -> Option<Breach> {
    let is_root = ["src/lib.rs", "src/main.rs"].iter().any(|end| file.path.ends_with(end));
    let level = match file.path.split('/').collect::<Vec<_>>()[..] {
        ["crates", "mlx-sys" | "mlx-cpu", ..] => return None,
        ["crates", "mlx-core", ..] => "deny",
        _ => "forbid",
    };
    let attribute = format!("#![{level}(unsafe_code)]");
    let missing = is_root && !code(source).contains(&attribute);
    missing.then(|| file.breach(1, format!("a crate root needs {attribute}")))
}

/// mlx-core lifts its `deny` once, for its `ffi` module.
fn core_exceptions(tree: &Tree) -> Vec<Breach> {
    let core = tree.files.iter().filter(|file| file.path.starts_with("crates/mlx-core/src/"));
    let exceptions = core.flat_map(|file| {
        let words = file.rust.as_ref().map(|source| &source.words[..]).unwrap_or_default();
        let lifted = words.windows(3).filter(|run| {
            matches!([&*run[0].text, &*run[1].text, &*run[2].text], ["allow" | "expect", "(", "unsafe_code"])
        });
        lifted
            .map(move |run| file.breach(run[0].line, "unsafe_code is allowed once in mlx-core, on `mod ffi`"))
    });
    exceptions.skip(1).collect()
}

/// The code without any space.
fn code(source: &Source) -> String {
    source.words.iter().map(|word| word.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    #[test]
    fn unsafe_code_outside_its_places_is_found() {
        let text = "//! A.\n// unsafe in a comment\nfn a() { unsafe { b(\"unsafe\") } }\n";
        let breaches = found(check, &[("crates/mlx-nn/src/a.rs", text)]);
        assert_eq!(breaches.len(), 1);
        assert!(
            breaches[0].starts_with("crates/mlx-nn/src/a.rs:3: `unsafe` is allowed only in"),
            "{breaches:?}"
        );
        for place in UNSAFE_PLACES {
            assert!(found(check, &[(&format!("{place}a.rs"), text)]).is_empty());
        }
        assert_eq!(found(check, &[("crates/mlx-core/src/ops.rs", text)]).len(), 1);
    }

    #[test]
    fn raw_calls_stay_in_the_ffi_folder() {
        let text = "use mlx_sys as sys;\n";
        assert_eq!(found(check, &[("crates/mlx-cli/src/a.rs", text)]).len(), 1);
        assert!(found(check, &[("crates/mlx-core/src/ffi/a.rs", text)]).is_empty());
    }

    #[test]
    fn a_crate_root_forbids_unsafe() {
        let bare = [("crates/mlx-nn/src/lib.rs", "//! A.\n"), ("xtask/src/main.rs", "//! A.\n")];
        assert_eq!(found(check, &bare).len(), 2);
        let text = "//! A.\n#![forbid(unsafe_code)]\n";
        assert!(found(check, &[("crates/mlx-nn/src/lib.rs", text)]).is_empty());
        assert_eq!(found(check, &[("crates/mlx-core/src/lib.rs", text)]).len(), 1);
    }

    #[test]
    fn mlx_core_has_one_exception() {
        let once = "//! A.\n#![deny(unsafe_code)]\n#[allow(unsafe_code)]\nmod ffi;\n";
        assert!(found(check, &[("crates/mlx-core/src/lib.rs", once)]).is_empty());
        let twice = format!("{once}#[allow(unsafe_code)]\nmod other;\n");
        let message = "crates/mlx-core/src/lib.rs:5: unsafe_code is allowed once in mlx-core, on `mod ffi`";
        assert_eq!(found(check, &[("crates/mlx-core/src/lib.rs", &twice)]), [message]);
    }
}
