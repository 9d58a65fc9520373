//! The documented public items of a crate, read from what rustdoc wrote.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{process, repo};

/// Parts of an item that have a place on its page.
const PARTS: [&str; 6] =
    ["method.", "tymethod.", "variant.", "structfield.", "associatedconstant.", "associatedtype."];

/// Paths such as `Array::abs`, `fast::rms_norm` or `fast`, without the crate's name.
pub fn items(root: &Path, package: &str) -> Result<BTreeSet<String>> {
    let mut cargo = process::cargo();
    process::run(cargo.current_dir(root).args(["doc", "--quiet", "-p", package, "--no-deps"]))?;
    let folder = repo::target(root)?.join("doc").join(package.replace('-', "_"));
    let read = |page: &str| std::fs::read_to_string(folder.join(page)).with_context(|| page.to_owned());
    let mut items = BTreeSet::new();
    for name in quoted(&read("index.html")?, "id=\"").filter_map(|id| id.strip_prefix("reexport.")) {
        items.insert(name.to_owned());
    }
    for page in quoted(&read("all.html")?, "href=\"").filter(|href| href.ends_with(".html")) {
        let Some(path) = path_of(page) else { continue };
        if let Some((module, _)) = path.rsplit_once("::") {
            items.insert(module.to_owned());
        }
        let text = read(page)?;
        items.extend(quoted(&text, "id=\"").filter_map(part).map(|part| format!("{path}::{part}")));
        items.insert(path);
    }
    Ok(items)
}

/// The path of an item's page: `random/struct.Key.html` is `random::Key`.
fn path_of(page: &str) -> Option<String> {
    let (folder, file) = page.rsplit_once('/').unwrap_or(("", page));
    let (_, name) = file.strip_suffix(".html")?.split_once('.')?;
    let modules = folder.split('/').filter(|module| !module.is_empty());
    Some(modules.chain([name]).collect::<Vec<_>>().join("::"))
}

/// The name of a part: the second `add` of a page has the place `method.add-1`.
fn part(id: &str) -> Option<&str> {
    let name = PARTS.iter().find_map(|kind| id.strip_prefix(kind))?;
    Some(name.split(['-', '.']).next().unwrap_or(name))
}

/// What stands in quotes after each `start`.
fn quoted<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_places_become_paths() {
        assert_eq!(path_of("random/struct.Key.html").unwrap(), "random::Key");
        assert_eq!(path_of("fn.stack.html").unwrap(), "stack");
        assert_eq!(path_of("index.html"), None);
        assert_eq!(
            ["method.add-1", "variant.Cpu", "impl-Add", "variant.Slice.field.0"].map(part),
            [Some("add"), Some("Cpu"), None, Some("Slice")]
        );
    }
}
