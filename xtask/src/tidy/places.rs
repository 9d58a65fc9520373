//! No file names a package registry's host or a folder of somebody's machine.

use super::tree::{Breach, Tree};

/// In pieces, so that this file does not break its own rule.
const HOSTS: [[&str; 2]; 5] =
    [["crates", "io"], ["pypi", "org"], ["pythonhosted", "org"], ["npmjs", "org"], ["npmjs", "com"]];
const FOLDERS: [&str; 4] = ["home", "root", "Users", "work"];

/// Cargo itself writes the registry's address into the lock file.
const EXEMPT: &str = "Cargo.lock";

/// Each line of each text file.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with(EXEMPT)) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(host) = HOSTS.iter().map(|pieces| pieces.join(".")).find(|host| line.contains(host)) {
                breaches.push(file.breach(index + 1, format!("{host}: do not name a registry's host")));
            }
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                breaches.push(file.breach(index + 1, format!("a path under {folder} of one machine")));
            }
        }
    }
    breaches
}

/// Whether an absolute path begins with the folder.
fn names_folder(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    line.match_indices(&path).any(|(at, _)| {
        let before = line.get(..at).and_then(|start| start.chars().next_back());
        before.is_none_or(|letter| !(letter.is_alphanumeric() || "._-~}*/>".contains(letter)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    #[test]
    fn every_host_is_found_in_any_text_file() {
        for pieces in HOSTS {
            let text = format!("see\nhttps://{}/x\n", pieces.join("."));
            let breaches = found(check, &[("README.md", &text)]);
            assert!(breaches.len() == 1 && breaches[0].starts_with("README.md:2:"), "{breaches:?}");
            assert!(found(check, &[("Cargo.lock", &text)]).is_empty());
        }
    }

    #[test]
    fn machine_paths_are_found_and_relative_ones_are_not() {
        for folder in FOLDERS {
            assert_eq!(found(check, &[("a.sh", &format!("cd \"/{folder}/x\"\n"))]).len(), 1);
            assert!(found(check, &[("a.sh", &format!("cd docs/{folder}/x\n"))]).is_empty());
        }
    }
}
