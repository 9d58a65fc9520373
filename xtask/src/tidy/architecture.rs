//! The layer table in ARCHITECTURE.md says what the checked table says.

use std::path::Path;

use anyhow::{Context, Result};

use super::layers::LAYERS;
use super::tree::{Breach, Tree};

const DOCUMENT: &str = "ARCHITECTURE.md";
const START: &str = "<!-- layers -->\n";
const END: &str = "<!-- /layers -->";

/// Compares the part between the markers, if they are there.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let stale = |text: &str| rewritten(text).is_some_and(|new| new != text);
    let documents = tree.files.iter().filter(|file| file.path == DOCUMENT && stale(&file.text));
    documents
        .map(|file| {
            let line = file.text.lines().position(|line| line == START.trim()).unwrap_or_default() + 1;
            file.breach(line, "the layer table is stale; run cargo xtask tidy --fix")
        })
        .collect()
}

/// Writes the table between the markers.
pub fn fix(root: &Path) -> Result<()> {
    let path = root.join(DOCUMENT);
    if !path.is_file() {
        return Ok(());
    }
    let text = std::fs::read_to_string(&path).context(DOCUMENT)?;
    match rewritten(&text) {
        Some(new) if new != text => std::fs::write(&path, new).context(DOCUMENT),
        _ => Ok(()),
    }
}

/// The document with the right table, or `None` where it has no markers.
fn rewritten(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}{}{END}{after}", table()))
}

fn table() -> String {
    let mut table = String::from("| crate | may depend on |\n|---|---|\n");
    for (name, below) in LAYERS {
        let below: Vec<_> = below.iter().map(|one| format!("`{one}`")).collect();
        table +=
            &format!("| `{name}` | {} |\n", if below.is_empty() { "-".into() } else { below.join(", ") });
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    #[test]
    fn a_stale_table_is_found_and_rewritten() {
        let stale = format!("# A\n{START}| old |\n{END}\ntail\n");
        let fixed = rewritten(&stale).unwrap();
        assert!(fixed.contains("| `mlx-memory` | `mlx-core` |") && fixed.ends_with("\ntail\n"));
        let message = "ARCHITECTURE.md:2: the layer table is stale; run cargo xtask tidy --fix";
        assert_eq!(found(check, &[(DOCUMENT, &stale)]), [message]);
        assert!(found(check, &[(DOCUMENT, &fixed)]).is_empty());
    }

    #[test]
    fn without_markers_nothing_is_checked() {
        assert!(found(check, &[(DOCUMENT, "# A\n")]).is_empty());
    }

    #[test]
    fn fix_writes_the_file() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(DOCUMENT), format!("{START}{END}")).unwrap();
        fix(root.path()).unwrap();
        let text = std::fs::read_to_string(root.path().join(DOCUMENT)).unwrap();
        assert_eq!(text, format!("{START}{}{END}", table()));
    }
}
