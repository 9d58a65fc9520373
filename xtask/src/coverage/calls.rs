//! Who calls what in mlx-core, by names.
//!
//! The graph says through which public item a function of mlx-c is reached; that it is reached at all, the linker
//! says (`linked`). It is an approximation: a body is a bag of paths, methods and words, without types. A path
//! `a::b` leads to `b` of the module or type `a`; where there is none, as in `T::FREE`, to every `b`, but at a
//! higher cost, so that a shortest way prefers what is certain. A method `.b()` does so if one type alone has it. A table such as
//! `unary! { abs, .. }` is one definition a row: each word of the row takes the place of each `$variable`.
//! A type is dropped where it is named.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;

use anyhow::{Context, Result};

use super::definitions::{self, Definition, Reference};

const CERTAIN: u32 = 1;
const GUESSED: u32 = 8;
/// How much farther an item of the function's own name may be than the nearest.
const SLACK: u32 = 2;

/// The definitions of mlx-core and which of them name which.
pub struct Calls {
    definitions: Vec<Definition>,
    /// For each definition those that name it, and how sure that is.
    callers: Vec<Vec<(usize, u32)>>,
}

impl Calls {
    /// Reads the sources under `crates/mlx-core/src`.
    pub fn of_core(root: &Path) -> Result<Self> {
        let mut definitions = Vec::new();
        let source = root.join("crates/mlx-core/src");
        for path in files(&source)? {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let relative = path.strip_prefix(&source).unwrap_or(&path);
            definitions.extend(definitions::read(relative, &text)?);
        }
        Ok(Self::new(definitions))
    }

    fn new(mut definitions: Vec<Definition>) -> Self {
        definitions::fill_tables(&mut definitions);
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, definition) in definitions.iter().enumerate() {
            for name in &definition.names {
                by_name.entry(name).or_default().push(at);
            }
        }
        let mut callers = vec![Vec::new(); definitions.len()];
        for (at, definition) in definitions.iter().enumerate() {
            for reference in &definition.references {
                for (target, cost) in targets(&definitions, &by_name, definition, reference) {
                    callers[target].push((at, cost));
                }
            }
        }
        Self { definitions, callers }
    }

    /// The functions of mlx-c that the `ffi` folder names.
    pub fn raw_names(&self) -> BTreeSet<&str> {
        let inside = self.definitions.iter().filter(|definition| definition.is_ffi());
        inside.flat_map(|definition| definition.raw_names()).collect()
    }

    /// The nearest public item through which a function of mlx-c is called; one of its name may be a little farther.
    pub fn way_to(&self, function: &str, items: &BTreeSet<String>) -> Option<String> {
        let mut heap = BinaryHeap::new();
        for (at, definition) in self.definitions.iter().enumerate() {
            if definition.is_ffi() && definition.raw_names().any(|name| name == function) {
                heap.push(Reverse((0, at)));
            }
        }
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        let mut farthest = u32::MAX;
        while let Some(Reverse((cost, at))) = heap.pop() {
            if cost > farthest {
                break;
            }
            if !seen.insert(at) {
                continue;
            }
            match self.definitions[at].public_item(items) {
                Some(item) => {
                    farthest = farthest.min(cost + SLACK);
                    found.insert((!is_named_after(function, &item), cost, item));
                }
                None => {
                    heap.extend(self.callers[at].iter().map(|(caller, step)| Reverse((cost + step, *caller))))
                }
            }
        }
        found.pop_first().map(|(_, _, item)| item)
    }
}

/// Whether an end of the item's path, such as `group_size`, begins the function's name.
fn is_named_after(function: &str, item: &str) -> bool {
    let (function, path) = (function.trim_start_matches("mlx_"), item.to_lowercase().replace("::", "_"));
    let ends = path.match_indices('_').map(|(at, _)| &path[at + 1..]).chain([path.as_str()]);
    ends.filter(|end| end.len() > 2)
        .any(|end| function.strip_prefix(end).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}

/// Where a reference may lead.
fn targets(
    definitions: &[Definition],
    by_name: &BTreeMap<&str, Vec<usize>>,
    from: &Definition,
    reference: &Reference,
) -> Vec<(usize, u32)> {
    let named = |name: &str| by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    let of = |owner: &str, name: &str| -> Vec<(usize, u32)> {
        let owned = named(name).iter().filter(|&&at| definitions[at].is_in(owner));
        owned.map(|&at| (at, CERTAIN)).collect()
    };
    let guess = |name: &str| named(name).iter().map(|&at| (at, GUESSED)).collect();
    let (certain, may_guess) = match reference {
        Reference::Path(owner, name) if owner == "sys" && name.starts_with("mlx_") => (of("", name), false),
        Reference::Path(owner, name) => {
            let is_vague = owner.len() <= 2 || ["super", "self", "crate"].contains(&owner.as_str());
            (of(owner, name), is_vague)
        }
        Reference::Word(name) => match from.imports.get(name) {
            Some(owner) => (of(owner, name), true),
            None => (of(from.module(), name), false),
        },
        Reference::Method(name) => {
            let owners: BTreeSet<_> = named(name).iter().map(|&at| &definitions[at].owner).collect();
            (Vec::new(), owners.len() == 1)
        }
    };
    if certain.is_empty() && may_guess { guess(reference.name()) } else { certain }
}

/// The Rust sources below a folder.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(files: &[(&str, &str)], function: &str, items: &[&str]) -> Option<String> {
        let read = |(path, text): &(&str, &str)| definitions::read(Path::new(path), text).unwrap();
        let calls = Calls::new(files.iter().flat_map(read).collect());
        calls.way_to(function, &items.iter().map(|item| (*item).to_owned()).collect())
    }

    const RAW: (&str, &str) = (
        "ffi/raw.rs",
        "pub(crate) fn abs() { call::array(|| unsafe { sys::mlx_abs() }) } pub(crate) fn exp() { sys::mlx_exp() }",
    );

    #[test]
    fn a_row_of_a_table_leads_to_its_method() {
        let table = (
            "ops/unary.rs",
            "use crate::ffi::raw; macro_rules! unary { ($($name:ident,)*) => { impl Array {$( pub fn $name(&self) \
             { raw::$name(self) } )*} }; } unary! { /// Far.\n abs, exp, }",
        );
        let items = ["Array::abs", "Array::exp"];
        assert_eq!(way(&[RAW, table], "mlx_abs", &items).unwrap(), "Array::abs");
        assert_eq!(way(&[RAW, table], "mlx_exp", &items).unwrap(), "Array::exp");
    }

    #[test]
    fn private_functions_between_are_gone_through() {
        let ops = ("fast.rs", "use crate::ffi::raw; pub fn norm() { inner() } fn inner() { raw::abs(); }");
        assert_eq!(way(&[RAW, ops], "mlx_abs", &["fast::norm"]).unwrap(), "fast::norm");
        assert_eq!(way(&[RAW, ops], "mlx_exp", &["fast::norm"]), None);
    }

    #[test]
    fn of_near_items_the_one_of_the_name_is_taken() {
        let ops = (
            "fast.rs",
            "use crate::ffi::raw; pub fn abs() { inner() } fn inner() { raw::abs(); } pub fn a() { raw::abs() }",
        );
        assert_eq!(way(&[RAW, ops], "mlx_abs", &["fast::a", "fast::abs"]).unwrap(), "fast::abs");
        assert!(is_named_after("mlx_distributed_group_size", "distributed::Group::size"));
        assert!(
            is_named_after("mlx_sum_axes", "Array::sum")
                && !is_named_after("mlx_vector_int_size", "Array::size")
        );
    }

    #[test]
    fn tests_call_nothing() {
        let ops = ("fast.rs", "#[cfg(test)] mod tests { pub fn norm() { crate::ffi::raw::abs() } }");
        assert_eq!(way(&[RAW, ops], "mlx_abs", &["fast::norm"]), None);
    }

    #[test]
    fn a_function_value_is_a_call() {
        let memory = ("ffi/memory.rs", "pub(crate) fn active() { read(sys::mlx_get_active_memory) }");
        let public = ("memory.rs", "pub fn active() { ffi::memory::active() }");
        let found = way(&[memory, public], "mlx_get_active_memory", &["memory::active"]);
        assert_eq!(found.unwrap(), "memory::active");
    }

    #[test]
    fn a_handle_is_freed_where_its_type_is_named() {
        let owned = (
            "ffi/owned.rs",
            "macro_rules! handles { ($($raw:ident { $field:ident } => $free:ident,)*) => {$( impl Raw for sys::$raw { const FREE: F = sys::$free; } )*}; } \
             handles! { mlx_map { ctx } => mlx_map_free, mlx_list { ctx } => mlx_list_free, }",
        );
        let map =
            ("ffi/map.rs", "pub(super) struct Arrays(Owned<sys::mlx_map>); impl Arrays { fn new() {} }");
        let io = ("ffi/io.rs", "use super::map::Arrays; pub(crate) fn load() { Arrays::new() }");
        let public = ("io/file.rs", "pub fn load() { ffi::io::load() }");
        let files = [owned, map, io, public];
        assert_eq!(way(&files, "mlx_map_free", &["io::load"]).unwrap(), "io::load");
        assert_eq!(way(&files, "mlx_list_free", &["io::load"]), None);
    }
}
