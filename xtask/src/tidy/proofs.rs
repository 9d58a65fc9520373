//! Every test that docs/soundness.md names is there.

use std::collections::HashSet;

use super::tree::{Breach, Tree};

const TABLES: &str = "docs/soundness.md";
const CRATE: &str = "crates/mlx-core/";

/// The last cell of each row of four.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let functions = functions(tree);
    let mut breaches = Vec::new();
    for file in tree.files.iter().filter(|file| file.path == TABLES) {
        for (index, line) in file.text.lines().enumerate() {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
            let [_, _, _, tests] = cells[..] else { continue };
            for test in tests.split('`').filter(|text| text.contains("::")) {
                if !test.rsplit("::").next().is_some_and(|name| functions.contains(name)) {
                    breaches.push(file.breach(index + 1, format!("there is no test {test}")));
                }
            }
        }
    }
    breaches
}

fn functions(tree: &Tree) -> HashSet<&str> {
    let sources = tree.files.iter().filter(|file| file.path.starts_with(CRATE));
    let words = sources.filter_map(|file| file.rust.as_ref()).flat_map(|source| source.words.windows(2));
    words.filter(|pair| pair[0].text == "fn").map(|pair| pair[1].text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let row = "| `sort` | fails | does not | `sort::a`, `sort::b` |\n";
        let files = [(TABLES, row), ("crates/mlx-core/tests/it/sort.rs", "//! Sorts.\nfn a() {}\n")];
        assert_eq!(found(check, &files), [format!("{TABLES}:1: there is no test sort::b")]);
    }
}
