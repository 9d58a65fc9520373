//! A model file is arithmetic: it knows no files, tokenizers, samplers, loose JSON or quantization.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::tree::{Breach, File, Tree};

const PATHS: [&str; 4] = ["std::fs", "serde_json::Value", "mlx_text", "mlx_hub"];
const WORDS: [&str; 3] = ["tokenizer", "sampler", "quantiz"];

/// The paths and words of each model file.
pub fn check(tree: &Tree) -> Vec<Breach> {
    tree.sources().map(|(file, _)| file).filter(|file| file.is_model()).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Breach> {
    let mut paths = Paths(Vec::new());
    if let Ok(parsed) = syn::parse_file(&file.text) {
        paths.visit_file(&parsed);
    }
    let reaches = |path: &str, banned: &str| path == banned || path.starts_with(&format!("{banned}::"));
    let by_path = paths.0.iter().filter_map(|(path, line)| {
        let banned = PATHS.iter().find(|banned| reaches(path, banned))?;
        Some(file.breach(*line, format!("a model file may not use {banned}")))
    });
    let words = file.rust.iter().flat_map(|source| &source.words);
    let by_word = words.filter(|word| !word.text.contains('"')).filter_map(|word| {
        let lower = word.text.to_lowercase();
        let banned = WORDS.iter().find(|banned| lower.contains(**banned))?;
        Some(file.breach(word.line, format!("a model file may not know {banned}...: `{}`", word.text)))
    });
    by_path.chain(by_word).collect()
}

/// Every path of a file, those in `use` trees written out.
struct Paths(Vec<(String, usize)>);

impl Paths {
    fn tree(&mut self, start: &str, tree: &syn::UseTree) {
        let line = tree.span().start().line;
        match tree {
            syn::UseTree::Path(path) => self.tree(&format!("{start}{}::", path.ident), &path.tree),
            syn::UseTree::Name(name) => self.0.push((format!("{start}{}", name.ident), line)),
            syn::UseTree::Rename(name) => self.0.push((format!("{start}{}", name.ident), line)),
            syn::UseTree::Glob(_) => self.0.push((format!("{start}*"), line)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|one| self.tree(start, one)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, node: &'ast syn::ItemUse) {
        self.tree("", &node.tree);
    }

    fn visit_path(&mut self, node: &'ast syn::Path) {
        let names: Vec<_> = node.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.0.push((names.join("::"), node.span().start().line));
        syn::visit::visit_path(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    #[test]
    fn what_a_model_may_not_know_is_found() {
        for text in [
            "use std::fs;",
            "use std::{fmt, fs::File};",
            "fn a() { std::fs::read(\"b\"); }",
            "use serde_json::{Value, from_str};",
            "fn a(v: serde_json::Value) {}",
            "use mlx_text::Chat;",
            "use mlx_nn::QuantizedLinear;",
            "struct C { quantization: u8 }",
            "use crate::sampler::Sampler;",
            "fn a(t: &Tokenizer) {}",
        ] {
            assert!(!found(check, &[("crates/mlx-lm/src/model/llama.rs", text)]).is_empty(), "{text}");
            assert!(found(check, &[("crates/mlx-lm/src/load.rs", text)]).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_plain_model_passes() {
        let text =
            "//! No tokenizer here.\nuse mlx_nn::Linear;\nfn a() -> std::fmt::Result { w(\"sampler\") }\n";
        assert!(found(check, &[("crates/mlx-lm/src/model/llama.rs", text)]).is_empty());
    }
}
