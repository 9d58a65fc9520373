//! Pieces of texts between tags.

/// What is between `open` and the `close` after it, and what follows.
pub(super) fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<(&'t str, &'t str)> {
    text.split_once(open)?.1.split_once(close)
}

/// All pieces between `open` and the `close` after it.
pub(super) fn sections<'t>(text: &'t str, open: &'t str, close: &'t str) -> impl Iterator<Item = &'t str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (section, after) = between(rest, open, close)?;
        rest = after;
        Some(section)
    })
}

/// A name without the quotes around it.
pub(super) fn unquoted(name: &str) -> &str {
    let name = name.trim();
    let inside = |quote| name.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(name)
}

/// A value without the line break before it and after it.
pub(super) fn without_line_breaks(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}

/// The value of `name="value"` among the attributes of a tag.
pub(super) fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let mut rest = tag;
    loop {
        let (before, after) = rest.split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
        if word == Some(name) {
            return Some(value);
        }
        rest = next;
    }
}
