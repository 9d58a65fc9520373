//! The tables, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::calls::Calls;
use super::headers::Function;
use super::maps::Map;

/// What mlx-core must reach of mlx-c's functions for x86-64.
const C_FUNCTIONS: usize = 640;
/// What it must reach of Python's names, in percent, without the deprecated and GPU-only namespaces.
const PYTHON_PERCENT: usize = 97;
/// How many MLX 0.32.2 has, so that none is lost.
const PYTHON_NAMES: usize = 499;
/// How many its layers, losses, initialisers, optimisers and trees have.
const NN_NAMES: usize = 175;
const OUTSIDE_THE_BAR: [&str; 3] = ["mx.metal", "mx.cuda", "mx.array"];

/// What is known of mlx-c's functions.
pub struct Evidence {
    pub functions: Vec<Function>,
    pub linked: BTreeSet<String>,
    pub calls: Calls,
}

/// A table, its first line, and what would fail a check.
pub struct Table {
    pub text: String,
    pub summary: String,
    pub mistakes: Vec<String>,
}

/// How each function of mlx-c is reached.
pub fn c(evidence: &Evidence, items: &BTreeSet<String>, map: &Map) -> Table {
    let raw = evidence.calls.raw_names();
    let is_called = |name: &str| raw.contains(name) && evidence.linked.contains(name);
    let way_to = |name: &str| {
        let found = || map.paths.get(name).cloned().or_else(|| evidence.calls.way_to(name, items));
        is_called(name).then(found).flatten()
    };
    let mut mistakes = Vec::new();
    let mut groups: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    let (mut reached, mut semantic) = (Share::default(), Share::default());
    let (mut twins, mut by_rust) = (0, 0);
    for function in &evidence.functions {
        let name = function.name.as_str();
        let mut row = Row::new(name, way_to(name), map, items, &mut mistakes);
        if let (None, Some(twin)) = (&row.way, map.twins.get(name)) {
            row.way = way_to(twin);
            row.twin = Some(twin.clone());
            twins += usize::from(row.way.is_some());
        } else if let (None, Some(item)) = (&row.way, map.rust.get(name)) {
            row = Row { by_rust: true, ..Row::new(name, Some(item.clone()), map, items, &mut mistakes) };
            by_rust += usize::from(row.way.is_some());
        } else if map.twins.contains_key(name) || map.rust.contains_key(name) {
            mistakes.push(format!("{name}: has a twin, but is reached itself"));
        }
        if row.way.is_none() && row.reason.is_none() {
            mistakes.push(format!("{name}: {}", missing(is_called(name), raw.contains(name))));
        }
        reached.add(row.way.is_some());
        if function.is_semantic() {
            semantic.add(row.way.is_some());
        }
        groups.entry(&function.header).or_default().push(row);
    }
    let known: BTreeSet<_> = evidence.functions.iter().map(|function| function.name.as_str()).collect();
    mistakes.extend(strangers(map, &known, "mlx-c"));
    if reached.part < C_FUNCTIONS {
        mistakes.push(format!("{} functions of mlx-c are reached, fewer than {C_FUNCTIONS}", reached.part));
    }
    let summary = format!(
        "{reached} functions of mlx-c 0.7.0 are reached from safe Rust: {} by calls, {twins} by a twin, {by_rust} by what \
         Rust does itself; {semantic} of those that are not plumbing",
        reached.part - twins - by_rust
    );
    let introduction = "A twin is a function that does the same with other arguments, or more. Four more exist on other \
                        processors. Plumbing is what handles arrays, containers, closures, strings and errors. The \
                        item is the nearest that leads to the function.";
    Table { text: text("mlx-c from safe Rust", &summary, introduction, &groups), summary, mistakes }
}

fn missing(is_called: bool, is_named: bool) -> &'static str {
    match (is_called, is_named) {
        (true, _) => "is called, but no public item is known: add it to xtask/coverage/c.toml",
        (false, true) => {
            "no test in crates/mlx-core/tests reaches the binding: use and test it, or write a reason"
        }
        (false, false) => "mlx-core/src/ffi never calls it: bind it, or write a reason",
    }
}

/// What of mlx-core stands for each name of Python's.
pub fn python(items: &BTreeSet<String>, map: &Map) -> Table {
    let mut mistakes = Vec::new();
    let groups = named(items, map, &mut mistakes);
    let (all, bar) = (share(&groups, |_| true), share(&groups, |space| !OUTSIDE_THE_BAR.contains(&space)));
    if all.whole != PYTHON_NAMES {
        mistakes.push(format!("xtask/coverage/python.toml has {} names, not {PYTHON_NAMES}", all.whole));
    }
    if bar.part * 100 < bar.whole * PYTHON_PERCENT {
        mistakes.push(format!("{bar} names of Python's are reached, fewer than {PYTHON_PERCENT} %"));
    }
    let summary = format!(
        "{bar} names of Python's `mx`, `fast`, `linalg`, `fft`, `random` and `distributed` have a safe twin; {all} with \
         `mx.array`, `mx.metal` and `mx.cuda`"
    );
    let introduction = "Names are those of MLX 0.32.2.";
    Table { text: text("Python's MLX in Rust", &summary, introduction, &groups), summary, mistakes }
}

/// What of mlx-nn stands for each name of Python's layers, losses, optimisers and trees.
pub fn nn(items: &BTreeSet<String>, map: &Map) -> Table {
    let mut mistakes = Vec::new();
    let groups = named(items, map, &mut mistakes);
    let all = share(&groups, |_| true);
    if all.whole != NN_NAMES {
        mistakes.push(format!("xtask/coverage/nn.toml has {} names, not {NN_NAMES}", all.whole));
    }
    let summary = format!("{all} names of Python's `mlx.nn`, `mlx.optimizers` and `mlx.utils` have a twin");
    let introduction =
        "Names are those of MLX 0.32.2; items are mlx-nn's, where they do not begin with `mlx_core`.";
    Table { text: text("Python's layers in Rust", &summary, introduction, &groups), summary, mistakes }
}

/// The names of a map by their namespace.
fn named<'a>(
    items: &BTreeSet<String>,
    map: &'a Map,
    mistakes: &mut Vec<String>,
) -> BTreeMap<&'a str, Vec<Row>> {
    let names: BTreeSet<_> = map.paths.keys().chain(map.reasons.keys()).map(String::as_str).collect();
    let mut groups: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for name in names {
        let row = Row::new(name, map.paths.get(name).cloned(), map, items, mistakes);
        let space = name.rsplit_once('.').map_or("", |(space, _)| space);
        groups.entry(space).or_default().push(row);
    }
    groups
}

/// How many names of some namespaces are reached.
fn share(groups: &BTreeMap<&str, Vec<Row>>, counts: impl Fn(&str) -> bool) -> Share {
    let mut share = Share::default();
    for row in groups.iter().filter(|(space, _)| counts(space)).flat_map(|(_, rows)| rows) {
        share.add(row.way.is_some());
    }
    share
}

/// A name, and the item or the reason that it has.
struct Row {
    name: String,
    way: Option<String>,
    reason: Option<String>,
    /// The function through which the item reaches what the name stands for.
    twin: Option<String>,
    /// Whether the item does the same without a call.
    by_rust: bool,
}

impl Row {
    /// A row, and what is wrong with what people wrote about it.
    fn new(
        name: &str,
        way: Option<String>,
        map: &Map,
        items: &BTreeSet<String>,
        mistakes: &mut Vec<String>,
    ) -> Self {
        let reason = map.reasons.get(name).cloned();
        // What Rust has itself needs no item here.
        let exists = |item: &String| items.contains(item) || item.starts_with("std::");
        if let Some(item) = way.iter().find(|item| !exists(item)) {
            mistakes.push(format!("{name}: no crate documents `{item}`"));
        }
        let way = way.filter(exists);
        if way.is_some() && reason.is_some() {
            mistakes.push(format!("{name}: has a reason, but is reached"));
        }
        if reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            mistakes.push(format!("{name}: its reason is empty"));
        }
        Self { name: name.to_owned(), way, reason, twin: None, by_rust: false }
    }
}

/// Names in a map that nobody knows.
fn strangers(map: &Map, known: &BTreeSet<&str>, source: &str) -> Vec<String> {
    let names = map.paths.keys().chain(map.reasons.keys()).chain(map.twins.keys()).chain(map.rust.keys());
    names
        .filter(|name| !known.contains(name.as_str()))
        .map(|name| format!("{name}: {source} has none"))
        .collect()
}

/// So many of so many.
#[derive(Default)]
struct Share {
    part: usize,
    whole: usize,
}

impl Share {
    fn add(&mut self, is_in: bool) {
        self.part += usize::from(is_in);
        self.whole += 1;
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.part, self.whole)
    }
}

fn text(title: &str, summary: &str, introduction: &str, groups: &BTreeMap<&str, Vec<Row>>) -> String {
    let mut out = format!(
        "<!-- generated by `cargo xtask coverage`; do not edit -->\n# {title}\n\n{summary}. {introduction}\n"
    );
    for (group, rows) in groups {
        let _ = write!(out, "\n## `{group}`\n\n| name | reached through |\n| --- | --- |\n");
        for Row { name, way, reason, twin, by_rust } in rows {
            let cell = match (way, twin) {
                (Some(item), None) if *by_rust => format!("`{item}`, without a call"),
                (Some(item), None) => format!("`{item}`"),
                (Some(item), Some(twin)) => format!("`{item}`, by `{twin}`"),
                (None, _) => format!("not: {}", reason.as_deref().unwrap_or("?")),
            };
            let _ = writeln!(out, "| `{name}` | {cell} |");
        }
    }
    out
}
