//! How long files and functions may be, and how many arguments a function may take.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::tree::{Breach, File, Tree};

const FILE_LINES: usize = 500;
const MODEL_LINES: usize = 300;
const TEST_LINES: usize = 600;
const FUNCTION_LINES: usize = 60;
const ARGUMENTS: usize = 6;

/// Files without their unit tests, then each function.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let sources = tree.sources().map(|(file, _)| file).filter(|file| !file.is_fixture());
    sources.flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Breach> {
    let parsed = match syn::parse_file(&file.text) {
        Ok(parsed) => parsed,
        Err(error) => return vec![file.breach(error.span().start().line, format!("not Rust: {error}"))],
    };
    let mut functions = Functions { file, breaches: Vec::new() };
    functions.visit_file(&parsed);
    let lines = tests_start(&parsed).unwrap_or(file.text.lines().count());
    let limit = limit(file);
    if lines > limit {
        functions
            .breaches
            .push(file.breach(limit + 1, format!("{lines} lines, more than {limit}; split the file")));
    }
    functions.breaches
}

fn limit(file: &File) -> usize {
    if file.path.contains("/tests/") || file.path.ends_with("/tests.rs") {
        TEST_LINES
    } else if file.is_model() {
        MODEL_LINES
    } else {
        FILE_LINES
    }
}

/// How many lines come before the unit tests at the end of a file.
fn tests_start(parsed: &syn::File) -> Option<usize> {
    match parsed.items.last()? {
        syn::Item::Mod(module) if module.ident == "tests" => {
            let attribute = module.attrs.iter().find(|one| one.path().is_ident("cfg"))?;
            Some(attribute.span().start().line - 1)
        }
        _ => None,
    }
}

/// Collects the functions that are too big.
struct Functions<'a> {
    file: &'a File,
    breaches: Vec<Breach>,
}

impl Functions<'_> {
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        let (name, lines, arguments) = (&signature.ident, last - first + 1, signature.inputs.len());
        if lines > FUNCTION_LINES {
            let message = format!("function {name} has {lines} lines, more than {FUNCTION_LINES}");
            self.breaches.push(self.file.breach(first, message));
        }
        if arguments > ARGUMENTS {
            let message = format!("function {name} takes {arguments} arguments, more than {ARGUMENTS}");
            self.breaches.push(self.file.breach(first, message));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(&node.sig, &node.block);
        syn::visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(&node.sig, &node.block);
        syn::visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(body) = &node.default {
            self.function(&node.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    fn one(path: &str, text: &str) -> Vec<String> {
        found(check, &[(path, text)])
    }

    #[test]
    fn a_file_may_have_its_limit_and_no_line_more() {
        for (path, limit) in
            [("crates/a/src/b.rs", 500), ("crates/a/src/model/b.rs", 300), ("crates/a/tests/it/b.rs", 600)]
        {
            assert!(one(path, &"\n".repeat(limit)).is_empty());
            let message =
                format!("{path}:{}: {} lines, more than {limit}; split the file", limit + 1, limit + 1);
            assert_eq!(one(path, &"\n".repeat(limit + 1)), [message]);
        }
    }

    #[test]
    fn unit_tests_at_the_end_are_not_counted() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(400));
        assert!(one("src/b.rs", &("\n".repeat(500) + &tests)).is_empty());
        assert_eq!(one("src/b.rs", &("\n".repeat(500) + &tests + "fn after() {}\n")).len(), 1);
    }

    #[test]
    fn a_long_function_is_found_in_functions_methods_and_traits() {
        let body = |lines: usize| format!("fn long(&self) {{{}}}", "\n".repeat(lines - 1));
        for (start, end) in [("", ""), ("impl A {", "}"), ("trait A {", "}"), ("mod a { impl B {", "}}")] {
            let text = |lines| format!("{start}{}{end}", body(lines).replace("&self", ""));
            assert!(one("src/b.rs", &text(60)).is_empty());
            assert_eq!(one("src/b.rs", &text(61)), ["src/b.rs:1: function long has 61 lines, more than 60"]);
        }
    }

    #[test]
    fn a_seventh_argument_is_found() {
        assert!(one("src/b.rs", "fn a(b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {}").is_empty());
        let text = "impl A { fn a(&self, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {} }";
        assert_eq!(one("src/b.rs", text), ["src/b.rs:1: function a takes 7 arguments, more than 6"]);
    }

    #[test]
    fn generated_files_may_be_long() {
        assert!(one("src/b.rs", &("// generated by `x`\n".to_owned() + &"\n".repeat(900))).is_empty());
    }

    #[test]
    fn what_is_not_rust_is_reported() {
        assert!(one("src/b.rs", "fn a( {}").first().is_some_and(|line| line.contains("not Rust")));
    }
}
