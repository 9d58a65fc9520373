//! Which crate may depend on which: the table, and the check of cargo's graph against it.

use super::tree::Breach;

/// Each crate with the crates of the workspace that it may use, lowest first.
pub const LAYERS: &[(&str, &[&str])] = &[
    ("mlx-sys", &[]),
    ("mlx-derive", &[]),
    ("mlx-cpu", &[]),
    ("mlx-testkit", &[]),
    ("mlx-core", &["mlx-sys", "mlx-derive", "mlx-cpu"]),
    ("mlx-hub", &[]),
    ("mlx-text", &[]),
    ("mlx-image", &[]),
    ("mlx-memory", &["mlx-core"]),
    ("mlx-nn", &["mlx-core", "mlx-derive"]),
    ("mlx-examples", &["mlx-core", "mlx-nn", "mlx-testkit"]),
    ("mlx-lm", &["mlx-core", "mlx-memory", "mlx-nn", "mlx-hub", "mlx-text"]),
    ("mlx-vision", &["mlx-core", "mlx-nn"]),
    (
        "mlx-embed",
        &["mlx-core", "mlx-memory", "mlx-nn", "mlx-hub", "mlx-text", "mlx-image", "mlx-vision", "mlx-lm"],
    ),
    ("mlx-audio", &["mlx-core", "mlx-memory", "mlx-nn", "mlx-hub", "mlx-text", "mlx-lm"]),
    (
        "mlx-vlm",
        &["mlx-core", "mlx-memory", "mlx-nn", "mlx-hub", "mlx-text", "mlx-image", "mlx-vision", "mlx-lm"],
    ),
    (
        "mlx-serve",
        &[
            "mlx-core",
            "mlx-memory",
            "mlx-nn",
            "mlx-hub",
            "mlx-text",
            "mlx-image",
            "mlx-lm",
            "mlx-embed",
            "mlx-audio",
            "mlx-vlm",
        ],
    ),
    (
        "mlx-cli",
        &[
            "mlx-sys",
            "mlx-core",
            "mlx-memory",
            "mlx-nn",
            "mlx-hub",
            "mlx-text",
            "mlx-image",
            "mlx-lm",
            "mlx-embed",
            "mlx-audio",
            "mlx-vlm",
            "mlx-serve",
        ],
    ),
    ("xtask", &[]),
];

/// Where the table is, for messages.
const TABLE: &str = "LAYERS in xtask/src/tidy/layers.rs";

/// What only tests and examples may use.
const TEST_ONLY: [&str; 2] = ["mlx-testkit", "mlx-examples"];

/// A crate of the workspace with the names of its dependencies.
pub struct Crate {
    pub name: String,
    pub manifest: String,
    pub normal: Vec<String>,
    pub dev: Vec<String>,
}

/// Every crate is in the table, and depends on what the table says.
pub fn check(crates: &[Crate]) -> Vec<Breach> {
    crates.iter().flat_map(check_crate).collect()
}

fn check_crate(one: &Crate) -> Vec<Breach> {
    let breach = |message| Breach { path: one.manifest.clone(), line: 1, message };
    let Some(allowed) = allowed(&one.name) else {
        return vec![breach(format!("{} is not in {TABLE}", one.name))];
    };
    let forbidden = |name: &&String| self::allowed(name).is_some() && !allowed.contains(&name.as_str());
    let normal = one.normal.iter().filter(forbidden);
    let dev = one
        .dev
        .iter()
        .filter(|name| !TEST_ONLY.contains(&name.as_str()) && **name != one.name)
        .filter(forbidden);
    normal
        .chain(dev)
        .map(|name| breach(format!("{} may not depend on {name}: see {TABLE}", one.name)))
        .collect()
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, below)| *below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, normal: &[&str], dev: &[&str]) -> Vec<String> {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let one = Crate {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            normal: names(normal),
            dev: names(dev),
        };
        check(&[one]).into_iter().map(|breach| breach.message).collect()
    }

    #[test]
    fn an_upward_edge_is_found() {
        let found = messages("mlx-core", &["mlx-sys", "mlx-nn", "serde"], &[]);
        assert_eq!(found, [format!("mlx-core may not depend on mlx-nn: see {TABLE}")]);
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_from_above() {
        assert!(messages("mlx-core", &["mlx-cpu"], &["mlx-testkit", "tempfile"]).is_empty());
        assert_eq!(messages("mlx-core", &["mlx-testkit"], &["mlx-lm"]).len(), 2);
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(messages("mlx-new", &[], &[]), [format!("mlx-new is not in {TABLE}")]);
    }

    #[test]
    fn the_table_points_down() {
        for (index, (name, below)) in LAYERS.iter().enumerate() {
            for one in *below {
                let place = LAYERS.iter().position(|(known, _)| known == one);
                assert!(place.is_some_and(|place| place < index), "{name} -> {one}");
            }
        }
    }
}
