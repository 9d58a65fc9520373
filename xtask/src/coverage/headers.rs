//! What mlx-c declares.

use std::path::Path;

use anyhow::{Context, Result};

/// Headers of what serves the other functions: arrays as handles, containers, closures, errors.
const PLUMBING: [&str; 7] =
    ["array.h", "vector.h", "closure.h", "map.h", "string.h", "error.h", "transforms_impl.h"];

/// A function of mlx-c.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub header: String,
    pub name: String,
}

impl Function {
    /// Whether it does something that a user of MLX would ask for.
    pub fn is_semantic(&self) -> bool {
        !PLUMBING.contains(&self.header.as_str())
    }
}

/// What every header declares for x86-64, by header.
pub fn declared(root: &Path) -> Result<Vec<Function>> {
    let folder = root.join("vendor/mlx-c/mlx/c");
    let list = std::fs::read_dir(&folder)
        .with_context(|| format!("{}: run cargo xtask vendor", folder.display()))?;
    let mut functions = Vec::new();
    for entry in list {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "h") {
            let header = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).with_context(|| header.clone())?;
            let names = names(&text).into_iter().filter(|name| !is_arm_only(name));
            functions.extend(names.map(|name| Function { header: header.clone(), name }));
        }
    }
    functions.sort_by(|a, b| (&a.header, &a.name).cmp(&(&b.header, &b.name)));
    Ok(functions)
}

/// The accessors of 16-bit floats, which other processors' compilers have no type for.
fn is_arm_only(name: &str) -> bool {
    name.ends_with("_float16") || name.ends_with("_bfloat16")
}

/// The names that stand before a list of parameters, outside of any other.
fn names(text: &str) -> Vec<String> {
    let text = without_comments(text);
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let (mut depth, mut word, mut found) = (0, String::new(), Vec::new());
    for letter in code.chars() {
        match letter {
            '(' => {
                if depth == 0 && word.trim_start_matches('_').starts_with("mlx_") {
                    found.push(std::mem::take(&mut word));
                }
                depth += 1;
            }
            ')' => depth -= 1,
            _ => {}
        }
        match letter {
            letter if letter.is_alphanumeric() || letter == '_' => word.push(letter),
            _ => word.clear(),
        }
    }
    found
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out += before;
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out += rest;
    out.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_declarations_count() {
        let text = "// int mlx_no(void);\n#define mlx_error(x) _mlx_error(x)\n/* int mlx_no2(int); */\n\
                    int mlx_abs(\n    mlx_array* res,\n    int (*fun)(mlx_array*, void*));\nvoid _mlx_error(const char*);\n\
                    typedef struct mlx_array_ { void* ctx; } mlx_array;\n";
        assert_eq!(names(text), ["mlx_abs", "_mlx_error"]);
    }

    #[test]
    fn plumbing_is_not_semantic() {
        let of = |header: &str| Function { header: header.into(), name: "mlx_x".into() }.is_semantic();
        assert!(of("ops.h") && !of("vector.h"));
    }
}
