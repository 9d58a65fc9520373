//! The functions, constants, types and rows of macro tables in a Rust source, each with the names in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

/// What a body names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The last two words of `a::b::c`.
    Path(String, String),
    /// `.name`
    Method(String),
    /// A word on its own, or the first of a path.
    Word(String),
}

impl Reference {
    /// The last word.
    pub fn name(&self) -> &str {
        match self {
            Self::Path(_, name) | Self::Method(name) | Self::Word(name) => name,
        }
    }
}

/// Something with a name and a body.
#[derive(Clone, Default)]
pub struct Definition {
    /// The file's modules: `ffi`, `raw`.
    pub modules: Vec<String>,
    /// The type that a method belongs to; empty where only a macro knows it.
    pub owner: Option<String>,
    pub names: BTreeSet<String>,
    pub references: BTreeSet<Reference>,
    /// Where the file has a word from, for each that it imports.
    pub imports: BTreeMap<String, String>,
    /// A row of a table, with the macro that reads it.
    table: Option<String>,
    /// A macro, for its tables.
    is_macro: bool,
}

impl Definition {
    /// Whether it lies in the `ffi` folder.
    pub fn is_ffi(&self) -> bool {
        self.modules.first().is_some_and(|first| first == "ffi")
    }

    /// The innermost module.
    pub fn module(&self) -> &str {
        self.modules.last().map_or("", String::as_str)
    }

    /// Whether this is a thing of the type, or outside any type, of the module.
    pub fn is_in(&self, owner: &str) -> bool {
        self.owner.as_deref().unwrap_or(self.module()) == owner
    }

    /// The functions of mlx-c in it.
    pub fn raw_names(&self) -> impl Iterator<Item = &str> {
        self.references.iter().filter_map(|reference| match reference {
            Reference::Path(owner, name) if owner == "sys" => Some(name.as_str()),
            _ => None,
        })
    }

    /// The documented item that this is.
    pub fn public_item(&self, items: &BTreeSet<String>) -> Option<String> {
        let places: Vec<&str> = match &self.owner {
            Some(owner) if owner.is_empty() => self.names.iter().map(String::as_str).collect(),
            Some(owner) => vec![owner],
            None if self.is_ffi() => return None,
            None => self.modules.iter().map(String::as_str).chain([""]).collect(),
        };
        let is_this = |item: &&String| {
            let (path, name) = item.rsplit_once("::").unwrap_or(("", item));
            let place = path.rsplit("::").next().unwrap_or(path);
            self.names.contains(name) && places.contains(&place)
        };
        items.iter().find(is_this).cloned()
    }
}

/// What one file defines, without its tests.
pub fn read(path: &Path, text: &str) -> Result<Vec<Definition>> {
    let file = syn::parse_file(text).with_context(|| path.display().to_string())?;
    let words = path.with_extension("");
    let modules = words.iter().map(|word| word.to_string_lossy().into_owned());
    let modules = modules.filter(|word| word != "mod" && word != "lib").collect();
    let mut imports = BTreeMap::new();
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            import(&item.tree, "", &mut imports);
        }
    }
    let mut reader =
        Reader { file: Definition { modules, imports, ..Definition::default() }, found: Vec::new() };
    reader.items(&file.items);
    Ok(reader.found)
}

fn import(tree: &syn::UseTree, from: &str, imports: &mut BTreeMap<String, String>) {
    match tree {
        syn::UseTree::Path(path) => import(&path.tree, &path.ident.to_string(), imports),
        syn::UseTree::Name(name) => drop(imports.insert(name.ident.to_string(), from.to_owned())),
        syn::UseTree::Rename(name) => drop(imports.insert(name.rename.to_string(), from.to_owned())),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| import(tree, from, imports)),
        syn::UseTree::Glob(_) => {}
    }
}

struct Reader {
    /// What all definitions of the file share.
    file: Definition,
    found: Vec<Definition>,
}

impl Reader {
    fn items(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Mod(module) if !is_test(&module.attrs) => {
                    let items = module.content.as_ref().map(|(_, items)| items);
                    self.items(items.map(Vec::as_slice).unwrap_or_default());
                }
                syn::Item::Impl(block) => self.block(block),
                syn::Item::Trait(block) => {
                    for item in &block.items {
                        self.add(
                            Some(block.ident.to_string()),
                            name_of_trait_item(item),
                            item.to_token_stream(),
                        );
                    }
                }
                syn::Item::Macro(item) => self.invocation(item),
                syn::Item::Mod(_) | syn::Item::Use(_) => {}
                item => self.add(None, name_of_item(item), item.to_token_stream()),
            }
        }
    }

    fn block(&mut self, block: &syn::ItemImpl) {
        let owner = type_name(&block.self_ty);
        let is_drop = block.trait_.as_ref().is_some_and(|(path, _)| path.is_ident("Drop"));
        for item in &block.items {
            let name = match item {
                syn::ImplItem::Fn(item) => item.sig.ident.to_string(),
                syn::ImplItem::Const(item) => item.ident.to_string(),
                _ => String::new(),
            };
            self.add(Some(owner.clone()), name, item.to_token_stream());
            if is_drop {
                self.add(None, owner.clone(), item.to_token_stream());
            }
        }
    }

    fn add(&mut self, owner: Option<String>, name: String, body: TokenStream) {
        let mut references = BTreeSet::new();
        collect(body, owner.as_deref(), &mut references);
        let name = name.trim_start_matches("r#").to_owned();
        self.found.push(Definition { owner, names: [name].into(), references, ..self.file.clone() });
    }

    /// The definition of a macro, or a table that one reads: one definition a row.
    fn invocation(&mut self, item: &syn::ItemMacro) {
        let tokens = item.mac.tokens.clone();
        if let Some(name) = &item.ident {
            self.add(None, name.to_string(), tokens);
            if let Some(last) = self.found.last_mut() {
                last.is_macro = true;
            }
            return;
        }
        let reader = item.mac.path.segments.last().map(|segment| segment.ident.to_string());
        for row in rows(tokens) {
            let mut references = BTreeSet::new();
            collect(row, None, &mut references);
            let names = references.iter().map(|one| one.name().to_owned()).collect();
            self.found.push(Definition { names, references, table: reader.clone(), ..self.file.clone() });
        }
    }
}

/// Gives the rows of tables what their macro defines: the owner of its methods, and its references.
pub fn fill_tables(definitions: &mut [Definition]) {
    let macros: BTreeMap<_, _> = definitions
        .iter()
        .filter(|definition| definition.is_macro)
        .flat_map(|definition| {
            definition.names.iter().map(|name| (name.clone(), definition.references.clone()))
        })
        .collect();
    for row in definitions {
        let Some(body) = row.table.as_ref().and_then(|name| macros.get(name)) else { continue };
        let words: Vec<_> = row.names.iter().cloned().collect();
        for reference in body {
            row.references.extend(filled(reference, &words));
            if let Reference::Path(keyword, name) = reference {
                match keyword.as_str() {
                    "impl" => {
                        row.owner = Some(if name.starts_with('$') { String::new() } else { name.clone() })
                    }
                    "const" | "fn" => drop(row.names.insert(name.clone())),
                    _ => {}
                }
            }
        }
    }
}

/// A reference of a macro with each word of a row in the place of its variables.
fn filled(reference: &Reference, words: &[String]) -> Vec<Reference> {
    let options = |name: &String| if name.starts_with('$') { words.to_vec() } else { vec![name.clone()] };
    match reference {
        Reference::Path(owner, name) => {
            let names = options(name);
            let pair = |owner: &String| {
                names.iter().map(|name| Reference::Path(owner.clone(), name.clone())).collect()
            };
            options(owner).iter().flat_map(|owner| -> Vec<_> { pair(owner) }).collect()
        }
        Reference::Method(name) => options(name).into_iter().map(Reference::Method).collect(),
        Reference::Word(name) => options(name).into_iter().map(Reference::Word).collect(),
    }
}

/// The rows of a table, which end with semicolons, or else with commas.
fn rows(tokens: TokenStream) -> Vec<TokenStream> {
    let is_sign =
        |token: &TokenTree, letter| matches!(token, TokenTree::Punct(sign) if sign.as_char() == letter);
    let tokens: Vec<_> = tokens.into_iter().collect();
    let end = if tokens.iter().any(|token| is_sign(token, ';')) { ';' } else { ',' };
    tokens.split(|token| is_sign(token, end)).map(|row| row.iter().cloned().collect()).collect()
}

/// Adds what some tokens name. In a macro, a variable keeps its `$`, and `impl … X {`, `const X` and `fn X` are paths that
/// `fill_tables` reads.
fn collect(tokens: TokenStream, owner: Option<&str>, found: &mut BTreeSet<Reference>) {
    let (mut before, mut signs) = (None::<String>, String::new());
    let mut header = None::<String>;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let mut word = ident.to_string().trim_start_matches("r#").to_owned();
                if let Some(owner) = owner.filter(|_| word == "Self") {
                    owner.clone_into(&mut word);
                }
                if signs.ends_with('$') {
                    word.insert(0, '$');
                }
                match (signs.trim_end_matches('$'), &before) {
                    ("::", Some(before)) => found.insert(Reference::Path(before.clone(), word.clone())),
                    ("", Some(before)) if before == "const" || before == "fn" => {
                        found.insert(Reference::Path(before.clone(), word.clone()))
                    }
                    (".", Some(before)) if before == "self" && owner.is_some() => {
                        found.insert(Reference::Path(owner.unwrap_or_default().to_owned(), word.clone()))
                    }
                    (sign, _) if sign.ends_with("::") || sign == "." => {
                        found.insert(Reference::Method(word.clone()))
                    }
                    _ => found.insert(Reference::Word(word.clone())),
                };
                header = if word == "impl" { Some(String::new()) } else { header.map(|_| word.clone()) };
                before = Some(word).filter(|word| word != "const" || signs != "*");
                signs.clear();
            }
            TokenTree::Punct(sign) => {
                if ![':', '$', '.'].contains(&sign.as_char()) {
                    before = None;
                }
                signs.push(sign.as_char());
            }
            TokenTree::Group(group) => {
                if let Some(name) = header.take_if(|_| group.delimiter() == Delimiter::Brace) {
                    found.insert(Reference::Path("impl".into(), name));
                }
                collect(group.stream(), owner, found);
                (before, signs) = (None, String::new());
            }
            TokenTree::Literal(_) => (before, signs) = (None, String::new()),
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|one| one.path().is_ident("cfg") && one.to_token_stream().to_string().contains("test"))
}

fn type_name(kind: &syn::Type) -> String {
    match kind {
        syn::Type::Path(path) => {
            path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
        }
        syn::Type::Reference(reference) => type_name(&reference.elem),
        _ => String::new(),
    }
}

fn name_of_item(item: &syn::Item) -> String {
    let ident = match item {
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Const(item) => &item.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        _ => return String::new(),
    };
    ident.to_string()
}

fn name_of_trait_item(item: &syn::TraitItem) -> String {
    match item {
        syn::TraitItem::Fn(item) => item.sig.ident.to_string(),
        syn::TraitItem::Const(item) => item.ident.to_string(),
        _ => String::new(),
    }
}
