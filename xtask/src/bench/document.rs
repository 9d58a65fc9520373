//! Measurements as parts of a document, each between two comments.

use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result};

const TITLE: &str = "# Benchmarks\n\n`cargo xtask bench` writes the parts between comments.\n\n";

/// Writes a part into the document, in the place of an earlier one of that name, or at its end.
pub fn write(path: &Path, name: &str, part: impl Display) -> Result<()> {
    let context = || path.display().to_string();
    let document =
        if path.exists() { std::fs::read_to_string(path).with_context(context)? } else { String::new() };
    std::fs::write(path, placed(&document, name, &part.to_string())).with_context(context)
}

fn placed(document: &str, name: &str, part: &str) -> String {
    let [start, end] = ["", "/"].map(|slash| format!("<!-- {slash}bench {name} -->\n"));
    let part = format!("{start}{part}{end}");
    if document.is_empty() {
        return format!("{TITLE}{part}");
    }
    let split =
        document.split_once(&start).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match split {
        Some((before, after)) => format!("{before}{part}{after}"),
        None => format!("{}\n\n{part}", document.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_the_place_of_the_earlier_one_only() {
        let fresh = placed("", "cpu", "new\n");
        assert_eq!(fresh, format!("{TITLE}<!-- bench cpu -->\nnew\n<!-- /bench cpu -->\n"));
        assert_eq!(placed(&fresh, "cpu", "new\n"), fresh);
        let document = "# Title\n\n<!-- bench cpu -->\nold\n<!-- /bench cpu -->\n\nrest\n";
        assert_eq!(
            placed(document, "cpu", "new\n"),
            "# Title\n\n<!-- bench cpu -->\nnew\n<!-- /bench cpu -->\n\nrest\n"
        );
        assert_eq!(
            placed(document, "kernels", "new\n"),
            format!("{document}\n<!-- bench kernels -->\nnew\n<!-- /bench kernels -->\n")
        );
    }

    #[test]
    fn a_document_is_made_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.md");
        write(&path, "cpu", "first\n").unwrap();
        write(&path, "cpu", "second\n").unwrap();
        let document = std::fs::read_to_string(&path).unwrap();
        assert_eq!(document, format!("{TITLE}<!-- bench cpu -->\nsecond\n<!-- /bench cpu -->\n"));
    }
}
